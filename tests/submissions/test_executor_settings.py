"""What an operator says of the executor: how long a run may take, how much memory, no network, no files."""

import os
import subprocess
import sys
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.checks import run_checks
from django.db.models.functions import Now

from execution import languages
from judgeplatform import settings as as_started
from questions.models import Question
from submissions import judging, recovery
from submissions.models import CaseResult, Submission
from tests.asking import RUNS, Api
from tests.conftest import ROOT
from tests.dialects.conftest import refused
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, Result, printed

pytestmark = pytest.mark.django_db(transaction=True)

BODY = {"language": "python", "source": "print(input())", "input": "hello"}
LEAVES_500_KB = "print('x' * (500 * 1024), end='')"


@pytest.fixture
def client():
    return Api(make_user())


@pytest.fixture
def judge0(backends):
    """A judge whose every program prints its input; `takes_s` of it may be set."""
    told = SimpleNamespace(takes_s=0.0)

    def echoed(source: bytes, stdin: bytes) -> Result:
        return printed(stdin, takes_s=told.takes_s)

    with FakeJudge0(echoed, looks=0) as server:
        backends(server.url)
        told.server = server
        yield told


def sent_to(judge0) -> list[dict]:
    batches = [request.body["submissions"] for request in judge0.server.asked("POST", "/submissions/batch")]
    return [item for batch in batches for item in batch]


def grow_old(pk: str, seconds: float) -> None:
    Submission.objects.filter(pk=pk).update(created_at=Now() - timedelta(seconds=seconds), overdue_at=Now())


# --- How long ------------------------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_run_ends_when_its_time_is_up_wherever_it_is_by_then(client, judge0, settings):
    """S3.27, S3.35: at a judge that takes too long; before a worker that comes too late, or before none at all."""
    settings.RUN_TIMEOUT_S = 0.5
    judge0.takes_s = 60
    at_the_judge, taken_late, never_taken = (client.send(RUNS, BODY).json()["id"] for _ in range(3))
    grow_old(never_taken, 1)

    judging.judge_submission(at_the_judge)
    asked = len(sent_to(judge0))
    grow_old(taken_late, 1)
    judging.judge_submission(taken_late)
    recovery.sweep()

    for pk in (at_the_judge, taken_late, never_taken):
        told = client.get(f"{RUNS}{pk}/").json()
        assert (told["status"], told["reason"], told["verdict"]) == ("error", "timeout", None)
        assert told["message"] == "It took longer than 0.5 s, with the time it waited."
    assert (asked, len(sent_to(judge0))) == (1, 1)


def test_what_is_graded_may_take_as_long_as_it_waits(judge0, settings):
    """S3.27: only the CPU time that was measured counts for it, by MAX_TOTAL_RUNTIME."""
    settings.RUN_TIMEOUT_S = 0.1
    judge0.takes_s = 0.3
    question = make_question(cases=[("3\n", "3\n", True)])
    submission = judging.submit(
        user=make_user(), question=question, language=languages.get("python"), source="1"
    )
    grow_old(str(submission.pk), 1000)

    recovery.sweep()
    judging.judge_submission(str(submission.pk))

    submission.refresh_from_db()
    assert (submission.status, submission.verdict) == ("done", "AC")


def test_beyond_the_total_runtime_the_rest_is_skipped(judge0, settings):
    """S3.27"""
    settings.MAX_TOTAL_RUNTIME_S = 0
    question = make_question(cases=[("1\n", "1\n", True), ("2\n", "2\n", False)], run_policy="run_all")
    settings.JUDGE_WINDOW_MAX = 1
    submission = judging.submit(
        user=make_user(), question=question, language=languages.get("python"), source="1"
    )

    judging.judge_submission(str(submission.pk))

    submission.refresh_from_db()
    assert (submission.verdict, submission.reason) == ("TLE", "total_runtime")
    assert list(CaseResult.objects.order_by("index").values_list("verdict", flat=True)) == ["AC", "SK"]


