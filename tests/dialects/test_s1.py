"""S1: jobs, through HTTP. (Its stream and its websocket: tests/submissions.)"""

import uuid

import pytest

from execution.types import Judged, RunPolicy
from submissions import judging, lifecycle
from submissions.models import Submission
from tests.dialects.conftest import JUDGED, judge, judged_ones, post, refused, told
from tests.factories import make_question

pytestmark = pytest.mark.django_db

EXECUTE = "/api/execute"
JOB = {"code": "sum", "lang": "python"}
FOUR_CASES = [(f"{n} 1\n", f"{n + 1}\n", n < 2) for n in range(4)]


def execute(client, **changes) -> str:
    return told(post(client, EXECUTE, JOB | changes), 202)["job_id"]


def status(client, job) -> dict:
    return told(client.get(f"/api/status/{job}"))


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_job_is_a_queued_row_before_it_is_answered(client, learner, slash):
    """S1.20, S1.23, S1.33, S1.34: without any worker."""
    answer = post(client, EXECUTE + slash, JOB)

    job = Submission.objects.get()
    assert told(answer, 202) == {"job_id": str(job.pk)}
    assert uuid.UUID(told(answer, 202)["job_id"])
    assert (job.status, job.kind, job.user, job.language) == ("queued", "run", learner, "python")
    assert status(client, job.pk) == {"status": "queued", "score": None}


def test_an_answer_tells_what_is_left_of_the_limit_that_it_counts_for(client, settings):
    """Where nobody can know what was meant, that of runs."""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"run": "5/minute", "submit": "3/minute"}
    bodies = [{}, {"question": make_question().slug}, {"question": None}, {"question": "unheard-of"}]

    answers = [
        post(client, EXECUTE, JOB | body, **{"Idempotency-Key": f"{n}"}) for n, body in enumerate(bodies)
    ]
    repeated = post(client, EXECUTE, JOB | bodies[1], **{"Idempotency-Key": "1"})
    odd = [post(client, EXECUTE, []), client.post(EXECUTE, "x", "text/plain")]

    left = [(one.status_code, one["RateLimit-Limit"], one["RateLimit-Remaining"]) for one in answers]
    assert left == [(202, "5", "4"), (202, "3", "2"), (202, "5", "3"), (404, "3", "2")]
    assert (repeated["Idempotency-Replayed"], repeated["RateLimit-Remaining"]) == ("true", "2")
    assert [(one.status_code, one["RateLimit-Remaining"]) for one in odd] == [(400, "3"), (415, "3")]


def test_an_unknown_language_is_refused_with_those_that_there_are(client):
    """S1.33"""
    answer = post(client, EXECUTE, JOB | {"lang": "cobol"})

    assert refused(answer) == ["lang"]
    assert "python" in told(answer, 400)["errors"]["lang"][0]


@JUDGED
@pytest.mark.parametrize(
    ("code", "score"), [("sum", 100), ("echo", 30), ("slow", 0), ("crash", 0), ("broken", 0)]
)
def test_with_an_expected_output_the_verdict_is_worth_its_points(client, judge0, code, score):
    """S1.30"""
    job = execute(client, code=code, input="1 2\n", expected="3\n")
    judge()

    assert status(client, job) == {"status": "done", "score": score}


@JUDGED
def test_without_an_expected_output_there_is_no_score(client, judge0):
    """S1.30"""
    job = execute(client, input="1 2\n")
    judge()

    assert status(client, job) == {"status": "done", "score": None}


@JUDGED
def test_with_a_question_it_is_graded(client, judge0):
    """S1.30"""
    question = make_question(scoring="verdict_map")
    right, wrong = (
        execute(client, question=question.slug),
        execute(client, code="echo", question=question.slug),
    )
    for job in (right, wrong):
        judging.judge_submission(job)

    assert set(Submission.objects.values_list("kind", "question")) == {("graded", question.pk)}
    assert [status(client, job)["score"] for job in (right, wrong)] == [100, 30]


