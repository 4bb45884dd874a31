"""A submission as pages tell it: headline, facts, strip of cases, the chosen case.

It rests on what `disclosure` gives and reads no case's data by itself: what is hidden there is hidden here.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.utils.safestring import SafeString

from execution import languages
from execution.judge0 import wall_limit_s
from execution.types import VERDICT_NAMES, CheckerKind, Limits, ScoringMode, Verdict
from submissions import disclosure, judging, lifecycle, lines
from submissions.models import Submission

COLLAPSE_BEYOND = 100  # cases; above that, a group is told in numbers
RUNNING = "RUN"
RAN = "RAN"  # on an input of one's own, to the end: nothing was compared, so it is not called accepted
CELL_SIGNS = {"": "–", Verdict.SK: "–", RUNNING: "…", RAN: "ran"}
VERDICT_SIGNS = {"passed": "✓", "failed": "✗", "error": "⚠"}
PARTIAL = "partial"  # accepted for a part of the points
PARTIAL_SIGN = "~"
DIFFERENCE_NAMES = {
    "whitespace": "only blanks or line ends differ",
    "letter_case": "only upper and lower case differ",
    "no_output": "nothing was printed",
    "too_short": "right as far as it goes, then something is missing",
    "too_long": "right, but something follows",
    "order": "the right lines in another order",
    "precision": "a number is outside the tolerance",
    "checker": "the question's checker does not accept it",
    "value": "a value is wrong",
}
REASONS = {"total_runtime": "The time allowed for all cases together was used up."}
NOT_YOURS = " This is not your fault."  # what is said of each error at once
SIGNAL_NAMES = {
    4: "an illegal instruction",
    6: "an abort",
    7: "a bus error",
    8: "an arithmetic error, such as a division by zero",
    9: "being killed",
    11: "a segmentation fault",
    13: "a closed pipe",
    25: "a file that grew too large",
}


@dataclass(frozen=True)
class Cell:
    """`verdict` is empty while the case waits, RUN while it is (about to be) judged, RAN where none was given."""

    index: int
    verdict: str
    label: str
    is_own: bool

    @property
    def is_failure(self) -> bool:
        return self.verdict not in ("", RUNNING, RAN, Verdict.AC, Verdict.SK)

    @property
    def sign(self) -> str:
        return CELL_SIGNS.get(self.verdict, self.verdict)


@dataclass(frozen=True)
class Strip:
    """`is_collapsed`: told by its numbers, and only its failures (the first few) are cells.

    `points` are those of a group, as 20/30. A group that has only subgroups has no cells.
    """

    title: str
    cells: list[Cell]
    total: int
    passed: int
    judged: int
    is_collapsed: bool = False
    points: str = ""

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
    is_forgotten: bool
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

    @property
    def has_choice(self) -> bool:
        """Whether there are cases to choose from; a run on nothing but an input of one's own is told as a whole."""
        cells = [cell for strip in self.strips for cell in strip.cells]
        return bool(self.strips) and not (len(cells) == self.submission.cases_total == 1 and cells[0].is_own)


def of(submission: Submission, chosen_index: int | None = None) -> Report:
    """`chosen_index` is a case that the reader asked for; otherwise the one that explains the verdict is chosen."""
    shown = disclosure.detail(submission)
    results = {
        case["index"]: case | {"own_input": _is_own(submission, case["index"], case["group"])}
        for case in shown["results"]
    }
    compared = submission.cases_total - sum(case["own_input"] for case in results.values())
    if chosen_index not in results:
        chosen_index = _telling(submission, list(results.values()))
    source_file = languages.get(submission.language).source_file
    words = shown["compile_output"][: disclosure.TEXT_CAP]
    return Report(
        submission=submission,
        shown=shown,
        outcome=_outcome(submission, compared),
        headline=_headline(submission, compared, disclosure.queue(submission)),
        facts=_facts(submission, list(results.values())),
        explanation=submission.message.removesuffix(NOT_YOURS) or REASONS.get(submission.reason, ""),
        strips=_strips(submission, results),
        chosen_index=chosen_index,
        chosen=_chosen(submission, shown, results[chosen_index]) if chosen_index else None,
        compile_output=lines.with_places(words, source_file) if words else None,
    )


def _outcome(submission: Submission, compared: int) -> str:
    """As the submission's; also `cancelled`, `partial`, and `ran` for a run that went well, with nothing compared."""
    if submission.reason == lifecycle.CANCELLED:
        return lifecycle.CANCELLED
    if submission.is_partial:
        return PARTIAL
    if submission.kind == Submission.Kind.RUN and submission.verdict == Verdict.AC and not compared:
        return "ran"
    return submission.outcome or ""