def test_the_settings_have_the_defaults_that_are_promised_and_no_answer_waits_longer_than_a_run_may_take():
    """S3.27, S3.28, S3.31, S3.32"""
    names = ["RUN_TIMEOUT_S", "SYNC_WAIT_MAX_S", "MAX_MEMORY_MIB", "ENABLE_NETWORKING", "ENABLE_FILESYSTEM"]
    assert [getattr(as_started, name) for name in names] == [30, 20, 256, False, False]

    script = f"from judgeplatform import settings as s; print(*(getattr(s, name) for name in {names}))"
    given = {"CODE_EXECUTOR_TIMEOUT": "5000", "CODE_EXECUTOR_MAX_MEMORY": "64"}
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ | given, capture_output=True, check=True)
    assert ended.stdout.split() == [b"5.0", b"5.0", b"64", b"False", b"False"]


# --- How much memory -----------------------------------------------------------------------------------------------


def test_the_memory_that_is_set_is_that_of_runs_and_of_new_questions(client, judge0, settings):
    """S3.28 (in part): runs cannot ask for more; a question may declare more, and its submissions and runs get it."""
    settings.MAX_MEMORY_MIB = 64
    assert Question().memory_limit_kib == 64 * 1024
    generous = make_question(cases=[("hello", "hello", True)], memory_limit_kib=300 * 1024)

    assert client.send(RUNS, BODY | {"memory_limit": 300 * 1024}).status_code == 400
    run = client.send(RUNS, BODY).json()["id"]
    graded = judging.submit(user=make_user(), question=generous, language=languages.get("python"), source="1")
    judging.judge_submission(run)
    judging.judge_submission(str(graded.pk))

    assert [item["memory_limit"] for item in sent_to(judge0)] == [64 * 1024, 300 * 1024]


def test_a_question_that_declares_more_than_any_server_gives_is_not_judged_with_less(backends):
    """S3.28 (in part)"""
    question = make_question(cases=[("1", "1", True)], memory_limit_kib=512 * 1024)
    with FakeJudge0(lambda source, stdin: printed(stdin), config={"max_memory_limit": 256_000}) as server:
        backends(server.url)
        submission = judging.submit(
            user=make_user(), question=question, language=languages.get("python"), source="1"
        )
        judging.judge_submission(str(submission.pk))

        submission.refresh_from_db()
        assert (submission.status, submission.reason) == ("error", "limits_unavailable")
        assert server.asked("POST", "/submissions/batch") == []


# --- No network, no files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("networking", "allowed"), [(False, True), (True, False), (True, True)])
def test_a_program_gets_a_network_only_where_operator_and_server_want_it_and_never_when_it_is_graded(
    client, backends, settings, networking, allowed
):
    """S3.31"""
    settings.ENABLE_NETWORKING = networking
    config = {"allow_enable_network": allowed}
    question = make_question(cases=[("hello", "hello", True)])
    with FakeJudge0(lambda source, stdin: printed(stdin), looks=0, config=config) as server:
        backends(server.url)
        run = client.send(RUNS, BODY).json()["id"]
        graded = judging.submit(
            user=make_user(), question=question, language=languages.get("python"), source="1"
        )
        judging.judge_submission(run)
        judging.judge_submission(str(graded.pk))

        sent = sent_to(SimpleNamespace(server=server))
        assert [item["enable_network"] for item in sent] == [networking and allowed, False]


@pytest.mark.parametrize("name", ["ENABLE_NETWORKING", "ENABLE_FILESYSTEM"])
def test_who_switches_on_what_is_dangerous_or_without_effect_is_warned(settings, name):
    """S3.31, S3.32"""
    assert [found.id for found in run_checks() if found.id.startswith("execution.W")] == []
    setattr(settings, name, True)
    (found,) = [found for found in run_checks() if (found.id or "").startswith("execution.W")]
    assert f"CODE_EXECUTOR_{name}" in found.msg


def test_a_run_brings_no_files_and_half_a_megabyte_of_output_arrives_whole(client, engine):
    """S3.32: files may be as large as the output, so that there is nothing in the way of it."""
    for name in ("additional_files", "files"):
        assert refused(client.send(RUNS, BODY | {name: "UEsDBAoAAAAAAA=="})) == [name]

    run = client.send(RUNS, BODY | {"source": LEAVES_500_KB}).json()["id"]
    question = make_question(cases=[("", "x" * 500 * 1024, True)], checker="exact")
    graded = judging.submit(
        user=make_user(), question=question, language=languages.get("python"), source=LEAVES_500_KB
    )
    for pk in (run, str(graded.pk)):
        judging.judge_submission(pk)
        judged = Submission.objects.get(pk=pk)
        assert (judged.status, judged.verdict) == ("done", "AC")
