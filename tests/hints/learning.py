"""A learner who asks for hints by the API, in a world whose judge and whose model are fakes.

The worker's part is played here, in the same thread: what is sent is judged and answered before the call returns.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accounts.models import User
from hints.answering import answer
from hints.models import HintRequest
from questions.models import Question
from submissions import judging
from tests.asking import RUNS, SUBMISSIONS, Api
from tests.factories import make_user
from tests.hints.fake_provider import FakeProvider

KEY = "sk-only-for-this-test-5f3a"


def use_provider(settings: Any, name: str, fake: FakeProvider) -> None:
    settings.HINTS_PROVIDER = name
    settings.ANTHROPIC_API_KEY = settings.OPENAI_API_KEY = KEY
    settings.ANTHROPIC_BASE_URL, settings.OPENAI_BASE_URL = fake.url, fake.openai_url


@dataclass(frozen=True)
class Told:
    """The answer as a client gets it, all its bytes, and the row."""

    answer: Mapping[str, Any]
    bytes: bytes
    row: HintRequest


class Learner:
    def __init__(self, user: User | None = None) -> None:
        self.user = user or make_user()
        self.api = Api(self.user)

    def submits(self, question: Question, source: str, language: str = "python") -> str:
        """The judged submission's id."""
        return self._judged(SUBMISSIONS, {"question": question.slug, "language": language, "source": source})

    def runs(self, question: Question, source: str, input: str, language: str = "python") -> str:
        """On the public cases, and on an input of one's own."""
        body = {"question": question.slug, "language": language, "source": source, "input": input}
        return self._judged(RUNS, body)

    def gets_hint(self, question: Question, source: str, **more: object) -> Told:
        return self.asks("hints", exerciseId=question.slug, userCode=source, **more)

    def asks(self, what: str, **body: object) -> Told:
        """hint, hints, review or analyze."""
        taken = self.api.send(f"/api/ai/{what}?wait=false", body)
        assert taken.status_code in (200, 202), taken.content
        answer(taken["Location"].rstrip("/").split("/")[-1])
        told = self.api.get(taken["Location"])
        row = HintRequest.objects.get(pk=told.json()["id"])
        return Told(
            told.json()["answer"], taken.content + told.content + json.dumps(row.answer).encode(), row
        )

    def _judged(self, address: str, body: Mapping[str, object]) -> str:
        taken = self.api.send(address, body)
        assert taken.status_code == 202, taken.content
        judging.judge_submission(taken.json()["id"])
        return str(taken.json()["id"])
