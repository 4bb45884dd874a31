"""What ruff remarks on a Python program: a fixed choice of its rules, those that help whoever learns.

ruff parses and never runs it. It gets the source on standard input, no environment, no configuration (`--isolated`),
and nobody's leave to be silent (`--ignore-noqa`): comments in the program change nothing.
"""

import json
import os
import resource
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ruff import find_ruff_bin

from hints.answers import Remark, Severity
from hints.remarks import COMPILE, Linted, in_order, told

BY = "ruff"
WITHIN_S = 10.0
MOST_BYTES = 2 * 1024 * 1024  # of its answer; what comes after is not read
MEMORY_BYTES = 1024 * 1024 * 1024
INVALID = "invalid-syntax"
UNREADABLE = (
    "The linter could not read this program: it is too large, or nested too deeply. Split it into functions."
)


@dataclass(frozen=True)
class _Meaning:
    type: str
    severity: Severity
    codes: str


_MEANINGS = (
    # It fails as soon as the line is reached.
    _Meaning(
        "correctness",
        Severity.ERROR,
        "F501 F502 F503 F505 F506 F507 F508 F509 F521 F524 F525 F621 F622 F633 F701 F702 F704 F706 F707 F821 F822 "
        "F823 PLE0100 PLE0101 PLE0115 PLE0116 PLE0117 PLE0118 PLE0241 PLE0302 PLE0303 PLE0304 PLE0305 PLE0307 "
        "PLE0704 PLE1132 PLE1142 PLE1300 PLE1307 PLE1310 PLE2502 PLE2510 PLE2512 PLE2513 PLE2514 PLE2515 RUF016",
    ),
    # It runs, but hardly as it was meant.
    _Meaning(
        "correctness",
        Severity.WARNING,
        "A001 A002 B002 B004 B005 B006 B012 B015 B016 B018 B020 B023 B025 B026 B029 B030 B031 B032 B033 B035 E721 "
        "E722 F402 F601 F631 F632 F634 F811 PIE794 PLE0643 PLR0124 PLR0133 PLR1704 PLW0127 PLW0128 PLW0129 PLW0131 "
        "PLW0133 PLW0177 PLW0245 PLW0642 PLW0711 RUF024 RUF032 RUF034 RUF060 SIM220 SIM221 SIM222 SIM223 W605",
    ),
    _Meaning("unused", Severity.WARNING, "F841"),
    _Meaning("unused", Severity.INFO, "ARG001 B007 F401 F504 F522 F523 F541 PLW0602 RUF059"),
    _Meaning("performance", Severity.WARNING, "RUF017"),
    _Meaning(
        "performance",
        Severity.INFO,
        "C411 C413 C414 C419 FURB129 FURB136 FURB192 PERF101 PERF102 PERF401 PERF402 PERF403 PLC0208 PLR1730 RUF015",
    ),
    _Meaning("complexity", Severity.WARNING, "C901"),
    _Meaning(
        "style",
        Severity.INFO,
        "B009 B010 B011 B013 B014 C400 C401 C402 C403 C404 C405 C409 C410 C416 C418 E701 E702 E703 E711 E712 E713 "
        "E714 E731 E741 E742 E743 F403 F405 PIE808 PIE810 PLC0206 PLR1711 PLR1714 PLR1736 PLR5501 PLW0120 PLW3301 "
        "RUF046 RUF057 SIM101 SIM102 SIM103 SIM110 SIM113 SIM114 SIM118 SIM201 SIM202 SIM208 SIM210 SIM211 SIM212",
    ),
)
RULES: Mapping[str, _Meaning] = {code: one for one in _MEANINGS for code in one.codes.split()}

_ARGUMENTS = (
    "check",
    "--isolated",
    "--ignore-noqa",
    "--no-cache",
    "--quiet",
    "--output-format=json-lines",
    "--target-version=py313",  # what a judge's Python cannot run yet, the judging says
    "--stdin-filename=script.py",
    f"--select={','.join(RULES)}",
    "-",
)


class _Unreadable(Exception):
    pass


def lint(source: str) -> Linted:
    """A program that ruff cannot read, because it is nested too deeply, say, has no remarks."""
    try:
        remarks = [_remark(one) for one in _parsed(_answer(source.encode(errors="replace")))]
    except _Unreadable:
        return Linted(BY, (), UNREADABLE)
    return Linted(BY, in_order(remarks, source))


def _answer(source: bytes) -> bytes:
    """What it prints, cut at MOST_BYTES. Raises _Unreadable."""
    with os.fdopen(os.memfd_create("program"), "w+b") as given:  # in memory: of no program is anything left
        given.write(source)
        given.seek(0)
        process = subprocess.Popen(
            [find_ruff_bin(), *_ARGUMENTS],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
        )
        return _read(process)


def _read(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    in_time = threading.Timer(WITHIN_S, process.kill)
    in_time.start()
    try:
        _bound(process.pid)
        output = process.stdout.read(MOST_BYTES)
        if len(output) == MOST_BYTES:
            process.kill()
            return output[: output.rfind(b"\n") + 1]
        if process.wait() not in (0, 1):  # 1: there is something to remark
            raise _Unreadable
        return output
    finally:
        in_time.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def _bound(pid: int) -> None:
    """A program that is nested deeply makes it fail; nothing of that program is to be left on a disk."""
    try:
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    except ProcessLookupError:
        pass  # it has ended already


def _parsed(output: bytes) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in output.splitlines())


def _remark(told_by_it: dict[str, Any]) -> Remark:
    line, code, message = told_by_it["location"]["row"], told_by_it["code"], told_by_it["message"]
    meaning = RULES.get(code)
    if meaning is None:
        return told(line, COMPILE, message, INVALID, Severity.ERROR)
    return told(line, meaning.type, message, code, meaning.severity)
