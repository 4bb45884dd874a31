"""The library and a real engine together: programs of each kind get their verdict."""

from decimal import Decimal

import pytest

from execution.pool import Pool
from execution.types import Case, Limits, Program, Verdict
from tests.execution.conftest import finish, judged_by, judgings

LIMITS = Limits(time_ms=500, memory_kib=128 * 1024, output_kib=1024)
SUM = [Case(n, lambda: b"1 2\n", lambda: b"3\n", points=Decimal(1)) for n in (1, 2, 3)]

RIGHT = "print(sum(map(int, input().split())))"
RIGHT_CPP = "#include <iostream>\nint main() { long a, b; std::cin >> a >> b; std::cout << a + b << '\\n'; }"
ENDLESS = "int main() { for (volatile int i = 0;; i++); }"
HUNGRY = """
#include <cstdlib>
#include <cstring>
int main() { char *volatile p = (char *)malloc(2000000000); memset(p, 1, 2000000000); return p[5] - 1; }
"""
CHATTY = "#include <cstdio>\nint main() { for (int i = 0; i < 100000000; i++) putchar('x'); }"
FORK_BOMB = "import os\nwhile True:\n    os.fork()"


@pytest.mark.parametrize(
    ("language", "source", "expected"),
    [
        ("python", RIGHT, {Verdict.AC}),
        ("cpp", RIGHT_CPP, {Verdict.AC}),
        ("c", '#include <stdio.h>\nint main(void) { puts("3"); return 0; }', {Verdict.AC}),
        ("python", "print(4)", {Verdict.WA}),
        ("cpp", ENDLESS, {Verdict.TLE}),
        ("python", "import time; time.sleep(60)", {Verdict.TLE}),
        ("cpp", HUNGRY, {Verdict.MLE}),
        ("cpp", "int main( {", {Verdict.CE}),
        ("cpp", "int main() { *(volatile int *)0 = 1; }", {Verdict.RTE}),
        ("python", "import sys; sys.exit(3)", {Verdict.RTE}),
        ("cpp", CHATTY, {Verdict.OLE}),
        ("python", "while True: print('x' * 1000)", {Verdict.OLE}),
        ("python", FORK_BOMB, {Verdict.TLE, Verdict.RTE}),
        ("python", "open('/etc/shadow').read()", {Verdict.RTE}),
        ("python", "import socket; socket.create_connection(('127.0.0.1', 80), 1)", {Verdict.RTE}),
    ],
    ids=[
        "right Python",
        "right C++",
        "right C",
        "wrong",
        "endless loop",
        "sleep",
        "2 GB touched",
        "no compilation",
        "segmentation fault",
        "exit code 3",
        "endless output of C++",
        "endless output of Python",
        "fork bomb",
        "password file",
        "network",
    ],
)
def test_each_kind_of_program_gets_its_verdict_and_the_next_one_is_judged_as_usual(
    engine, language, source, expected
):
    pool = Pool.from_settings()

    steps = judged_by(pool, SUM, program=Program(language, source.encode()), limits=LIMITS)
    following = judged_by(pool, SUM, program=Program("python", RIGHT.encode()), limits=LIMITS)

    assert finish(steps).verdict in expected
    assert finish(following).verdict is Verdict.AC


def test_a_segmentation_fault_is_told_from_an_exit_code(engine):
    pool = Pool.from_settings()
    fault, exit_code = (
        judgings(judged_by(pool, SUM, program=Program(language, source), limits=LIMITS))[0].run
        for language, source in (("cpp", b"int main() { __builtin_trap(); }"), ("python", b"exit(132)"))
    )

    assert fault
    assert exit_code
    assert (fault.signal, fault.exit_code) == (4, None)
    assert (exit_code.signal, exit_code.exit_code) == (None, 132)
