"""Clients of every contract, and a fake server whose programs do what their sources say."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import CODE_EXEC, User
from submissions import judging
from submissions.models import Submission
from tests.factories import make_case, make_question, make_user, service_user
from tests.fakes import FakeJudge0, Result, exited, internal_error, not_compiled, printed, timed_out
from tests.truth import honest

JUDGED = pytest.mark.django_db(transaction=True)
"""Of tests that judge: a thread with a connection of its own renews their leases."""


def acting(source: bytes, stdin: bytes) -> Result:
    match source.split()[0]:
        case b"sum":
            return honest(source, stdin)
        case b"echo":
            return printed(stdin, stderr=b"a warning\n")
        case b"crash":
            return exited(1, b"half", stderr=b"Traceback: boom\n")
        case b"slow":
            return timed_out(b"half")
        case b"broken":
            return not_compiled(b"\nmain.py:1: error: what?\n")
        case b"poisoned" if stdin == b"4 0\n":
            return internal_error()
        case b"poisoned":
            return honest(source, stdin)
        case b"impossible":
            return internal_error()
    return printed(source)


@pytest.fixture
def judge0(backends: Callable[..., None]) -> Iterator[FakeJudge0]:
    with FakeJudge0(acting) as fake:
        backends(fake.url)
        yield fake


@pytest.fixture
def learner(db: None) -> User:
    return make_user()


@pytest.fixture
def client(learner: User) -> Client:
    client = Client()
    client.force_login(learner)
    return client


@pytest.fixture
def stranger(db: None) -> Client:
    client = Client()
    client.force_login(make_user())
    return client


@pytest.fixture
def machine(db: None) -> Client:
    """One with the key of CODE_EXEC_KEY."""
    service_user(CODE_EXEC)
    return Client(headers={"X-Code-Exec-Key": "key-one"})


def post(client: Client, address: str, body: object, **headers: str) -> Any:
    return client.post(address, json.dumps(body), content_type="application/json", headers=headers)


def judge() -> Submission:
    """The newest one that waits, to its end, in this thread."""
    submission = Submission.objects.filter(status="queued").latest("created_at")
    judging.judge_submission(str(submission.pk))
    submission.refresh_from_db()
    return submission


def judged_meanwhile(client: Client, address: str, body: object, **headers: str) -> Any:
    """The answer to somebody who waits for it; what was sent is judged here."""

    def send() -> Any:
        try:
            return post(client, address, body, **headers)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        answered = threads.submit(send)
        while not (answered.done() or Submission.objects.filter(status="queued").exists()):
            time.sleep(0.01)
        if not answered.done():
            judge()
        return answered.result(30)


def told(answer: Any, status: int = 200) -> Any:
    """The body, where it came with this status."""
    assert answer.status_code == status, (answer.status_code, answer.content)
    return answer.json()


def refused(answer: Any, status: int = 400) -> list[str]:
    """The fields that a problem document names, in order."""
    assert answer["Content-Type"] == "application/problem+json"
    return sorted(told(answer, status).get("errors", {}))


def judged_ones(user: User, count: int) -> None:
    """So many submissions to as many questions, each judged on a public and a hidden case; each after a queued one."""
    for n in range(count):
        question = make_question(cases=[])
        public = make_case(question, f"{n} 1\n", f"{n + 1}\n", public=True, note=f"case {n}")
        hidden = make_case(question, f"{n} 2\n", f"{n + 2}\n")
        row = {"user": user, "question": question, "kind": "graded", "language": "python"}
        row |= {"source": "x", "source_bytes": 1}
        Submission.objects.create(**row, created_at=timezone.now(), overdue_at=timezone.now())
        row |= {"created_at": timezone.now(), "status": "done", "verdict": "WA"}
        judged = Submission.objects.create(**row, cases_total=2, cases_judged=2)
        for index, case in enumerate((public, hidden), 1):
            judged.case_results.create(
                index=index,
                points=1,
                earned=0,
                public=case.is_public,
                verdict="WA",
                output=b"printed" if case.is_public else b"",
                input_sha256=case.input_id,
                answer_sha256=case.answer_id,
            )
