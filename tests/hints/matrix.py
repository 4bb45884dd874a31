"""Programs that are wrong in all the ways that a judge tells apart, and the page's table of what rules say of them.

`python -m tests.hints.matrix` judges them and writes the table in docs/hints.md again.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from execution import languages

if TYPE_CHECKING:  # Django is set up by pytest, not here
    from hints.evidence import Evidence
    from hints.findings import Finding

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "hints.md"
BEGIN, END = "<!-- matrix -->\n", "<!-- /matrix -->"
REWRITE = "REWRITE_MATRIX"
LONGEST = 180
HEAD = "| Language | What is wrong | Verdict | Level 1: nudge | Level 3: place |\n|---|---|---|---|---|\n"


@dataclass(frozen=True)
class Program:
    """What is wrong with it, the rule that has to find it, and where."""

    language: str
    wrong: str
    rule: str
    line: int | None
    case: int | None
    source: str


def programs() -> list[Program]:
    """`### language | what is wrong | rule | line | case`, and the program; - is none."""
    text = (Path(__file__).parent / "recorded" / "matrix.txt").read_text()
    return [_program(part) for part in text.split("### ")[1:]]


def _program(part: str) -> Program:
    head, _, source = part.partition("\n")
    language, wrong, rule, line, case = head.split(" | ")
    return Program(
        language, wrong, rule, int(line) if line != "-" else None, int(case) if case != "-" else None, source
    )


def table(programs: list[Program], judged: "list[Evidence]", found: "list[Finding]") -> str:
    return HEAD + "".join(map(_row, programs, judged, found))


def _row(program: Program, evidence: "Evidence", finding: "Finding") -> str:
    assert evidence.verdict
    name = languages.get(program.language).name
    cells = (name, program.wrong, evidence.verdict.value, _cell(finding.nudge), _cell(finding.place))
    return f"| {' | '.join(cells)} |\n"


def _cell(text: str) -> str:
    shown = text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"
    for sign in "\\|*_<`[":
        shown = shown.replace(sign, f"\\{sign}")
    return shown


def on_page() -> str:
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0]


def write(table: str) -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{table}{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    judging = [sys.executable, "-m", "pytest", "tests/hints/test_matrix.py", "-q"]
    sys.exit(subprocess.run(judging, cwd=ROOT, env=os.environ | {REWRITE: "1"}, check=False).returncode)