def _headline(submission: Submission, compared: int, queue: dict[str, Any] | None) -> str:
    """`compared` counts the cases that have an answer; `queue` is the place of what is queued."""
    match submission.status:
        case Submission.Status.QUEUED:
            # What waits for a server is told so; a place in the line would promise too much.
            return "Queued" if queue is None or submission.reason else f"Queued, {in_line(**queue)}"
        case Submission.Status.RUNNING:
            return f"Running {submission.cases_judged}/{submission.cases_total}"
        case Submission.Status.ERROR if submission.reason == lifecycle.CANCELLED:
            return "Cancelled"
        case Submission.Status.ERROR:
            return f"{VERDICT_SIGNS['error']} Could not be judged"
    name = VERDICT_NAMES[Verdict(submission.verdict or "")]
    if submission.is_partial:
        return f"{PARTIAL_SIGN} {name} in part, {share(submission)} points"
    words = f"{VERDICT_SIGNS[submission.outcome or '']} {name}"
    if submission.kind == Submission.Kind.RUN and submission.verdict == Verdict.AC:
        return f"{words} on {_counted(compared, 'public case')}" if compared else "Ran"
    return words


def in_line(position: int, estimated_wait_s: int | None) -> str:
    """A place in the queue in words: next in line, about 4 s. (`results.js` says the same between two drawings.)"""
    place = "next in line" if position == 1 else f"{_ordinal(position)} in line"
    if estimated_wait_s is None:
        return place
    is_short = estimated_wait_s < 100
    return (
        f"{place}, about {estimated_wait_s} s"
        if is_short
        else f"{place}, about {-(-estimated_wait_s // 60)} min"
    )


def _ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 22nd."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _is_own(submission: Submission, index: int, group: str) -> bool:
    """Of a run, the last case may be one's own input."""
    is_run = submission.kind == Submission.Kind.RUN
    return is_run and index == submission.cases_total and group == judging.OWN_INPUT


def _facts(submission: Submission, results: list[dict[str, Any]]) -> list[str]:
    """What stands beside the headline of something judged."""
    if submission.status != Submission.Status.DONE:
        return []
    if submission.verdict == Verdict.CE:
        return ["nothing was run"]
    facts = _where(submission, results)
    if submission.kind == Submission.Kind.RUN:
        facts.append("a run, not counted")
    else:
        facts += _score(submission)
    facts += _passed(results)
    if submission.time_ms is not None:
        facts.append(f"slowest {duration(submission.time_ms)}")
    if submission.memory_kib is not None:
        facts.append(memory(submission.memory_kib))
    return facts


def _score(submission: Submission) -> list[str]:
    """From 0 to 100, and on the question's own scale where it has one; that alone where there is no most."""
    if submission.score is None:
        return [f"{points(submission.earned)} points"] if submission.earned else []
    own = [f"{share(submission)} points"] if _has_points(submission) and not submission.is_partial else []
    return [f"score {submission.score.normalize():f} / 100", *own]


def _has_points(submission: Submission) -> bool:
    """Whether it is judged by groups that give points."""
    question = submission.question
    return question is not None and bool(question.groups) and question.scoring == ScoringMode.WEIGHTED


def points(value: Decimal | float) -> str:
    """With as many places as it has: 20, 0.5, 33.333333."""
    return f"{Decimal(str(value)).normalize():f}"


def share(submission: Submission) -> str:
    """Of the points there are: 20 of 30."""
    earned = points(submission.earned)
    return earned if submission.obtainable is None else f"{earned} of {points(submission.obtainable)}"


def _where(submission: Submission, results: list[dict[str, Any]]) -> list[str]:
    """The first failure, and how many cases were not run; in one sentence where judging stopped at that failure.

    A failure in spite of which it was accepted is not what a headline is about.
    """
    skipped = [case["index"] for case in results if case["verdict"] == Verdict.SK]
    rest = f"{_counted(len(skipped), 'case')} {'was' if len(skipped) == 1 else 'were'} not run"
    failure = _first_failure(results)
    if failure is None or submission.verdict == Verdict.AC:
        return [rest] if skipped else []
    place = _name(failure).lower() + (" (public)" if failure["public"] else " (hidden)")
    if failure["own_input"]:
        place = "your own input"
    if not skipped:
        return [f"on {place}"]
    last_run = max(case["index"] for case in results if case["verdict"] != Verdict.SK)
    if failure["index"] == last_run < skipped[0]:
        return [f"stopped at {place}; {rest}"]
    return [f"on {place}", rest]


def _passed(results: list[dict[str, Any]]) -> list[str]:
    """How many of the cases that were run and compared passed. An input of one's own is no such case."""
    ran = [case for case in results if not case["own_input"] and case["verdict"] != Verdict.SK]
    passed = sum(case["verdict"] == Verdict.AC for case in ran)
    return [f"{passed} of {_counted(len(ran), 'case')} passed"] if ran else []


