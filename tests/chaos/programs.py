"""What is submitted: programs whose verdicts are known, for two questions that differ in their policy only.

A case's input is `a b ms`, its answer a + b. Right programs sleep that long, so that faults meet them while they run
without keeping both cores busy.
"""

from dataclasses import dataclass

CASES = (
    ("1 2 0", "3", True),
    ("-4 9 50", "5", True),
    ("10 -30 150", "-20", False),
    ("7 7 100", "14", False),
    ("1000 24 50", "1024", False),
    ("-1 -1 400", "-2", False),
)
POLICIES = {"steps": "fail_fast", "all-at-once": "run_all"}
"""Of each question, by its slug."""

PYTHON = """
import time
a, b, ms = map(int, input().split())
time.sleep(ms / 1000)
print(a + b)
"""
C = """
#include <stdio.h>
#include <unistd.h>
int main(void) {
    int a, b, ms;
    if (scanf("%d %d %d", &a, &b, &ms) != 3) return 1;
    usleep(ms * 1000);
    printf("%d\\n", a + b);
}
"""
CPP = """
#include <chrono>
#include <iostream>
#include <thread>
int main() {
    int a, b, ms;
    std::cin >> a >> b >> ms;
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    std::cout << a + b << std::endl;
}
"""


@dataclass(frozen=True)
class Program:
    """`weight`: how often it is submitted, compared with others."""

    name: str
    question: str
    language: str
    source: str
    verdict: str
    weight: int = 1

    def numbered(self, number: int) -> str:
        """The source with a last line that tells the program and the submission: no two are the same."""
        comment = "#" if self.language == "python" else "//"
        return f"{self.source}\n{comment} {self.name} {number}"


def name_in(source: str) -> str:
    """Of a numbered source."""
    return source.rsplit(maxsplit=2)[1]


PROGRAMS = {
    one.name: one
    for one in (
        Program("right", "steps", "python", PYTHON, "AC", weight=5),
        Program("right-c", "steps", "c", C, "AC", weight=3),
        Program("right-cpp", "steps", "cpp", CPP, "AC"),
        Program("right-at-once", "all-at-once", "python", PYTHON, "AC", weight=3),
        Program("wrong-late", "steps", "python", PYTHON.replace("a + b", "max(a + b, -10)"), "WA", weight=2),
        Program("wrong-c", "all-at-once", "c", C.replace("a + b)", "a - b)"), "WA", weight=2),
        Program(
            "dies",
            "steps",
            "python",
            PYTHON.replace("print(", "if a > 5: raise SystemExit(3)\nprint("),
            "RTE",
        ),
        Program(
            "crashes", "all-at-once", "c", C.replace("usleep", "if (ms > 99) *(int *)0 = 1;\nusleep"), "RTE"
        ),
        Program("loops", "steps", "python", PYTHON.replace("print(", "while a < 0: pass\nprint("), "TLE"),
        Program("broken", "steps", "c", C.replace("int main", "int mian("), "CE"),
    )
}
