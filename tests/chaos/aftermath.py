"""What must hold when all is over, read from the rows: nothing lost, stuck, wrong or doubled, and in order.

Imported once Django is set up with the stack's database.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from submissions.models import Submission
from tests.chaos.faults import Struck
from tests.chaos.programs import name_in

MOVES = {
    ("queued", "running"),
    ("running", "running"),
    ("running", "queued"),  # given back: this attempt is over
    ("running", "done"),
    ("running", "error"),
    ("queued", "queued"),
    ("queued", "error"),
}
"""From one event to the next. Only a claim, the first of these, makes a new attempt."""


@dataclass(frozen=True)
class Outcome:
    """What judging a program came to; `cases` has index, verdict and points of each."""

    status: str
    verdict: str | None
    score: Decimal | None
    cases: tuple[tuple[int, str, Decimal], ...]

    @classmethod
    def of(cls, submission: Submission) -> "Outcome":
        cases = submission.case_results.order_by("index").values_list("index", "verdict", "earned")
        return cls(submission.status, submission.verdict, submission.score, tuple(cases))

    def __str__(self) -> str:
        verdicts = " ".join(verdict for _, verdict, _ in self.cases)
        return f"{self.status} {self.verdict} {self.score} [{verdicts}]"


@dataclass
class Findings:
    """One sentence for each violation, by what kind it is."""

    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def __str__(self) -> str:
        return ", ".join(f"{len(found)} {kind}" for kind, found in vars(self).items())

    def sentences(self) -> Iterator[str]:
        for kind, found in vars(self).items():
            yield from (f"{kind}: {one}" for one in found)


def outcomes(submissions: Mapping[UUID, str]) -> dict[str, Outcome]:
    """Of the undisturbed judgings, by program."""
    return {name: Outcome.of(Submission.objects.get(pk=pk)) for pk, name in submissions.items()}


def examine(undisturbed: Mapping[str, Outcome], acknowledged: Mapping[UUID, object]) -> Findings:
    """Look at every row, also at those of which the learner never heard that they were taken."""
    findings = Findings()
    rows = list(Submission.objects.order_by("created_at"))
    missing = acknowledged.keys() - {row.pk for row in rows}
    findings.lost += [f"{pk} was taken, but there is no such row" for pk in missing]
    for row in rows:
        told = f"{row.pk} ({name_in(row.source)})"
        if not row.is_final or row.overdue_at is not None or row.finished_at is None:
            findings.stuck.append(f"{told} is {row.status}, attempt {row.attempt}")
            continue
        expected, found = undisturbed[name_in(row.source)], Outcome.of(row)
        if found != expected:
            findings.wrong.append(f"{told} came to {found} {row.reason}, undisturbed to {expected}")
        findings.doubled += [f"{told} {what}" for what in _doubled(row)]
        findings.disordered += [f"{told} {what}" for what in _disordered(row)]
    return findings


def _doubled(row: Submission) -> Iterator[str]:
    """Signs in the rows that something was judged or counted twice."""
    payloads = list(row.events.order_by("seq").values_list("payload", flat=True))
    finals = sum(payload["final"] for payload in payloads)
    if finals != 1:
        yield f"ended {finals} times"
    told = Counter(payload["case"]["index"] for payload in payloads if "case" in payload)
    yield from (f"told of case {index} {times} times" for index, times in told.items() if times > 1)
    verdicts = dict(row.case_results.values_list("index", "verdict"))
    if set(told) != set(verdicts):
        yield f"told of cases {sorted(told)} and keeps {sorted(verdicts)}"
    passed = sum(verdict == "AC" for verdict in verdicts.values())
    if (row.cases_judged, row.cases_passed) != (len(verdicts), passed):
        yield f"counts {row.cases_passed} of {row.cases_judged} cases, but {passed} of {len(verdicts)} are there"


def _disordered(row: Submission) -> Iterator[str]:
    """Gaps in the numbers of its events, and changes that no submission makes."""
    events = list(row.events.order_by("seq").values_list("seq", "payload"))
    numbers = [seq for seq, _ in events]
    if numbers != list(range(1, row.seq + 1)):
        yield f"has seq {row.seq} and events {numbers}"
    states = [(payload["attempt"], payload["status"]) for _, payload in events]
    for (attempt, status), (next_attempt, next_status) in pairwise(states):
        is_claim = (status, next_status) == ("queued", "running")
        if (status, next_status) not in MOVES or next_attempt != attempt + is_claim:
            yield f"went from {status} ({attempt}) to {next_status} ({next_attempt})"


# --- How long it took ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stretch:
    """One attempt, from its claim until it was given back or had ended."""

    began: datetime
    ended: datetime
    given_back: bool


@dataclass(frozen=True)
class Life:
    """Of one submission; `backends` are those that had cases of it, `worker` the one that ended it, if known."""

    pk: UUID
    born: datetime
    ended: datetime
    stretches: tuple[Stretch, ...]
    backends: frozenset[str]
    worker: str | None

    @property
    def seconds(self) -> float:
        return (self.ended - self.born).total_seconds()

    def __str__(self) -> str:
        attempts = ", ".join(
            f"{(one.began - self.born).total_seconds():.0f}–{(one.ended - self.born).total_seconds():.0f} s"
            for one in self.stretches
        )
        return f"{self.pk}, {self.seconds:.1f} s old, judged in its seconds {attempts}"


@dataclass(frozen=True)
class Recovery:
    """From the end of the last fault that touched a submission to the submission's own."""

    life: Life
    struck: Struck
    seconds: float


