"""What /proc tells of others, PID 1 first of all."""

import os
import sys

DENIED = (
    "environ",
    "mem",
    "maps",
    "auxv",
    "stack",
    "fd",
    "fdinfo",
    "map_files",
    "root/proc",
    "cwd/etc",
    "exe",
    "ns/net",
)


def readable(path):
    try:
        if os.path.isdir(path):
            return bool(os.listdir(path))
        with open(path, "rb") as file:
            return bool(file.read(1))
    except OSError:
        return False


for name in DENIED:
    if readable(f"/proc/1/{name}"):
        print("BREACH read /proc/1/", name, sep="")
own = os.getpid()
try:
    entries = os.listdir("/proc")
except OSError:
    entries = []
for entry in entries:
    if entry.isdigit() and int(entry) not in (1, own):
        print("BREACH sees process", entry)
        break
try:
    words = open("/proc/1/cmdline", "rb").read().strip(b"\0").split(b"\0")
    if len(words) > 1:
        print("BREACH reads PID 1's arguments", words)
except OSError:
    pass
if os.path.exists(f"/proc/{sys.argv[3]}") and int(sys.argv[3]) > 64:
    print("BREACH sees the host's process", sys.argv[3])
