"""Input where there is none: the terminal, and more than was given."""

import os
import sys

sys.stdin.read()
if os.read(0, 1):
    print("BREACH more input")
for path in ("/dev/tty", "/dev/console", "/dev/pts/0", "/dev/ptmx"):
    try:
        os.open(path, os.O_RDWR | os.O_NONBLOCK)
        print("BREACH opened", path)
    except OSError:
        pass
