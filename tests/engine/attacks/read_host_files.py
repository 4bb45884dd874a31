"""Files of the host that lie outside of /usr."""

import os
import sys

ALLOWED = {
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "box",
    "dev",
    "etc",
    "proc",
    "tmp",
    "usr",
    ".init",
}
try:
    if others := set(os.listdir("/")) - ALLOWED:
        print("BREACH sees", *sorted(others))
except OSError:
    pass
for path in (
    sys.argv[2],
    "/etc/shadow",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/machine-id",
    "/etc/ssl",
    "/proc/1/root/etc",
):
    try:
        os.listdir(path) if os.path.isdir(path) else open(path).read()
        print("BREACH reads", path)
    except OSError:
        pass
try:
    with open("/etc/passwd") as users:
        if any(not line.startswith("nobody:") for line in users):
            print("BREACH reads the host's users")
except OSError:
    pass
for path in (
    "../" * 20 + sys.argv[2].lstrip("/"),
    f"/proc/self/root{sys.argv[2]}",
    f"/dev/fd/../..{sys.argv[2]}",
):
    if os.path.exists(path):
        print("BREACH reaches", path)
