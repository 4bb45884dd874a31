"""The way of a submission, undisturbed and disturbed. Read this first.

A learner submits a program; the row is the truth; a worker claims it, judges it at a backend, and stores what it
finds step by step; the page follows by numbered events. Whatever dies on the way, the submission ends.
"""

import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Thread

import pytest
from django.db.models.functions import Now

from execution import languages
from execution.types import Finished, Judged, Run, Submitted, Verdict
from questions.models import Blob
from submissions import events, judging, lifecycle, recovery
from submissions.connections import queue, redis_client
from submissions.models import Submission
from tests.factories import make_question, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

PYTHON = languages.get("python")
ADD = "a, b = map(int, input().split())\nprint(a + b)\n"
WRONG_ON_NEGATIVES = "a, b = map(int, input().split())\nprint(abs(a) + abs(b))\n"


def submit(source: str = ADD, **fields) -> Submission:
    question = make_question(
        cases=[
            ("1 2\n", "3\n", True),
            ("5 5\n", "10\n", False),
            ("-4 1\n", "-3\n", False),
            ("0 0\n", "0\n", False),
        ],
        **fields,
    )
    return judging.submit(user=make_user(), question=question, language=PYTHON, source=source)


def statuses(submission: Submission) -> list[str]:
    return [
        event["outcome"] or event["status"]
        for event in events.after(submission, 0)
        if event["type"] == "status"
    ]


def test_a_right_program_goes_from_queued_over_running_to_passed(engine, work):
    """S0.3, S0.4, S0.28, S1.29: the whole way, with a real worker, engine and sandbox."""
    submission = submit()
    assert statuses(submission) == ["queued"]

    work()

    submission.refresh_from_db()
    assert (submission.status, submission.verdict, submission.outcome) == ("done", "AC", "passed")
    assert submission.score == 100
    assert submission.finished_at is not None
    assert statuses(submission) == ["queued", "running", "passed"]


def test_a_program_that_passes_the_public_cases_only_fails_and_what_follows_is_not_run(engine, work):
    """S0.3, S0.10, S0.14, S0.29: judged are the public and the hidden cases, in order, up to the first failure."""
    submission = submit(WRONG_ON_NEGATIVES)

    work()

    submission.refresh_from_db()
    assert (submission.status, submission.verdict, submission.score) == ("done", "WA", 50)
    assert [result.verdict for result in submission.case_results.all()] == ["AC", "AC", "WA", "SK"]
    assert submission.cases_total == submission.cases_judged == 4
    assert statuses(submission) == ["queued", "running", "failed"]


def test_every_change_has_a_number_and_a_follower_who_missed_some_gets_the_rest(engine, work):
    submission = submit()
    work()
    submission.refresh_from_db()

    messages = events.after(submission, 0)

    assert [message["seq"] for message in messages] == list(range(1, submission.seq + 1))
    assert [message["type"] for message in messages] == ["status", "status", *["case"] * 4, "status"]
    assert events.after(submission, 3) == messages[3:]
    assert events.after(submission, submission.seq) == []


def test_when_old_events_are_gone_a_follower_gets_one_snapshot_instead(engine, work):
    submission = submit()
    work()
    submission.refresh_from_db()
    submission.events.filter(seq__lt=4).delete()

    (snapshot,) = events.after(submission, 0)

    assert (snapshot["type"], snapshot["seq"], snapshot["verdict"]) == ("snapshot", submission.seq, "AC")
    assert [case["verdict"] for case in snapshot["results"]] == ["AC"] * 4


def test_without_any_worker_the_row_waits_and_nothing_is_sent_to_a_backend():
    """S0.2: the record exists as queued before any judging. (Nothing listens at the backend's address here.)"""
    submission = submit()

    submission.refresh_from_db()
    assert submission.status == "queued"
    assert submission.placements.count() == 0
    assert queue("default").job_ids == [judging.job_id(submission)]


def test_jobs_carry_ids_only():
    submission = submit()

    (job_id,) = queue("default").job_ids
    stored = redis_client().hget(f"rq:job:{job_id}", "data")

    assert ADD.encode() not in stored
    assert str(submission.pk) in repr(queue("default").fetch_job(job_id).args)


def test_rqs_own_worker_judges_as_well(engine):
    """S1.37, S1.39: judging is an ordinary RQ job."""
    from rq import SimpleWorker
    from rq.serializers import JSONSerializer

    submission = submit()

    SimpleWorker([queue("default")], connection=redis_client(), serializer=JSONSerializer).work(burst=True)

    submission.refresh_from_db()
    assert submission.verdict == "AC"


