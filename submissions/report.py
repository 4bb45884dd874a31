"""A submission as pages tell it: headline, facts, strip of cases, the chosen case.

It rests on what `disclosure` gives and reads no case's data by itself: what is hidden there is hidden here.
"""

from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from execution import languages
from execution.types import VERDICT_NAMES, CheckerKind, Verdict
from submissions import disclosure, lines
from submissions.models import Submission

COLLAPSE_BEYOND = 100  # cases; above that, a group is told in numbers
RUNNING = "RUN"
VERDICT_SIGNS = {"passed": "✓", "failed": "✗", "error": "⚠"}
DIFFERENCE_NAMES = {
    "whitespace": "only blanks or line ends differ",
    "letter_case": "only upper and lower case differ",
    "no_output": "nothing was printed",
    "too_short": "right as far as it goes, then something is missing",
    "too_long": "right, but something follows",
    "order": "the right lines in another order",
    "precision": "a number is outside the tolerance",
    "value": "a value is wrong",
}
REASONS = {"total_runtime": "The time allowed for all cases together was used up."}


@dataclass(frozen=True)
class Cell:
    """`verdict` is empty while the case waits, RUN while it is (about to be) judged."""

    index: int
    verdict: str
    label: str
    is_failure: bool


@dataclass(frozen=True)
class Strip:
    """`is_collapsed`: told by its numbers, and only its failures (the first few) are cells."""

    title: str
    cells: list[Cell]
    total: int
    passed: int
    judged: int
    is_collapsed: bool = False

    @property
    def outcome(self) -> str:
        if self.passed < self.judged:
            return "failed"
        return "passed" if self.passed == self.total else ""


@dataclass(frozen=True)
class Chosen:
    """One case in full, as far as it may be told."""

    title: str
    facts: list[str]
    note: str
    explanation: str
    has_texts: bool
    input: lines.Text | None
    answer: lines.Text | None
    output: lines.Text | None
    stderr: SafeString | None
    is_truncated: bool


@dataclass(frozen=True)
class Report:
    submission: Submission
    shown: dict[str, Any]
    outcome: str
    headline: str
    facts: list[str]
    explanation: str
    strips: list[Strip]
    chosen_index: int | None
    chosen: Chosen | None
    compile_output: SafeString | None

    @property
    def is_final(self) -> bool:
        return self.submission.is_final


def of(submission: Submission, chosen_index: int | None = None) -> Report:
    """`chosen_index` is a case that the reader asked for; otherwise the one that explains the verdict is chosen."""
    shown = disclosure.detail(submission)
    results = {case["index"]: case for case in shown["results"]}
    if chosen_index not in results:
        chosen_index = _telling(submission, list(results.values()))
    source_file = languages.get(submission.language).source_file
    words = shown["compile_output"][: disclosure.TEXT_CAP]
    return Report(
        submission=submission,
        shown=shown,
        outcome=submission.outcome or "",
        headline=_headline(submission),
        facts=_facts(submission, list(results.values())),
        explanation=submission.message or REASONS.get(submission.reason, ""),
        strips=_strips(submission, results),
        chosen_index=chosen_index,
        chosen=_chosen(submission, shown, results[chosen_index]) if chosen_index else None,
        compile_output=lines.with_places(words, source_file) if words else None,
    )


def _headline(submission: Submission) -> str:
    match submission.status:
        case Submission.Status.QUEUED:
            return "Queued"
        case Submission.Status.RUNNING:
            return f"Running {submission.cases_judged}/{submission.cases_total}"
        case Submission.Status.ERROR:
            return f"{VERDICT_SIGNS['error']} Could not be judged"
    return f"{VERDICT_SIGNS[submission.outcome or '']} {VERDICT_NAMES[Verdict(submission.verdict or '')]}"


def _facts(submission: Submission, results: list[dict[str, Any]]) -> list[str]:
    """What stands beside the headline of something judged."""
    if submission.status != Submission.Status.DONE:
        return []
    if submission.verdict == Verdict.CE:
        return ["nothing was run"]
    facts = []
    failure = _first_failure(results)
    if failure:
        facts.append(f"on {_name(failure).lower()} ({'public' if failure['public'] else 'hidden'})")
    if submission.kind == Submission.Kind.RUN:
        facts.append("a run, not counted")
    elif submission.score is not None:
        facts.append(f"score {submission.score.normalize():f} / 100")
    facts.append(f"{submission.cases_passed} of {submission.cases_total} cases passed")
    if submission.time_ms is not None:
        facts.append(f"slowest {duration(submission.time_ms)}")
    if submission.memory_kib is not None:
        facts.append(memory(submission.memory_kib))
    return facts


def memory(kib: int) -> str:
    return f"{kib} KiB" if kib < 1024 else f"{round(kib / 1024, 1):g} MiB"


def duration(ms: int) -> str:
    return f"{ms} ms" if ms < 1000 else f"{ms / 1000:g} s"


