"""Names that lead the reader of /box/out elsewhere; directories too deep to remove by recursion."""

import contextlib
import os
import socket
import sys

os.symlink(sys.argv[2], "out")
os.symlink("/etc/shadow", "shadow")
os.symlink("..", "up")
os.mkfifo("fifo")
with contextlib.suppress(OSError):
    socket.socket(socket.AF_UNIX).bind("sock")
for _ in range(1500):
    os.mkdir("d")
    os.chdir("d")
for path in (sys.argv[2], "/etc/shadow"):
    try:
        print("BREACH read", path, len(open(path).read()))
    except OSError:
        pass