def test_judged_inline_by_a_worker_or_by_a_command_the_verdict_is_the_same(engine, work):
    """S0.5: judging does not know how it was called."""
    from django.core.management import call_command

    inline, queued = submit(WRONG_ON_NEGATIVES), None
    judging.judge_submission(str(inline.pk))
    redis_client().flushall()
    queued = submit(WRONG_ON_NEGATIVES)
    work()
    swept = submit(WRONG_ON_NEGATIVES)
    redis_client().flushall()
    make_overdue(swept)
    call_command("sweep", "--once")
    work()

    def found(submission: Submission) -> tuple:
        submission.refresh_from_db()
        cases = submission.case_results.values_list("index", "verdict", "earned")
        return submission.verdict, submission.score, [*cases]

    assert found(inline) == found(queued) == found(swept)


# --- Disturbed -----------------------------------------------------------------------------------------------


def make_overdue(submission: Submission) -> None:
    """As if its patience or its owner's lease had run out."""
    Submission.objects.filter(pk=submission.pk).update(overdue_at=Now() - timedelta(seconds=1))


def test_when_redis_loses_the_queue_the_sweeper_enqueues_again(engine, work):
    """S0.20, S1.45 (in part): losing Redis loses no submission."""
    submissions = [submit() for _ in range(3)]
    redis_client().flushall()
    for submission in submissions:
        make_overdue(submission)

    assert recovery.sweep() == 3
    work()

    assert {Submission.objects.get(pk=one.pk).verdict for one in submissions} == {"AC"}


def test_a_submission_that_stands_in_the_queue_is_not_enqueued_twice():
    submission = submit()
    make_overdue(submission)

    assert recovery.sweep() == 0
    assert queue("default").count == 1


def test_when_redis_is_away_the_submission_is_taken_and_judged_later(engine, work, settings):
    """S0.20: nothing is lost, and the learner gets no error."""
    from submissions import connections

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    connections.redis_client.cache_clear()
    connections.queue.cache_clear()
    try:
        submission = submit()
    finally:
        connections.redis_client.cache_clear()
        connections.queue.cache_clear()
    settings.REDIS_URL = __import__("os").environ["REDIS_URL"]
    assert queue("default").count == 0
    make_overdue(submission)

    recovery.sweep()
    work()

    assert Submission.objects.get(pk=submission.pk).verdict == "AC"


def claim(submission: Submission) -> lifecycle.Claim:
    submission.refresh_from_db()
    claimed = lifecycle.claim(submission, revision="r", cases_total=4)
    assert claimed is not None
    return claimed


def ran(index: int, verdict: Verdict = Verdict.AC) -> Judged:
    return Judged(
        index, Run(failure=None, time_ms=7, memory_kib=900), verdict, points=Decimal(1), backend="http://b"
    )


def test_when_a_worker_dies_its_submission_is_judged_by_another_and_finished_cases_are_not_run_again(
    engine, work
):
    """S0.15, S1.5 (in part)"""
    submission = submit()
    dead = claim(submission)
    cases = submission.question.testcases.values_for_judging()
    Submission.objects.filter(pk=submission.pk).update(revision=submission.question.revision(cases))
    lifecycle.record(dead, {1: cases[0]}, [ran(1)])
    make_overdue(submission)

    recovery.sweep()
    work()

    submission.refresh_from_db()
    assert (submission.verdict, submission.attempt, submission.interruptions) == ("AC", 2, 1)
    assert submission.case_results.get(index=1).backend == "http://b"  # the dead one's result was kept


def test_when_the_question_changed_meanwhile_everything_is_judged_again(engine, work):
    submission = submit()
    dead = claim(submission)
    lifecycle.record(dead, {1: submission.question.testcases.values_for_judging()[0]}, [ran(1, Verdict.WA)])
    make_overdue(submission)

    recovery.sweep()
    work()

    submission.refresh_from_db()
    assert [result.verdict for result in submission.case_results.all()] == ["AC"] * 4
    cases = submission.question.testcases.values_for_judging()
    assert submission.revision == submission.question.revision(cases)
    numbers = [message["seq"] for message in events.after(submission, 0)]
    assert numbers == list(range(1, submission.seq + 1))  # forgetting is a change that followers see, too


