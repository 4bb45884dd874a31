"""Other rights than its own, through files or calls."""

import ctypes
import os
import shutil
import subprocess

for call in (os.setuid, os.setgid):
    try:
        call(0)
        print("BREACH", call.__name__)
    except OSError:
        pass
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
if any(int(status[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")):
    print("BREACH has capabilities")
if int(status["NoNewPrivs"]) != 1:
    print("BREACH may gain rights by running files")
if ctypes.CDLL(None).setgroups(0, None) == 0:
    print("BREACH setgroups")
shutil.copy("/usr/bin/id", "./id")
os.chmod("./id", 0o6755)
own = str(os.getuid())
answers = [
    subprocess.run(["./id", option], capture_output=True, text=True).stdout.strip()
    for option in ("-u", "-ru")
]
if answers != [own, own]:
    print("BREACH runs as", answers)
for path in ("/usr/bin/su", "/usr/bin/passwd", "/usr/bin/mount", "/usr/bin/newgrp", "/usr/bin/chsh"):
    if os.path.exists(path) and os.stat(path).st_mode & 0o4000:
        with subprocess.Popen(
            [path, "--help"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as started:
            try:
                lines = dict(line.split(":", 1) for line in open(f"/proc/{started.pid}/status"))
                if set(lines["Uid"].split()) != {own}:
                    print("BREACH", path, "runs as", lines["Uid"])
            except (OSError, ValueError):
                pass
