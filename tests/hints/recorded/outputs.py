"""Programs and what came of them, for the rules on output, values, input, time and memory: `outputs.txt`.

    ### rule line language [checker=…] [reason=…] [verdict=…]      the rule speaks, of this line: -, where of none
    ### not rule language …                                        it keeps silent
    VERDICT public|hidden [time=…] | input | answer | output [| standard error]
    ---
    the program

How an output differs is what the checker says. Of a hidden case there is no more than a learner sees.
"""

from dataclasses import dataclass
from pathlib import Path

from execution import languages
from execution.checkers import check
from execution.types import Checker, CheckerKind, Verdict
from hints.evidence import Evidence, SeenCase


@dataclass(frozen=True)
class Outcome:
    """`hidden` are the texts of hidden cases, which nothing may tell."""

    rule: str
    speaks: bool
    line: int | None
    evidence: Evidence
    hidden: tuple[str, ...]


def outcomes() -> list[Outcome]:
    text = (Path(__file__).parent / "outputs.txt").read_text()
    return [_outcome(part) for part in text.split("### ")[1:]]


def _outcome(part: str) -> Outcome:
    head, _, rest = part.partition("\n")
    cases, _, source = rest.partition("---\n")
    words = [word for word in head.split() if "=" not in word]
    more = dict(word.split("=") for word in head.split() if "=" in word)
    checker = CheckerKind(more.get("checker", "tokens"))
    lines = cases.splitlines()
    seen = tuple(_case(number, line, checker) for number, line in enumerate(lines, 1))
    hidden = tuple(
        text for line in lines if " hidden " in line for text in _texts(line)[1:3] if len(text) > 3
    )
    failed = next((case.verdict for case in seen if case.has_failed), Verdict.AC if seen else None)
    evidence = Evidence(
        language=languages.get(words[2]),
        source=source,
        verdict=Verdict(more["verdict"]) if "verdict" in more else failed,
        reason=more.get("reason", ""),
        cases=seen,
        checker=checker,
    )
    speaks = words[0] != "not"
    line = int(words[1]) if speaks and words[1] != "-" else None
    return Outcome(words[0] if speaks else words[1], speaks, line, evidence, hidden)


def _case(number: int, line: str, checker: CheckerKind) -> SeenCase:
    head, given, answer, output, stderr = _texts(line)
    verdict, kind, *more = head.split()
    is_public = kind == "public"
    difference = check(Checker(kind=checker), output.encode(), answer.encode())
    return SeenCase(
        index=number,
        is_public=is_public,
        verdict=Verdict(verdict),
        time_ms=int(more[0].removeprefix("time=")) if more else None,
        difference=difference.kind if difference and verdict == "WA" else None,
        input=given if is_public else None,
        answer=answer if is_public else None,
        output=output if is_public else None,
        stderr=stderr if is_public else None,
    )


def _texts(line: str) -> list[str]:
    """What stands before the input, the input, the answer, the output, and what is on standard error."""
    head, *texts = (text.strip().replace("\\n", "\n") for text in line.split("|"))
    return [head, *texts, *[""] * (4 - len(texts))]