def lives(backends: Mapping[str, str], finishers: Mapping[str, str]) -> list[Life]:
    """Of all that have ended; `backends` has the names of the stack's by URL, `finishers` workers by submission."""
    ended = Submission.objects.filter(finished_at__isnull=False)
    return [_life(row, backends, finishers.get(str(row.pk))) for row in ended]


def _life(row: Submission, backends: Mapping[str, str], worker: str | None) -> Life:
    assert row.finished_at is not None
    used = {backends.get(url, url) for url in row.placements.values_list("backend", flat=True)}
    return Life(row.pk, row.created_at, row.finished_at, tuple(_stretches(row)), frozenset(used), worker)


def _stretches(row: Submission) -> Iterator[Stretch]:
    began = None
    for at, payload in row.events.order_by("seq").values_list("created_at", "payload"):
        if payload["status"] == "running":
            began = began or at
        elif began:
            yield Stretch(began, at, given_back=payload["status"] == "queued")
            began = None


def recoveries(found: list[Life], struck: list[Struck]) -> list[Recovery]:
    """Of every submission that a fault touched which was over before the submission was."""
    return [recovery for life in found if (recovery := _recovery(life, struck)) is not None]


def _recovery(life: Life, struck: list[Struck]) -> Recovery | None:
    over = [one for one in struck if _touches(one, life) and one.ended is not None and one.ended < life.ended]
    if not over:
        return None
    last = max(over, key=lambda one: one.ended or one.began)
    assert last.ended is not None
    return Recovery(life, last, (life.ended - last.ended).total_seconds())


def _touches(struck: Struck, life: Life) -> bool:
    """Whether the fault met something that the submission needed then.

    In doubt it did not, since a later fault would make the recovery look shorter: a worker's fault counts only where
    the attempt came to nothing or was that worker's, the second backend's only where that had cases of it.
    """
    target = struck.fault.target
    if target in ("redis", "postgres"):
        return _meets(struck, life.born, life.ended)
    if target == "web":
        return _meets(struck, life.born, life.born)
    during = [stretch for stretch in life.stretches if _meets(struck, stretch.began, stretch.ended)]
    if target.startswith("worker"):
        return any(stretch.given_back or life.worker == target for stretch in during)
    number = target.rpartition("-")[2]
    return bool(during) and (number == "1" or f"backend-{number}" in life.backends)


def _meets(struck: Struck, began: datetime, ended: datetime) -> bool:
    return struck.began <= ended and (struck.ended is None or began <= struck.ended)
