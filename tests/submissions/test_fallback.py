"""A submission before several servers, of which some are down, full, refusing or broken: what comes of it.

(How a pool of servers behaves in detail is told by `tests/execution/test_pool.py` and `test_sharing.py`.)
"""

import itertools
import logging
import threading
import time
from datetime import timedelta

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.db.models.functions import Now

from execution import languages
from judgeplatform.settings import ranked_backends
from submissions import judging, recovery
from submissions.connections import pool, redis_client
from submissions.models import Submission
from tests.execution.test_sharing import Moments, in_flight
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, internal_error
from tests.truth import honest

pytestmark = pytest.mark.django_db(transaction=True)

CASES = [("1 2\n", "3\n", True), ("5 5\n", "10\n", False), ("-4 1\n", "-3\n", False)]
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def fake():
    started = []

    def start(program=honest, **options):
        started.append(FakeJudge0(program, **options).__enter__())
        return started[-1]

    yield start
    for one in started:
        one.stop()


def submit(user=None, source="print(sum(map(int, input().split())))", **fields) -> Submission:
    return judging.submit(
        user=user or make_user(),
        question=make_question(cases=CASES, **fields),
        language=languages.get("python"),
        source=source,
    )


def judged(submission, work) -> Submission:
    work()
    submission.refresh_from_db()
    return submission


def places(submission) -> set[str]:
    return set(submission.case_results.values_list("backend", flat=True))


def make_overdue() -> None:
    Submission.objects.unfinished().update(overdue_at=Now() - timedelta(seconds=1))


# --- Which server --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "ranks"),
    [
        ("http://a, http://b ,", [["http://a"], ["http://b"]]),
        (" http://b/,http://a", [["http://b"], ["http://a"]]),
        ("http://c, http://b/ | http://a|,http://d", [["http://c"], ["http://b", "http://a"], ["http://d"]]),
        ("", []),
    ],
)
def test_the_servers_are_a_list_in_the_order_of_trying(monkeypatch, given, ranks):
    """S1.11"""
    monkeypatch.setenv("JUDGE0_URLS", given)

    assert ranked_backends() == ranks


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:2358"),
        ({"CODE_EXECUTOR_HOST": "judge"}, "http://judge:2358"),
        ({"CODE_EXECUTOR_PORT": "3000"}, "http://127.0.0.1:3000"),
    ],
)
def test_without_a_list_one_server_is_named_by_host_and_port_or_is_the_engine(monkeypatch, given, url):
    """S1.11, S3.26"""
    monkeypatch.delenv("JUDGE0_URLS")
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert ranked_backends() == [[url]]


def test_a_list_that_is_set_but_empty_stops_the_start(settings):
    """S1.11"""
    settings.JUDGE0_URLS = []

    assert [error.id for error in run_checks() if error.id.startswith("execution.")] == ["execution.E001"]


def test_the_first_server_is_down_and_the_second_one_is_recorded_on_the_cases_it_ran(
    fake, backends, work, caplog
):
    """S1.1, S1.12, S1.14, S1.15, S1.16, S1.44: the log names who was passed over and who was chosen, in order."""
    second = fake()
    backends(NOWHERE, second.url)

    with caplog.at_level(logging.INFO, "execution.pool"):
        submission = judged(submit(), work)

    assert (submission.verdict, submission.score, places(submission)) == ("AC", 100, {second.url})
    told = [record.getMessage() for record in caplog.records if record.name == "execution.pool"]
    assert NOWHERE in told[0]
    assert second.url in told[-1]


def test_two_of_three_fail_and_the_third_one_judges(fake, backends, work):
    """S1.14, S1.18: with HTTP errors."""
    first, second, third = fake(), fake(), fake()
    first.fail("500")
    second.fail("503")
    backends(first.url, second.url, third.url)

    submission = judged(submit(), work)

    assert (submission.verdict, places(submission)) == ("AC", {third.url})
    assert first.requests
    assert second.requests


def test_a_server_that_hangs_is_left_after_the_time_that_is_set(fake, backends, work, settings):
    """S1.13, S1.17"""
    first, second = fake(), fake()
    first.fail("hang")
    settings.JUDGE0_READ_TIMEOUT_S = 0.3
    backends(first.url, second.url)

    submission = judged(submit(), work)

    assert (submission.verdict, places(submission)) == ("AC", {second.url})


def test_a_refusal_is_asked_once_and_ends_in_an_error_with_its_code(fake, backends, work):
    """S1.19, S3.40, C13"""
    first, second = fake(), fake()
    first.refuse = lambda stdin: {"language_id": ["language with id 71 doesn't exist"]}
    backends(first.url, second.url)

    submission = judged(submit(), work)

    assert len(first.asked("POST", "/submissions/batch")) == 1
    assert second.requests == []
    assert (submission.status, submission.reason, submission.verdict) == ("error", "judge_rejected", None)
    assert submission.message


def test_a_failure_that_passes_leaves_one_result(fake, backends, work):
    """S1.46, S3.39: twice no answer, then the usual."""
    server = fake()
    server.fail("500", times=2, path="/submissions/batch")
    backends(server.url)
    submission = judged(submit(), work)
    assert (submission.status, submission.reason) == ("queued", "judge_unavailable")

    for _ in range(2):
        make_overdue()
        recovery.sweep()
        judged(submission, work)

    assert (submission.verdict, submission.score) == ("AC", 100)
    assert submission.case_results.count() == 3
    assert len([event for event in submission.events.all() if event.payload["final"]]) == 1


