"""Judging step by step, so that a test decides what happens when. Nothing runs; the rows and events are real."""

from decimal import Decimal
from uuid import uuid4

from execution import languages, scoring
from execution.types import Finished, Judged, Run, Verdict
from submissions import intake, judging, lifecycle
from submissions.ephemeral import OwnCase, Trial
from submissions.models import Submission
from tests.factories import make_question

FOUR_CASES = [(f"{n}\n", f"{n}\n", False) for n in range(4)]


def submit(user, cases=FOUR_CASES) -> Submission:
    question = make_question(cases=cases)
    return judging.submit(user=user, question=question, language=languages.get("python"), source="print(3)")


def run(user, *inputs: bytes) -> Submission:
    """On inputs of its own, of which there are no answers."""
    trial = Trial(tuple(OwnCase(given) for given in inputs or (b"",)))
    new = intake.NewRun(language=languages.get("python"), source="print(3)", trial=trial, pk=uuid4())
    new.prepare()
    return new.start(user)


class Stepwise:
    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.cases = {case.index: case for case in judging.prepare(submission).cases}
        self.claimed: lifecycle.Claim | None = None
        self.points = Decimal(0)

    def claim(self) -> None:
        self.claimed = lifecycle.claim(self.submission, revision="r", cases_total=len(self.cases))
        assert self.claimed is not None

    def case(self, index: int, output: bytes = b"3\n") -> None:
        run = Run(failure=None, output=output, time_ms=50)
        assert self.claimed is not None
        self.points += 1
        out_of = sum(case.points for case in self.cases.values() if case.answer is not None)
        step = Judged(
            index,
            run,
            Verdict.AC,
            points=Decimal(1),
            points_so_far=self.points,
            score_so_far=scoring.so_far(self.points, Decimal(out_of)),
        )
        lifecycle.record(self.claimed, self.cases, [step])

    def finish(self) -> None:
        score = None if self.submission.kind == Submission.Kind.RUN else Decimal(100)
        assert self.claimed is not None
        lifecycle.record(self.claimed, self.cases, [Finished(Verdict.AC, score, points=self.points)])

    def steps(self):
        """All there is to do, one after the other."""
        yield self.claim
        for index in self.cases:
            yield lambda index=index: self.case(index)
        yield self.finish

    def to_the_end(self) -> None:
        for step in self.steps():
            step()
