"""Programs that misbehave end within their limits with the verdict they have earned, and harm nobody."""

import socket

import pytest

from execution import languages
from submissions import judging
from submissions.models import Submission
from tests.factories import make_question, make_user

pytestmark = pytest.mark.django_db(transaction=True)

FORK_BOMB = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
CONNECT = """
import socket
socket.create_connection(("127.0.0.1", PORT), timeout=2)
print(3)
"""
SPIN = "int main(){volatile unsigned x = 0; for (;;) x++;}"
CRASH = "int main(){volatile int *p = 0; *p = 1;}"
FLOOD = """
#include <stdio.h>
int main() { for (int i = 0; i < 100 << 20; i++) putchar(65); }
"""
TOUCH_2_GB = """
#include <stdlib.h>
#include <string.h>
int main() { for (int i = 0; i < 2048; i++) { char *p = malloc(1 << 20); if (!p) return 9; memset(p, 1, 1 << 20); } }
"""

PROGRAMS = {
    "right": ("python", "print(sum(map(int, input().split())))", {"AC"}),
    "endless loop": ("c", SPIN, {"TLE"}),
    "sleeps for ever": ("python", "import time\ntime.sleep(1000)", {"TLE"}),
    "touches 2 GB": ("c", TOUCH_2_GB, {"MLE"}),
    "does not compile": ("cpp", "int main() { return x; }", {"CE"}),
    "syntax error": ("python", "print(", {"RTE"}),
    "segmentation fault": ("c", CRASH, {"RTE"}),
    "exit code 3": ("python", "raise SystemExit(3)", {"RTE"}),
    "100 MB of output": ("c", FLOOD, {"OLE"}),
    "fork bomb": ("python", FORK_BOMB, {"TLE", "RTE"}),
    "reads /etc/shadow": ("python", "print(open('/etc/shadow').read())", {"RTE"}),
    "connects": ("python", CONNECT, {"RTE"}),
}


def submit(question, language: str, source: str) -> Submission:
    return judging.submit(
        user=make_user(), question=question, language=languages.get(language), source=source
    )


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.full
def test_a_program_that_misbehaves_gets_its_verdict_and_the_next_one_is_judged_as_usual(engine, work, name):
    """S1.50, S1.51, S3.31 (in part)"""
    language, source, expected = PROGRAMS[name]
    # Touching memory takes the kernel's time: more than these 300 ms on a busy machine.
    time_limit_ms = 3000 if "MLE" in expected else 300
    question = make_question(cases=[("1 2\n", "3\n", True)], time_limit_ms=time_limit_ms)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        hostile = submit(question, language, source.replace("PORT", str(listener.getsockname()[1])))
        harmless = submit(question, "python", "print(3)")

        work(concurrency=1)

        with pytest.raises(BlockingIOError):
            listener.accept()
    hostile.refresh_from_db()
    harmless.refresh_from_db()
    assert (hostile.status, hostile.verdict in expected) == ("done", True), hostile.verdict
    assert harmless.verdict == "AC"


def test_what_was_printed_before_the_limit_is_kept_and_said_to_be_cut(engine, work):
    question = make_question(cases=[("1 2\n", "3\n", True)], output_limit_kib=64)
    submission = submit(question, "c", FLOOD)

    work()

    result = submission.case_results.get()
    assert (result.verdict, result.truncated) == ("OLE", True)
    assert bytes(result.output) == b"A" * 64 * 1024
