"""Its input, changed for whoever reads it next."""

import os

for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_TRUNC):
    try:
        os.open("/proc/self/fd/0", flags)
        print("BREACH opened its input with", flags)
    except OSError:
        pass
for number in (0, 1, 2):
    try:
        if number == 0:
            os.ftruncate(0, 0)
            print("BREACH truncated its input")
    except OSError:
        pass
try:
    os.write(0, b"x")
    print("BREACH wrote to its input")
except OSError:
    pass