def test_when_a_case_is_replaced_while_it_is_judged_the_new_one_counts(engine, work):
    """The data of the old one is gone by the time it is needed."""
    submission = submit()
    hidden = submission.question.testcases.get(order=3)
    cases = submission.question.testcases.values_for_judging()
    old, hidden.answer = hidden.answer, Blob.store(b"99\n")

    def replaced() -> bytes:
        hidden.save()
        old.delete()
        return b"1 2\n"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "questions.models.TestCaseQuerySet.values_for_judging",
            lambda self: [replace(cases[0], input=replaced), *cases[1:]],
        )
        judging.judge_submission(str(submission.pk))
    work()

    submission.refresh_from_db()
    assert (submission.status, submission.verdict, submission.interruptions) == ("done", "WA", 0)


def test_who_lost_a_submission_cannot_write_about_it_any_more():
    submission = submit()
    late = claim(submission)
    make_overdue(submission)
    recovery.sweep()
    current = claim(submission)
    case = submission.question.testcases.values_for_judging()[0]

    assert lifecycle.renew([late, current]) == {late}
    for write in (
        lambda: lifecycle.record(late, {}, [Submitted((1,), "run", "http://b", ("t",))]),
        lambda: lifecycle.record(late, {1: case}, [ran(1)]),
        lambda: lifecycle.record(late, {}, [Finished(Verdict.WA, None)]),
        lambda: lifecycle.fail(late, code="x", message="x"),
        lambda: lifecycle.give_back(late),
    ):
        with pytest.raises(lifecycle.Fenced):
            write()

    lifecycle.record(current, {}, [Finished(Verdict.AC, None)])
    submission.refresh_from_db()
    assert (submission.verdict, submission.case_results.count()) == ("AC", 0)


def test_a_finished_submission_is_never_claimed_again():
    submission = submit()
    lifecycle.record(claim(submission), {}, [Finished(Verdict.AC, None)])

    submission.refresh_from_db()
    assert lifecycle.claim(submission, revision="r", cases_total=4) is None
    judging.judge_submission(str(submission.pk))  # the same job delivered twice

    submission.refresh_from_db()
    assert (submission.status, submission.attempt) == ("done", 1)


def test_a_submission_that_kills_its_worker_again_and_again_ends_in_error():
    """S0.15: every submission ends; and the fault is ours."""
    submission = submit()
    for _ in range(lifecycle.MAX_INTERRUPTIONS + 1):
        claim(submission)
        make_overdue(submission)
        recovery.sweep()

    submission.refresh_from_db()
    assert (submission.status, submission.reason, submission.verdict) == ("error", "interrupted", None)
    assert submission.outcome == "error"


def test_without_a_backend_it_waits_in_the_queue_and_is_judged_when_one_is_back(engine, work, backends):
    submission = submit()
    backends("http://127.0.0.1:1")
    work()
    submission.refresh_from_db()
    assert (submission.status, submission.reason, submission.interruptions) == (
        "queued",
        "judge_unavailable",
        0,
    )

    backends(engine)
    make_overdue(submission)
    recovery.sweep()
    work()

    submission.refresh_from_db()
    assert (submission.status, submission.verdict, submission.reason) == ("done", "AC", "")
    assert submission.unavailable_since is None


def test_without_a_backend_for_too_long_it_ends_in_error_that_is_ours(work, backends, settings):
    settings.MAX_QUEUE_AGE_S = 60
    submission = submit()
    backends("http://127.0.0.1:1")
    work()
    Submission.objects.filter(pk=submission.pk).update(unavailable_since=Now() - timedelta(seconds=61))
    make_overdue(submission)

    recovery.sweep()
    work()  # that servers are known to be down takes more than one failure

    submission.refresh_from_db()
    assert (submission.status, submission.reason, submission.outcome) == (
        "error",
        "judge_unavailable",
        "error",
    )


def test_a_worker_that_stops_gives_its_submission_back_at_once():
    submission = submit()
    redis_client().flushall()

    lifecycle.give_back(claim(submission))
    recovery.sweep()

    submission.refresh_from_db()
    assert (submission.status, submission.interruptions) == ("queued", 0)
    assert queue("default").job_ids == [judging.job_id(submission)]


def test_of_many_who_claim_at_once_exactly_one_gets_it():
    """The race that a queue which delivers twice invites."""
    submissions = [submit() for _ in range(5)]
    won: list[lifecycle.Claim] = []

    def race() -> None:
        from django.db import connection

        for submission in submissions:
            claimed = lifecycle.claim(submission, revision="r", cases_total=1)
            if claimed is not None:
                won.append(claimed)
        connection.close()

    threads = [Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(claim.submission_id for claim in won) == sorted(one.pk for one in submissions)
    assert {claim.attempt for claim in won} == {1}


def test_a_job_for_a_submission_that_does_not_exist_does_nothing():
    judging.judge_submission(str(uuid.uuid4()))
