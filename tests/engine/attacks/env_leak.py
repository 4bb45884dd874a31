"""What was inherited: environment and descriptors."""

import os

KNOWN = {"PATH", "HOME", "LANG", "TMPDIR", "PYTHONDONTWRITEBYTECODE", "ASAN_OPTIONS", "PWD", "LC_CTYPE"}
if unknown := set(os.environ) - KNOWN:
    print("BREACH environment:", *sorted(unknown))
for number in range(3, 1024):
    try:
        print("BREACH descriptor", number, os.fstat(number))
    except OSError:
        pass
