"""Whatever is reachable over a network: nothing but loopback is ever tried."""

import socket
import sys

port, bait = int(sys.argv[1]), sys.argv[2]
for family, kind, address in (
    (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)),
    (socket.AF_UNIX, socket.SOCK_STREAM, f"\0{bait}"),
):
    try:
        socket.socket(family, kind).connect(address)
        print("BREACH connected to", address)
    except OSError:
        pass
try:
    with open("/proc/net/dev") as devices:
        names = {line.partition(":")[0].strip() for line in devices if ":" in line}
    if names - {"lo"}:
        print("BREACH interfaces", names)
    with open("/proc/net/unix") as sockets:
        if bait in sockets.read():
            print("BREACH the host's sockets are listed")
except OSError:
    pass
for family in (
    socket.AF_INET,
    socket.AF_INET6,
    socket.AF_NETLINK,
    socket.AF_PACKET,
    socket.AF_VSOCK,
    socket.AF_ALG,
):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(family, kind)
            print("BREACH socket", family, kind)
        except OSError:
            pass