def memory(kib: int) -> str:
    return f"{kib} KiB" if kib < 1024 else f"{round(kib / 1024, 1):g} MiB"


def duration(ms: int) -> str:
    """In seconds with one or two decimals from one second on: 22 ms, 3.0 s, 1.25 s."""
    return f"{ms} ms" if ms < 1000 else f"{f'{ms / 1000:.2f}'.removesuffix('0')} s"


def _first_failure(results: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((case for case in results if case["verdict"] not in (Verdict.AC, Verdict.SK)), None)


def _telling(submission: Submission, results: list[dict[str, Any]]) -> int | None:
    """What was asked by an own input, if one was given; else the first failure; else the first case of a run."""
    if submission.verdict == Verdict.CE or not results:
        return None
    own = next((case for case in results if case["own_input"]), None)
    first = results[0] if submission.kind == Submission.Kind.RUN else None
    told = own or _first_failure(results) or first
    return int(told["index"]) if told else None


def _name(case: dict[str, Any]) -> str:
    return "Own input" if case["own_input"] else f"Case {case['index']}"


def _strips(submission: Submission, results: dict[int, dict[str, Any]]) -> list[Strip]:
    """Public and hidden cases, in order, the hidden ones by their groups.

    Cases that wait are told apart by how many public ones there are.
    """
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
        is_own = case["own_input"] if case else is_run and index > public
        cells = own_cells if is_own else public_cells if is_public else hidden_cells
        kind = "own input" if is_own else "public" if is_public else "hidden"
        cells.append(_cell(submission, index, case, kind, is_own=is_own))
    is_collapsed = submission.cases_total > COLLAPSE_BEYOND
    strips = (("Public", public_cells), ("Own input", own_cells))
    return [
        *(
            _strip(title, cells, is_collapsed=is_collapsed and cells != own_cells)
            for title, cells in strips
            if cells
        ),
        *_grouped(submission, hidden_cells, results, is_collapsed=is_collapsed),
    ]


def _grouped(
    submission: Submission, cells: list[Cell], results: dict[int, dict[str, Any]], *, is_collapsed: bool
) -> list[Strip]:
    """Hidden cases by their groups; those that wait, by the groups that they are in now."""
    by_path: dict[str, list[Cell]] = {path: [] for path in _paths(submission)}
    waiting = _groups_now(submission) if any(cell.index not in results for cell in cells) else {}
    for cell in cells:
        case = results.get(cell.index)
        path = waiting.get(cell.index, "") if case is None else case["group"]
        by_path.setdefault(path, []).append(cell)
    has_points = submission.question is None or submission.question.scoring == ScoringMode.WEIGHTED
    told = {group["path"]: _told_points(group) for group in disclosure.groups(submission) if has_points}
    return [
        replace(_strip(_title(path), some, is_collapsed=is_collapsed), points=told.get(path, ""))
        for path, some in by_path.items()
        if some or (told.get(path) and any(other.startswith(f"{path}/") for other in by_path))
    ]


def _paths(submission: Submission) -> list[str]:
    """Of its groups, without the two that every package has."""
    return [group["path"] for group in submission.groups if group["path"] not in ("sample", "secret")]


def _groups_now(submission: Submission) -> dict[int, str]:
    """By index, as the question has them now."""
    if submission.question is None:
        return {}
    groups = submission.question.testcases.in_order().values_list("group", flat=True)
    return dict(enumerate(groups, 1))


def _title(path: str) -> str:
    name = group_name(path)
    return f"Group {name}" if name else "Hidden"


def group_name(path: str) -> str:
    """Below a package's `secret` a group is called as within it: small, or small / odd; `secret` itself has no name."""
    name = path.removeprefix("secret").removeprefix("/") if f"{path}/".startswith("secret/") else path
    return name.replace("/", " / ")


def _told_points(group: dict[str, Any]) -> str:
    """20/30; empty where there is nothing to be earned."""
    earned, obtainable = group["earned"], group["obtainable"]
    if obtainable is None:
        return points(earned) if earned else ""
    return f"{points(earned)}/{points(obtainable)}" if obtainable else ""


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


def _cell(
    submission: Submission, index: int, case: dict[str, Any] | None, kind: str, *, is_own: bool
) -> Cell:
    if case:
        verdict, words = _shown_verdict(case)
    elif submission.status == Submission.Status.RUNNING and index == submission.cases_judged + 1:
        verdict, words = RUNNING, "Running"
    else:
        verdict, words = "", "Waiting"
    return Cell(index, verdict, f"Case {index}, {kind}: {words.lower()}", is_own)


def _shown_verdict(case: dict[str, Any]) -> tuple[str, str]:
    """Its letters and its words."""
    if case["own_input"] and case["verdict"] == Verdict.AC:
        return RAN, "Ran"
    return case["verdict"], case["verdict_name"]


def _chosen(submission: Submission, shown: dict[str, Any], case: dict[str, Any]) -> Chosen:
    checker = _checker(submission, case["difference"])
    has_texts = "output" in case and shown["source"] is not None  # a run's texts go with its source
    is_wrong = case["verdict"] == Verdict.WA
    answer, output = case.get("answer") if has_texts else None, case.get("output", "")
    compared = answer is not None and is_wrong and checker is not CheckerKind.PROGRAM
    source_file = languages.get(submission.language).source_file
    return Chosen(
        title=f"{_name(case)}{'' if case['own_input'] else ', public' if case['public'] else ', hidden'}",
        facts=_case_facts(case, is_counted=submission.kind != Submission.Kind.RUN),
        note=case.get("note", ""),
        explanation=_explanation(submission, case),
        has_texts=has_texts,
        is_forgotten=shown["source"] is None or (case["public"] and submission.texts_purged_at is not None),
        input=lines.plain(case["input"]) if has_texts and not _talks(submission) else None,
        answer=_shown(answer, output, checker, compared=compared),
        output=_shown(output, answer or "", checker, compared=compared)
        if has_texts and not _talks(submission)
        else None,
        stderr=lines.with_places(case["stderr"], source_file) if case.get("stderr") else None,
        is_truncated=bool(case.get("truncated")),
    )


def _talks(submission: Submission) -> bool:
    """With the question's checker, rather than that it reads an input and prints an output."""
    return submission.question is not None and submission.question.interactive


def _checker(submission: Submission, difference: str | None) -> CheckerKind:
    """By what lines are marked that differ. How strict that of Kattis is, the difference tells."""
    kind = CheckerKind(submission.question.checker) if submission.question else CheckerKind.TOKENS
    if kind is not CheckerKind.KATTIS:
        return kind
    by_difference = {"whitespace": CheckerKind.EXACT, "letter_case": CheckerKind.TOKENS}
    return by_difference.get(difference or "", CheckerKind.CASE_INSENSITIVE)


def _explanation(submission: Submission, case: dict[str, Any]) -> str:
    if case["verdict"] == Verdict.TLE and case["time_ms"] is not None:
        question = submission.question
        talk_ms = question.checker_time_limit_ms if question and question.interactive else 0
        return _slow_in_real_time(_limits(submission), case["time_ms"], talk_ms)
    return case.get("difference_message") or DIFFERENCE_NAMES.get(case["difference"] or "", "")


def _limits(submission: Submission) -> Limits:
    """As they are now for the submission's language."""
    question = submission.question
    limits = question.judging_limits() if question else judging.run_limits()
    return languages.get(submission.language).limits(limits)


def _slow_in_real_time(limits: Limits, time_ms: int, talk_ms: int) -> str:
    """Why a program that used little CPU time was too slow all the same; empty where it used much."""
    if time_ms > 0.9 * limits.time_ms:
        return ""
    return (
        f"It did not finish within {wall_limit_s(limits, talk_ms):g} s of real time "
        f"(it used {duration(time_ms)} of CPU time). "
        "Perhaps it waits for something, such as more input; or the judge was busy, then try again."
    )


def _shown(text: str | None, other: str, checker: CheckerKind, *, compared: bool) -> lines.Text | None:
    if text is None:
        return None
    return lines.beside(text, other, checker) if compared else lines.plain(text)


def _case_facts(case: dict[str, Any], *, is_counted: bool) -> list[str]:
    facts = [_shown_verdict(case)[1]]
    if case["time_ms"] is not None:
        facts.append(duration(case["time_ms"]))
    if case["memory_kib"] is not None:
        facts.append(memory(case["memory_kib"]))
    if is_counted and case["points"]:
        facts.append(f"{points(case['earned'])} of {points(case['points'])} points")
    if case["group"] and not case["own_input"]:
        facts.append(f"group {group_name(case['group']) or case['group']}")
    # Of a program that was stopped at a limit they tell how the judge stops programs, nothing about this one.
    if case["verdict"] == Verdict.RTE:
        facts += _ending(case)
    elif _shown_verdict(case)[0] == RAN:
        facts.append("exit code 0")
    return facts


def _ending(case: dict[str, Any]) -> list[str]:
    """How a program ended that did not end well."""
    if signal := case.get("signal"):
        name = SIGNAL_NAMES.get(signal)
        return [f"ended by {name} (signal {signal})" if name else f"ended by signal {signal}"]
    return [f"exit code {case['exit_code']}"] if case.get("exit_code") else []