def test_what_every_server_fails_at_ends_in_an_error_with_its_code_and_not_in_a_verdict(fake, backends, work):
    """S3.39, S3.40: an internal error here and there."""
    servers = [fake(lambda source, stdin: internal_error()) for _ in range(2)]
    backends(*(server.url for server in servers))

    submission = judged(submit(), work)

    assert (submission.status, submission.reason, submission.verdict) == ("error", "judge_fault", None)


# --- No server at all ----------------------------------------------------------------------------------------


def test_while_no_server_answers_submissions_wait_and_then_all_are_judged(fake, backends, work):
    """S1.47 (in part), S2.18 (in part): they are not asked again and again meanwhile, nor told of it each time."""
    server = fake()
    server.fail("500")
    backends(server.url)
    waiting = [submit() for _ in range(6)]
    work()
    for _ in range(3):
        make_overdue()
        recovery.sweep()
        work()
    asked = len(server.requests)
    make_overdue()
    recovery.sweep()
    assert redis_client().llen("rq:queue:default") == 0, "nobody is rung for who cannot be judged"
    assert len(server.requests) == asked
    for submission in waiting:
        submission.refresh_from_db()
        assert (submission.status, submission.reason) == ("queued", "judge_unavailable")
        assert submission.unavailable_since
        assert submission.events.count() <= 4

    server.mend()
    for breaker in pool().breakers.values():
        breaker.succeeded()  # as the prober finds
    make_overdue()
    recovery.sweep()
    work()

    assert {judged(submission, work).verdict for submission in waiting} == {"AC"}


# --- Tokens --------------------------------------------------------------------------------------------------


def test_the_token_is_kept_before_it_is_asked_for_and_asked_for_again_after_a_restart(fake, backends, work):
    """S1.22, S1.53: what the dead worker had sent is not sent again."""
    server = fake()
    backends(server.url)
    submission = submit(run_policy="run_all")
    kept = []

    class FirstPoll(list):
        def append(self, request):
            super().append(request)
            if request.method == "GET" and request.path == "/submissions/batch" and not kept:
                kept.extend(Submission.objects.get(pk=submission.pk).placements.get().tokens)
                connection.close()
                raise ConnectionAbortedError  # and the worker is gone as well, as far as the server can tell

    server.requests = FirstPoll()
    judged(submission, work)

    assert len(kept) == 3
    assert submission.verdict == "AC"
    assert len(server.runs) == 3, "each case was run once"


# --- Many at once --------------------------------------------------------------------------------------------


def test_of_ten_submissions_three_are_at_the_server_at_once_each_with_one_window(
    fake, backends, work, settings
):
    """S2.19, S2.20, S2.22: one case each at a time, where the window is one."""
    settings.JUDGE_WINDOW_MAX = 1
    server = fake(takes_s=0.05)
    backends(server.url)
    most_programs, most_of_one = [], []

    class Watch(list):
        def append(self, request):
            super().append(request)
            if request.method != "POST":
                return
            now = time.monotonic()
            there = [
                one.source
                for one in list(server.submissions.values())
                if one.result is None or now - one.started < one.result.takes_s
            ]
            most_programs.append(len(set(there)) + 1)
            most_of_one.append(max((there.count(source) for source in there), default=0))

    server.requests = Watch()
    many = [submit(source=f"# {number}") for number in range(10)]

    work(concurrency=3)

    assert {judged(one, work).verdict for one in many} == {"AC"}
    assert max(most_programs) <= 3
    assert max(most_of_one) <= 1


def test_a_hundred_submissions_at_once_all_end_and_the_server_never_has_more_than_it_may(
    fake, backends, work, settings
):
    """S1.47"""
    settings.JUDGE0_MAX_INFLIGHT = 10
    server = fake(takes_s=0.02, looks=0)
    backends(server.url)
    most = []

    class Watch(list):
        def append(self, request):
            if request.method == "POST":
                most.append(in_flight(server) + len(request.body["submissions"]))

    server.requests = Watch()
    user = make_user()
    many = []

    def post():
        many.extend(submit(user) for _ in range(10))

    threads = [threading.Thread(target=post) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work(concurrency=16)

    assert len(many) == 100
    assert set(Submission.objects.values_list("status", "verdict")) == {("done", "AC")}
    assert max(most) <= 10


def test_results_are_polled_until_they_are_final(fake, backends, work):
    """S1.53"""
    server = fake(takes_s=0.3)
    server.requests = Moments()
    backends(server.url)

    assert judged(submit(), work).status == "done"
    polls = [at for at, request in server.requests if request.path == "/submissions/batch"]
    assert all(later - earlier <= 2 for earlier, later in itertools.pairwise(polls))
    assert len(polls) > 3


def test_ten_that_wait_are_all_rung_for_again_when_redis_was_flushed(fake, backends, work):
    """S1.45"""
    server = fake()
    backends(server.url)
    many = [submit() for _ in range(10)]
    redis_client().flushall()
    recovery.sweep()
    assert redis_client().llen("rq:queue:default") == 0, "their patience is not over yet"

    make_overdue()
    assert recovery.sweep() == 10

    assert redis_client().llen("rq:queue:default") == 10
    assert {judged(one, work).verdict for one in many} == {"AC"}
