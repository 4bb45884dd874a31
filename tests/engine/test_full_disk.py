"""An engine whose directory has no room left: its own fault, never what would be somebody's verdict."""

import subprocess
import sys
from pathlib import Path

from tests.chaos.small_disk import SmallDisk
from tests.engine.conftest import ready
from tests.platform.running import ROOT, clean_environment, leashed

SUM = "print(sum(map(int, input().split())))"
THREE = '#include <stdio.h>\nint main(void) { printf("%d\\n", 3); }\n'
C, PYTHON = 50, 71
ACCEPTED, INTERNAL_ERROR = 3, 13


def test_without_room_what_must_be_compiled_is_an_internal_error_and_with_room_all_is_judged_again(
    run_dir, tmp_path
):
    disk = SmallDisk(Path(run_dir) / "small", mib=4)
    process = subprocess.Popen(
        leashed(*disk.prefix(), sys.executable, "manage.py", "runengine", "--port", "0"),
        cwd=ROOT,
        env=clean_environment(
            tmp_path / "var",
            ENGINE_RUN_DIR=str(disk.directory),
            ENGINE_LANGUAGES="c,python",
            JUDGE0_AUTH_TOKEN="",
        ),
        stderr=subprocess.PIPE,
    )
    disk.pid = lambda: process.pid
    with ready(process) as engine:
        disk.fill()
        without = [engine.run(THREE, C), engine.run(SUM, PYTHON, stdin="1 2\n")]
        disk.free()
        again = [engine.run(THREE, C), engine.run(SUM, PYTHON, stdin="1 2\n")]

    assert without[0]["status"]["id"] == INTERNAL_ERROR
    told = without[1]["status"]["id"], without[1]["stdout"]
    assert told[0] == INTERNAL_ERROR or told == (ACCEPTED, b"3\n")
    assert [(one["status"]["id"], one["stdout"]) for one in again] == [(ACCEPTED, b"3\n")] * 2
