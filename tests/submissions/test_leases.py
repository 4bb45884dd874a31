"""Claims are renewed together, each for itself; nothing that one of them waits for holds up the others."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from execution import languages
from submissions import judging, leases, lifecycle, recovery
from submissions.models import Submission
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, printed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture
def question():
    return make_question()


@pytest.fixture
def user():
    return make_user()


def submit(user, question) -> Submission:
    return judging.submit(user=user, question=question, language=languages.get("python"), source="print(3)")


def claimed(user, question) -> lifecycle.Claim:
    claim = lifecycle.claim(submit(user, question), revision="r", cases_total=2)
    assert claim is not None
    make_overdue(claim)
    return claim


def make_overdue(claim: lifecycle.Claim) -> None:
    Submission.objects.filter(pk=claim.submission_id).update(overdue_at=Now() - timedelta(seconds=1))


def overdue() -> set[UUID]:
    return set(Submission.objects.overdue().filter(status="running").values_list("pk", flat=True))


@contextmanager
def locked(claim: lifecycle.Claim) -> Iterator[None]:
    """Somebody else is in the middle of changing the row, and takes his time. (SQLite locks no rows.)"""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite locks no rows; bin/test runs this on PostgreSQL")
    is_locked, may_end = threading.Event(), threading.Event()

    def lock() -> None:
        with transaction.atomic():
            Submission.objects.select_for_update().get(pk=claim.submission_id)
            is_locked.set()
            may_end.wait(30)
        connection.close()

    thread = threading.Thread(target=lock)
    thread.start()
    assert is_locked.wait(10)
    try:
        yield
    finally:
        may_end.set()
        thread.join()


def test_64_claims_cost_one_update(user, question):
    claims = [claimed(user, question) for _ in range(64)]

    with CaptureQueriesContext(connection) as queries:
        assert lifecycle.renew(claims) == set()

    statements = [query["sql"].split()[0] for query in queries]
    assert statements.count("UPDATE") == 1
    assert len(statements) <= 3  # BEGIN and COMMIT
    assert overdue() == set()


def test_a_claim_that_was_lost_is_told_and_not_renewed(user, question):
    """Given back, claimed by somebody else, ended: in none of these cases is the row touched."""
    ours, given_back, taken_over, ended = (claimed(user, question) for _ in range(4))
    for claim in (given_back, taken_over):
        lifecycle.give_back(claim)
    again = Submission.objects.get(pk=taken_over.submission_id)
    theirs = lifecycle.claim(again, revision="r", cases_total=2)
    make_overdue(theirs)
    lifecycle.fail(ended, code="x", message="x")

    assert lifecycle.renew([ours, given_back, taken_over, ended]) == {given_back, taken_over, ended}

    assert overdue() == {theirs.submission_id}


def test_a_row_that_somebody_has_locked_does_not_keep_the_others_from_being_renewed(user, question):
    stuck, free = claimed(user, question), claimed(user, question)
    with locked(stuck):
        started = time.monotonic()
        assert lifecycle.renew([stuck, free]) == set()
        assert time.monotonic() - started < 2
        assert overdue() == {stuck.submission_id}

    assert lifecycle.renew([stuck, free]) == set()
    assert overdue() == set()


def test_a_row_that_somebody_has_locked_does_not_keep_the_others_from_being_swept(user, question):
    stuck, free = claimed(user, question), claimed(user, question)
    with locked(stuck):
        started = time.monotonic()
        assert recovery.sweep() == 1
        assert time.monotonic() - started < 2
        assert Submission.objects.get(pk=free.submission_id).status == "queued"

    assert recovery.sweep() == 1
    assert Submission.objects.get(pk=stuck.submission_id).status == "queued"


def test_nobody_waits_for_ever_for_a_locked_row(user, question):
    claim = claimed(user, question)
    with locked(claim), pytest.raises(Exception, match="lock timeout"):
        lifecycle.give_back(claim)


def test_a_judging_that_goes_on_is_renewed_and_one_that_hangs_is_not(user, question, settings):
    settings.JUDGE_WATCHDOG_S = 1
    moving, hanging = claimed(user, question), claimed(user, question)
    with leases.held(hanging) as hung, leases.held(moving) as lease:
        deadline = time.monotonic() + 15
        while not leases.is_stuck():
            assert time.monotonic() < deadline
            lease.beat()
            time.sleep(0.05)
        assert (hung.is_hung, lease.is_hung, leases.hung()) == (True, False, [hanging])
        for claim in (moving, hanging):
            make_overdue(claim)
        while moving.submission_id in overdue():
            assert time.monotonic() < deadline
            lease.beat()
            time.sleep(0.05)
        assert overdue() == {hanging.submission_id}

    assert not leases.is_stuck()


@pytest.mark.usefixtures("keeping_no_connections")
@pytest.mark.parametrize("seats", [80, 2], ids=["for runs", "for room"])
def test_while_judgings_wait_for_a_slow_backend_they_hold_no_connection_to_the_database(
    user, question, backends, settings, seats
):
    """32 of them at once need no more than a handful, whether they wait for their runs or until there is room."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connections to count; bin/test runs this on PostgreSQL")
    settings.JUDGE0_MAX_INFLIGHT = seats
    with FakeJudge0(
        lambda source, stdin: printed(b"no", takes_s=4 if seats > 32 else 0.3), looks=1
    ) as judge0:
        backends(judge0.url)
        submissions = [submit(user, question) for _ in range(32)]
        threads = [threading.Thread(target=judge, args=(one,)) for one in submissions]
        for thread in threads:
            thread.start()
        counts = []
        while any(thread.is_alive() for thread in threads):
            if Submission.objects.filter(attempt=1).count() == 32:
                counts.append(count_connections())
            time.sleep(0.1)
    assert sorted(counts)[len(counts) // 2] <= 6


def judge(submission: Submission) -> None:
    try:
        judging.judge_submission(str(submission.pk))
    finally:
        connection.close()


def count_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]
