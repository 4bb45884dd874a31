"""What may be known of a program when a hint is made for it: what its author sees, and nothing else.

Everything about cases comes from `submissions.disclosure`, which decides what a learner may see. So neither a rule nor
a language model ever has hidden data to give away.
"""

from dataclasses import dataclass, field
from typing import Any

from execution import languages
from execution.languages import Language
from execution.types import CheckerKind, DifferenceClass, Limits, Verdict
from submissions import disclosure, judging
from submissions.models import Submission


@dataclass(frozen=True, kw_only=True)
class SeenCase:
    """One case as the learner sees it. Of a hidden one all texts are None, and exit code and signal too."""

    index: int
    is_public: bool
    verdict: Verdict
    is_own: bool = False
    """It came with the run."""
    time_ms: int | None = None
    memory_kib: int | None = None
    difference: DifferenceClass | None = None
    difference_message: str = ""
    input: str | None = field(default=None, repr=False)
    answer: str | None = field(default=None, repr=False)
    output: str | None = field(default=None, repr=False)
    stderr: str | None = field(default=None, repr=False)
    exit_code: int | None = None
    signal: int | None = None
    is_truncated: bool = False

    @property
    def has_failed(self) -> bool:
        return self.verdict not in (Verdict.AC, Verdict.SK)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A program, and what became of it.

    `verdict` is None where it was not judged (reviews of code alone). `limits` are those of the language. Texts are cut
    as pages cut them. `error_message` is what the learner sent along: a claim, no fact.
    """

    language: Language
    source: str = field(repr=False)
    title: str = ""
    statement: str = field(default="", repr=False)
    verdict: Verdict | None = None
    reason: str = ""
    compile_output: str = field(default="", repr=False)
    cases: tuple[SeenCase, ...] = ()
    time_ms: int | None = None
    memory_kib: int | None = None
    limits: Limits = field(default_factory=Limits)
    checker: CheckerKind = CheckerKind.TOKENS
    error_message: str = field(default="", repr=False)

    @property
    def lines(self) -> list[str]:
        """The program's; line 1 is at 0."""
        return with_newlines(self.source).split("\n")

    @property
    def failures(self) -> tuple[SeenCase, ...]:
        return tuple(case for case in self.cases if case.has_failed)

    @property
    def failure(self) -> SeenCase | None:
        """The one to talk about: the first public one, or else the first; None where none has failed."""
        public = (case for case in self.failures if case.is_public)
        return next(public, next(iter(self.failures), None))


def with_newlines(source: str) -> str:
    """A lone carriage return ends a line, too, as editors count."""
    return source.replace("\r\n", "\n").replace("\r", "\n")


def of(submission: Submission, *, error_message: str = "") -> Evidence:
    """What its learner sees of it now; of a run that has expired neither program nor texts."""
    shown = disclosure.detail(submission)
    language = languages.get(submission.language)
    question = submission.question
    limits = question.judging_limits() if question else judging.run_limits()
    return Evidence(
        language=language,
        source=shown["source"] or "",
        title=question.title if question else "",
        statement=question.statement if question else "",
        verdict=_verdict(submission),
        reason=shown["reason"],
        compile_output=shown["compile_output"],
        cases=tuple(_seen(case) for case in shown["results"]),
        time_ms=shown["time_ms"],
        memory_kib=shown["memory_kib"],
        limits=language.limits(limits),
        checker=CheckerKind(question.checker) if question else CheckerKind.TOKENS,
        error_message=error_message,
    )


def _verdict(submission: Submission) -> Verdict | None:
    """That of the first case that failed, where it was accepted for a part of the points: there is more to be had."""
    if not submission.is_partial:
        return Verdict(submission.verdict) if submission.verdict else None
    passing = (Verdict.AC, Verdict.SK)
    failed = submission.case_results.exclude(verdict__in=passing).values_list("verdict", flat=True).first()
    return Verdict(failed or Verdict.AC)


def of_code(language: Language, source: str) -> Evidence:
    """Of code that was not judged."""
    return Evidence(language=language, source=source)


def _seen(case: dict[str, Any]) -> SeenCase:
    """`case` as `disclosure.detail` has it: of a hidden one it has no texts, so there are none to take."""
    return SeenCase(
        index=case["index"],
        is_public=case["public"],
        verdict=Verdict(case["verdict"]),
        is_own=case.get("own_input", False),
        time_ms=case["time_ms"],
        memory_kib=case["memory_kib"],
        difference=DifferenceClass(case["difference"]) if case["difference"] else None,
        difference_message=case.get("difference_message", ""),
        input=case.get("input"),
        answer=case.get("answer"),
        output=case.get("output"),
        stderr=case.get("stderr"),
        exit_code=case.get("exit_code"),
        signal=case.get("signal"),
        is_truncated=case.get("truncated", False),
    )
