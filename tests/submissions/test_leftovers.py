"""What was sent to a server is deleted there once its submission has ended, whatever happens in between."""

import threading
import time
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from execution import languages
from execution.errors import JudgingError
from execution.judge0 import Judge0
from submissions import judging, leftovers
from submissions.connections import pool, redis_client
from submissions.models import Placement, Submission
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, printed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture
def judge0(backends, settings):
    """A Judge0 that lets us delete."""
    config = {"enable_submission_delete": True}
    with FakeJudge0(lambda source, stdin: printed(b"3\n"), config=config, authz_token="secret") as fake:
        backends(fake.url)
        settings.JUDGE0_HEADERS = [{"X-Auth-User": "secret"}]
        yield fake


def submit() -> Submission:
    return judging.submit(
        user=make_user(),
        question=make_question(cases=[("1 2\n", "3\n", True), ("2 1\n", "3\n", False)]),
        language=languages.get("python"),
        source="print(3)",
    )


def deletions(judge0: FakeJudge0) -> list[str]:
    return [one.path for one in judge0.requests if one.method == "DELETE"]


def test_after_the_verdict_nothing_of_it_stays_at_a_server_that_lets_us_delete(judge0, work):
    submission = submit()
    work()
    assert len(judge0.submissions) == 2

    leftovers.clear()

    submission.refresh_from_db()
    assert submission.status == "done"
    assert judge0.submissions == {}
    assert not Placement.objects.exists()


def test_before_the_verdict_nothing_is_deleted(judge0, work):
    submission = submit()
    judge0.fail("500", method="GET", path="/submissions/batch")
    work()
    submission.refresh_from_db()
    assert submission.status == "queued"
    placed = Placement.objects.count()
    assert placed > 0

    leftovers.clear()

    assert deletions(judge0) == []
    assert Placement.objects.count() == placed


def test_what_still_runs_there_is_deleted_later(judge0, work):
    """As are its neighbours of the same batch that have ended."""
    submit()
    work()
    judge0.stuck_at = 2
    leftovers.clear()
    assert Placement.objects.exists()

    judge0.stuck_at = None
    leftovers.clear()

    assert judge0.submissions == {}
    assert not Placement.objects.exists()


@pytest.mark.parametrize("fault", ["500", "queue_full", "broken"])
def test_a_server_that_does_not_answer_is_asked_again(judge0, work, fault):
    submit()
    work()
    judge0.fail(fault, method="DELETE")
    leftovers.clear()
    assert Placement.objects.exists()

    judge0.mend()
    leftovers.clear()

    assert judge0.submissions == {}
    assert not Placement.objects.exists()


def test_after_an_hour_a_server_that_is_gone_is_given_up(judge0, work):
    submission = submit()
    work()
    judge0.stop()
    leftovers.clear()
    assert Placement.objects.exists()

    Submission.objects.filter(pk=submission.pk).update(finished_at=Now() - timedelta(minutes=61))
    leftovers.clear()

    assert not Placement.objects.exists()


@pytest.mark.parametrize("kind", [{"engine": True}, {"config": {"enable_submission_delete": False}}])
def test_a_server_that_forgets_by_itself_or_lets_nobody_delete_is_not_asked(backends, work, kind):
    with FakeJudge0(lambda source, stdin: printed(b"3\n"), **kind) as judge0:
        backends(judge0.url)
        submit()
        work()
        leftovers.clear()
        assert deletions(judge0) == []
    assert not Placement.objects.exists()


def test_a_judging_that_has_taken_all_connections_does_not_keep_it_from_being_deleted(judge0, work, settings):
    settings.JUDGE0_CONNECTIONS = 1
    submit()
    work()
    judge0.fail("hang", path="/workers")
    judging_there = threading.Thread(target=_ask_for_the_queue, args=(pool().servers[0],))
    judging_there.start()
    while not judge0.asked("GET", "/workers"):
        time.sleep(0.005)

    leftovers.clear()

    assert judge0.submissions == {}
    judge0.stop()
    judging_there.join()


def _ask_for_the_queue(server: Judge0) -> None:
    with suppress(JudgingError):
        server.queue()


def test_a_server_that_is_slow_at_deleting_leaves_judgings_their_connections(judge0, work, settings):
    settings.JUDGE0_CONNECTIONS = 1
    submit()
    work()
    judge0.fail("hang", method="DELETE")
    deleting = threading.Thread(target=_clear)
    deleting.start()
    while not deletions(judge0):
        time.sleep(0.005)

    assert pool().servers[0].queue().workers == 2

    judge0.stop()
    deleting.join()
    assert Placement.objects.exists()


def _clear() -> None:
    try:
        leftovers.clear()
    finally:
        connection.close()


def test_only_one_worker_at_a_time_is_at_it(judge0, work):
    submit()
    work()
    redis_client().set(leftovers.TURN_KEY, 1)
    leftovers.clear()
    assert Placement.objects.exists()

    redis_client().delete(leftovers.TURN_KEY)
    leftovers.clear()

    assert not Placement.objects.exists()
