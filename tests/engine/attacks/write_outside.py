"""Any place but its own directory and the ones for scratch."""

import os
import sys

OWN = ("/box", "/tmp", "/dev/shm", "/proc")
for place, folders, _ in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(place, name) not in OWN]
    if place.count("/") > 3:
        folders[:] = []
    if os.access(place, os.W_OK) and place not in OWN:
        print("BREACH may write in", place)
for path in (sys.argv[2], "/etc/passwd", "/.init", "/usr/bin/python3"):
    try:
        os.close(os.open(path, os.O_WRONLY))
        print("BREACH may write to", path)
    except OSError:
        pass
for path in ("/dev/null", "/dev/zero", "/usr", "/usr/bin/python3"):
    try:
        os.chmod(path, os.stat(path).st_mode & 0o7777)  # as it is
        print("BREACH may change the mode of", path)
    except OSError:
        pass