def _first_failure(results: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((case for case in results if case["verdict"] not in (Verdict.AC, Verdict.SK)), None)


def _telling(submission: Submission, results: list[dict[str, Any]]) -> int | None:
    """The first failure; of a run where nothing failed the own input, else its first case."""
    if submission.verdict == Verdict.CE:
        return None
    failure = _first_failure(results)
    if failure:
        return int(failure["index"])
    if submission.kind != Submission.Kind.RUN or not results:
        return None
    return int((_own(results) or results[0])["index"])


def _own(results: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((case for case in results if case.get("own_input")), None)


def _name(case: dict[str, Any]) -> str:
    return "Own input" if case.get("own_input") else f"Case {case['index']}"


def _strips(submission: Submission, results: dict[int, dict[str, Any]]) -> list[Strip]:
    """Public and hidden cases, in order; cases that wait are told apart by how many public ones there are."""
    if submission.verdict == Verdict.CE:
        return []
    is_run = submission.kind == Submission.Kind.RUN
    question = submission.question
    public = 0 if question is None else question.testcases.public().count()
    public_cells: list[Cell] = []
    own_cells: list[Cell] = []
    hidden_cells: list[Cell] = []
    for index in range(1, submission.cases_total + 1):
        case = results.get(index)
        is_public = case["public"] if case else is_run or index <= public
        is_own = bool(case and case.get("own_input")) or (is_run and index > public)
        cell = _cell(submission, index, case, "own input" if is_own else "public" if is_public else "hidden")
        (own_cells if is_own else public_cells if is_public else hidden_cells).append(cell)
    is_collapsed = submission.cases_total > COLLAPSE_BEYOND
    strips = [("Public", public_cells), ("Own input", own_cells)]
    strips += _grouped(hidden_cells, results) if is_collapsed else [("Hidden", hidden_cells)]
    return [_strip(title, cells, is_collapsed=is_collapsed) for title, cells in strips if cells]


def _grouped(cells: list[Cell], results: dict[int, dict[str, Any]]) -> list[tuple[str, list[Cell]]]:
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        name = results[cell.index]["group"] if cell.index in results else ""
        groups.setdefault(f"Group {name}" if name else "Hidden", []).append(cell)
    return list(groups.items())


def _strip(title: str, cells: list[Cell], *, is_collapsed: bool) -> Strip:
    failures = [cell for cell in cells if cell.is_failure]
    return Strip(
        title=title,
        cells=failures[:20] if is_collapsed else cells,
        total=len(cells),
        passed=sum(cell.verdict == Verdict.AC for cell in cells),
        judged=sum(cell.verdict not in ("", RUNNING) for cell in cells),
        is_collapsed=is_collapsed,
    )


def _cell(submission: Submission, index: int, case: dict[str, Any] | None, kind: str) -> Cell:
    if case:
        verdict, words = case["verdict"], case["verdict_name"].lower()
    elif submission.status == Submission.Status.RUNNING and index == submission.cases_judged + 1:
        verdict, words = RUNNING, "running"
    else:
        verdict, words = "", "waiting"
    is_failure = verdict not in ("", RUNNING, Verdict.AC, Verdict.SK)
    return Cell(index, verdict, f"Case {index}, {kind}: {words}", is_failure)


def _chosen(submission: Submission, shown: dict[str, Any], case: dict[str, Any]) -> Chosen:
    checker = CheckerKind(submission.question.checker) if submission.question else CheckerKind.TOKENS
    has_texts = "output" in case and shown["source"] is not None  # a run's texts go with its source
    is_wrong = case["verdict"] == Verdict.WA
    answer, output = case.get("answer") if has_texts else None, case.get("output", "")
    compared = answer is not None and is_wrong
    source_file = languages.get(submission.language).source_file
    return Chosen(
        title=f"{_name(case)}{'' if case.get('own_input') else ', public' if case['public'] else ', hidden'}",
        facts=_case_facts(case, is_counted=submission.kind != Submission.Kind.RUN),
        note=case.get("note", ""),
        explanation=case.get("difference_message") or DIFFERENCE_NAMES.get(case["difference"] or "", ""),
        has_texts=has_texts,
        input=lines.plain(case["input"]) if has_texts else None,
        answer=_shown(answer, output, checker, compared=compared),
        output=_shown(output, answer or "", checker, compared=compared) if has_texts else None,
        stderr=lines.with_places(case["stderr"], source_file) if case.get("stderr") else None,
        is_truncated=bool(case.get("truncated")),
    )


def _shown(text: str | None, other: str, checker: CheckerKind, *, compared: bool) -> lines.Text | None:
    if text is None:
        return None
    return lines.beside(text, other, checker) if compared else lines.plain(text)


def _case_facts(case: dict[str, Any], *, is_counted: bool) -> list[str]:
    facts = [case["verdict_name"]]
    if case["time_ms"] is not None:
        facts.append(duration(case["time_ms"]))
    if case["memory_kib"] is not None:
        facts.append(memory(case["memory_kib"]))
    if is_counted and case["points"]:
        facts.append(f"{case['earned']:g} of {case['points']:g} points")
    if case["group"] and not case.get("own_input"):
        facts.append(f"group {case['group']}")
    if case.get("signal"):
        facts.append(f"ended by signal {case['signal']}")
    elif case.get("exit_code"):
        facts.append(f"exit code {case['exit_code']}")
    return facts