@pytest.mark.parametrize("name", ["input", "expected"])
def test_a_graded_job_takes_no_cases_of_its_own(client, name):
    """S0.12"""
    body = JOB | {"question": make_question().slug, name: "1"}

    assert refused(post(client, EXECUTE, body)) == [name]
    assert not Submission.objects.exists()


@JUDGED
def test_while_it_runs_the_score_is_what_is_earned_so_far(client, judge0):
    """S1.35, C9: two of four cases have passed."""
    job = execute(client, question=make_question(cases=FOUR_CASES, run_policy=RunPolicy.RUN_ALL).slug)
    submission = Submission.objects.get()
    work = judging.prepare(submission)
    claim = lifecycle.claim(submission, revision=work.revision, cases_total=4)
    cases = {case.index: case for case in work.cases}
    steps = judging.judge(
        work.program,
        work.cases,
        limits=work.limits,
        checker=work.checker,
        policy=RunPolicy.FAIL_FAST,
        scoring=work.scoring,
        backends=judging.pool().access(),
        window_max=1,
    )
    while submission.cases_judged < 2:
        lifecycle.record(claim, cases, [step for step in next(steps) if isinstance(step, Judged)])
        submission.refresh_from_db()
    steps.close()

    assert status(client, job) == {"status": "running", "score": 50}


@JUDGED
def test_an_execution_has_nine_fields_of_their_types(client, learner, judge0):
    """S1.27, S1.54: uuid, text, text, text, text, int, text, text, timestamptz; and the client's own."""
    job = execute(client, code="echo", input="hello\n", expected="hello", metadata={"a": 1})
    judge()

    found = told(client.get(f"/api/executions/{job}"))
    created_at = found.pop("created_at")
    assert found == {
        "id": job,
        "user_id": str(learner.pk),
        "language": "python",
        "code": "echo",
        "status": "done",
        "score": 100,
        "stdout": "hello\n",
        "stderr": "a warning\n",
        "metadata": {"a": 1},
    }
    assert created_at.endswith("Z")
    assert told(client.get("/api/executions"))["results"] == [found | {"created_at": created_at}]


@JUDGED
def test_of_what_is_graded_no_output_is_told(client, judge0):
    """S1.32 (in part)"""
    job = execute(client, code="echo", question=make_question().slug)
    judge()

    found = told(client.get(f"/api/executions/{job}"))
    assert (found["stdout"], found["stderr"], found["code"]) == (None, None, "echo")


def test_the_list_has_ones_own_newest_first_in_pages(client, stranger):
    jobs = [execute(client) for _ in range(11)]
    execute(stranger)

    first = told(client.get("/api/executions/"))
    second = told(client.get(first["next"]))

    assert [one["id"] for one in first["results"] + second["results"]] == jobs[::-1]
    assert (len(second["results"]), second["next"]) == (1, None)


def test_a_page_costs_the_same_however_long_it_is(client, learner, django_assert_max_num_queries):
    judged_ones(learner, 5)

    with django_assert_max_num_queries(7):
        assert len(told(client.get("/api/executions"))["results"]) == 10


@pytest.mark.parametrize("address", ["/api/stream", "/api/status", "/api/executions"])
@pytest.mark.parametrize("job", ["-" * 36, "0" * 36, f"{uuid.UUID(int=7)}", "7"])
def test_what_is_no_id_is_not_found_either(client, address, job):
    assert refused(client.get(f"{address}/{job}"), 404) == []


def test_jobs_of_others_and_of_nobody_are_not_found(client, stranger):
    """S4.19 (in part)"""
    job = execute(client)

    for address in ("/api/status", "/api/executions"):
        assert refused(stranger.get(f"{address}/{job}"), 404) == []
        assert refused(client.get(f"{address}/{uuid.uuid4()}"), 404) == []


def test_past_its_time_a_run_is_gone(client, settings):
    """C3 (in part)"""
    job = execute(client)
    settings.EXECUTION_TTL_S = 0

    assert client.get(f"/api/status/{job}").status_code == 404
    assert client.get(f"/api/executions/{job}").status_code == 404
    assert told(client.get("/api/executions"))["results"] == []
