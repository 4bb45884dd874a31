"""Run twice: what the first run leaves, the second looks for."""

import ctypes
import os

libc = ctypes.CDLL(None)
for path in (
    "/box/left",
    "/tmp/attack-left",
    "/var/tmp/attack-left",
    "/dev/shm/attack-left",
    "/run/attack-left",
):
    if os.path.exists(path):
        print("BREACH found", path)
    try:
        open(path, "w").close()
    except OSError:
        pass
if libc.shmget(0x617474, 4096, 0o600) >= 0:
    print("BREACH found a segment")
libc.shmget(0x617474, 4096, 0o1600)
if libc.msgget(0x617474, 0o600) >= 0:
    print("BREACH found a message queue")
libc.msgget(0x617474, 0o1600)
