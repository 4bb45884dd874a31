"""A learner at a question, whose programs are judged: what they print is what stands behind their last `#`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from accounts.models import User
from execution import languages
from hints.models import HintRequest
from questions.models import Question
from submissions import judging
from submissions.ephemeral import OwnCase, Trial
from submissions.intake import NewRun, NewSubmission, take
from submissions.models import Submission
from tests.fakes import FakeJudge0, printed

CASES = [("1\n", "3\n", True), ("2\n", "3\n", False)]
RIGHT, WRONG, OTHER = "print(3)  # 3", "print(4)  # 4", "print(5)  # 5"


@contextmanager
def judge() -> Iterator[FakeJudge0]:
    """A server on which programs do so."""
    with FakeJudge0(
        lambda source, stdin: printed(source.rpartition(b"#")[2].strip() + b"\n"), looks=0
    ) as judge0:
        yield judge0


@dataclass
class Learner:
    user: User
    question: Question

    def submits(self, source: str) -> Submission:
        return self._judged(
            NewSubmission(language=languages.get("python"), source=source, question=self.question)
        )

    def runs(self, source: str, *own: OwnCase) -> Submission:
        return self._judged(
            NewRun(language=languages.get("python"), source=source, question=self.question, trial=Trial(own))
        )

    def _judged(self, new: NewSubmission | NewRun) -> Submission:
        made = take(new, user=self.user, answer=lambda taken: {}).submission
        judging.judge_submission(str(made.pk))
        made.refresh_from_db()
        assert made.status == "done"
        return made

    def hints(self) -> list[tuple[int | None, str]]:
        """Level and status of all, oldest first."""
        return [(one.level, one.status) for one in HintRequest.objects.of(self.user).order_by("created_at")]
