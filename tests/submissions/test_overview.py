"""“Status” in the admin: what is wrong first, then how things stand; nothing but what may be told to who sees it."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from submissions import lifecycle, recovery, repairs, waiting
from submissions.backends import visit
from submissions.connections import pool, redis_client
from submissions.models import Submission
from submissions.worker import make_worker
from tests.factories import make_author, make_question, make_user
from tests.fakes import FakeJudge0

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
ADDRESS = "/admin/status/"
MOST_QUERIES = 12


@pytest.fixture
def author():
    client = Client()
    client.force_login(make_author())
    return client


@pytest.fixture
def fine(backends):
    """A judge server in use, a worker for each queue, and a sweeper that has just been round."""
    with FakeJudge0() as judge0:
        backends(judge0.url)
        visit(pool().servers[0])
        for lane, slots in (("default", 4), ("low", 1), ("hints", 8)):
            waiting.announce(f"worker-of-{lane}", lane, slots)
        recovery.sweep()
        yield judge0


def words(client) -> str:
    """The page's text, without its tags, on one line."""
    answer = client.get(ADDRESS)
    assert answer.status_code == 200
    body = answer.text.partition('<div id="status">')[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def troubles(client) -> list[str]:
    """What each says, without what to do about it, which is on the page too."""
    answer = client.get(ADDRESS)
    told = answer.context["troubles"]
    assert all(one.remedy.endswith(".") and escape(one.remedy) in answer.text for one in told)
    return [one.what for one in told]


def submitted(**fields) -> Submission:
    submission = lifecycle.create(
        kind=fields.pop("kind", "graded"),
        user=make_user(),
        question=make_question(title="Sum of two"),
        language="python",
        source_bytes=0,
    )
    Submission.objects.filter(pk=submission.pk).update(**fields)
    return submission


def failed(reason: str, ago: timedelta = timedelta()) -> Submission:
    submission = submitted()
    claim = lifecycle.claim(submission, revision="r", cases_total=1)
    assert claim is not None
    lifecycle.fail(claim, code=reason, message=f"It was {reason}.")
    Submission.objects.filter(pk=submission.pk).update(finished_at=Now() - ago)
    return submission


def test_on_a_quiet_day_it_says_that_everything_is_fine(author, fine):
    assert troubles(author) == []
    assert words(author).startswith("Everything is fine. As of ")


def test_what_waits_for_long_ended_in_errors_or_lacks_a_server_is_told_first(author, fine):
    submitted(created_at=Now() - timedelta(minutes=5))
    submitted()
    submitted(unavailable_since=Now())
    submitted(kind="rejudge")
    for reason in ("timeout", "timeout", "cancelled"):
        failed(reason)
    failed("timeout", ago=timedelta(hours=2))

    assert troubles(author) == [
        "The first in the queue “default” has waited for 5 min.",
        "1 in Python 3 wait for a judge server that can be used.",
        "2 ended in an error of ours within the last hour.",
    ]
    told = words(author)
    assert told.startswith("3 things need attention.")
    assert "default 2 5 min 0" in told
    assert re.search(r"\blow 1 \d+ s 0\b", told)
    assert "timeout 2 It was timeout. cancelled 1 It was cancelled." in told


def test_what_is_judged_for_longest_and_what_was_repaired_last_is_told(author, fine):
    running = submitted()
    lifecycle.claim(running, revision="r", cases_total=7)
    lost = submitted(kind="run")
    lifecycle.claim(lost, revision="r", cases_total=1)
    Submission.objects.filter(pk=lost.pk).update(overdue_at=Now() - timedelta(seconds=1))

    recovery.sweep()

    told = words(author)
    assert "Sum of two, Python 3" in told
    assert "0 of 7" in told
    assert "1 taken back from a worker that was lost." in told
    assert str(running.pk) in author.get(ADDRESS).text


def test_workers_tell_where_they_are_and_how_busy(author, fine):
    worker = make_worker("default", 4)
    worker.register_birth()
    worker.announce()
    worker.heartbeat()

    assert f"{worker.hostname}, process {worker.pid} default 0 of 4" in words(author)


def test_without_redis_it_still_shows_what_the_database_knows(author, settings):
    submitted()
    failed("timeout")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis_client.cache_clear()
    pool.cache_clear()
    try:
        told, wrong = words(author), troubles(author)
    finally:
        redis_client.cache_clear()

    assert wrong == [
        "Redis does not answer: what is graded is taken and waits, runs are refused.",
        "1 ended in an error of ours within the last hour.",
    ]
    assert "redis does not answer" in told
    assert "Nothing is known of them while Redis is away." in told
    assert re.search(r"\bdefault 1 \d+ s 0\b", told)


def test_without_any_worker_and_with_a_server_that_is_down_it_says_so(author, backends):
    backends("http://127.0.0.1:1")
    visit(pool().servers[0])

    assert troubles(author) == [
        "No judge server can be used (0 of 1).",
        "No worker serves the queue “default”.",
        "No worker serves the queue “low”.",
        "No worker serves the queue “hints”.",
    ]


def test_a_sweeper_that_stands_still_is_told(author, fine):
    redis_client().delete(repairs.LAST)

    assert troubles(author) == ["No worker sweeps: what a dead one was judging stays where it is."]


def test_it_costs_the_same_however_much_waits_fails_or_runs(author, fine):
    """The page is opened when things go badly."""
    for _ in range(3):
        failed("timeout")
        submitted()
        lifecycle.claim(submitted(), revision="r", cases_total=1)
    author.get(ADDRESS)

    with CaptureQueriesContext(
        connection,
    ) as few:
        author.get(ADDRESS)
    for _ in range(5):
        failed("internal")
        submitted(kind="run")
        lifecycle.claim(submitted(), revision="r", cases_total=1)
    with CaptureQueriesContext(connection) as many:
        author.get(ADDRESS)

    assert len(few) == len(many) <= MOST_QUERIES


def test_staff_without_the_right_to_see_submissions_do_not_see_it(fine):
    client = Client()
    client.force_login(make_user(is_staff=True))

    assert client.get(ADDRESS).status_code == 403
    client.force_login(make_user())
    assert client.get(ADDRESS).status_code == 302
