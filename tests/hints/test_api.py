"""`/api/ai/…`: what is asked for and what is answered, with our rules alone."""

import asyncio
from uuid import uuid4

import pytest

from accounts import keys
from accounts.models import CODE_EXEC
from hints import answering
from hints.api import AwaitedAnswer, hint
from hints.models import HintRequest
from submissions.connections import in_thread, redis_client
from submissions.models import Submission
from tests.asking import Api, key
from tests.connected import Http, played
from tests.described import is_as_described
from tests.factories import make_hint, make_question, make_user, service_user
from tests.fakes import FakeJudge0, exited, printed
from tests.hints.attempting import CASES, OTHER, RIGHT, WRONG, Learner, judge

pytestmark = pytest.mark.django_db(transaction=True)

HINT, HINTS, REVIEW, ANALYZE = (f"/api/ai/{name}" for name in ("hint", "hints", "review", "analyze"))
LATER = "?wait=false"
HINT_KEYS = {"id", "source", "level", "hint", "confidence", "suggestedApproach", "nextSteps", "line"}
REVIEW_KEYS = {"id", "source", "overall_score", "suggestions", "strengths", "improvements"}


@pytest.fixture(scope="module")
def judge0():
    with judge() as judge0:
        yield judge0


@pytest.fixture(autouse=True)
def _settings(settings, judge0, backends):
    backends(judge0.url)
    settings.HINTS_PROVIDER = "none"


@pytest.fixture
def learner():
    return Learner(make_user(), make_question(cases=CASES))


@pytest.fixture
def api(learner):
    return Api(learner.user)


@pytest.fixture
def ask(api, learner, work):
    """Ask, let workers work, and look at what was asked for."""

    def asked(source, address=HINT, **more):
        body = {"exerciseId": learner.question.slug, "userCode": source} | more
        taken = api.send(f"{address}{LATER}", body)
        if taken.status_code != 202:
            return taken.status_code, taken.json()
        work()
        work("hints")
        again = api.get(taken["Location"])
        return again.status_code, again.json()

    return asked


def test_a_hint_is_about_the_latest_judging_of_this_code(ask, learner):
    """S3.14, S3.15 (in part): without a provider rules answer, about what happened."""
    learner.submits(WRONG)

    _, told = ask(WRONG)

    assert (told["status"], told["level"], told["language"]) == ("done", 1, "python")
    assert set(told["answer"]) == HINT_KEYS
    assert told["answer"]["source"] == "rules"
    assert 0 <= told["answer"]["confidence"] <= 1
    assert all(isinstance(step, str) for step in told["answer"]["nextSteps"])
    request = HintRequest.objects.get()
    assert (request.submission.kind, request.verdict, request.provider) == ("graded", "WA", "")
    assert request.rule
    assert request.took_ms is not None


def test_what_was_never_judged_is_run_first_on_the_public_cases(ask, api):
    """C17 (in part): on the run quota."""
    before = api.get("/api/v1/limits/").json()["rates"]

    _, told = ask(WRONG)

    made = Submission.objects.get()
    assert (told["status"], made.kind, made.cases_total, made.verdict) == ("done", "run", 1, "WA")
    after = api.get("/api/v1/limits/").json()["rates"]
    used = {name: before[name]["remaining"] - after[name]["remaining"] for name in ("run", "ai", "submit")}
    assert used == {"run": 1, "ai": 1, "submit": 0}


def test_two_failures_of_one_code_get_two_hints_that_name_what_failed(ask, learner, backends):
    """S3.15: the program is the same, and so is the level; what became of it is not."""
    source = "numbers = [4, 5]\nprint(numbers[int(input()) - 1])"
    trace = b"""Traceback (most recent call last):
  File "script.py", line 2, in <module>
    print(numbers[int(input()) - 1])
IndexError: list index out of range
"""
    shown = [printed(b"4\n"), exited(1, stderr=trace)]
    with FakeJudge0(lambda source, stdin: shown[0], looks=0) as judge0:
        backends(judge0.url)
        learner.runs(source)
        _, wrong = ask(source)
        del shown[0]
        learner.runs(source)
        _, crashed = ask(source)

    assert (wrong["level"], crashed["level"]) == (1, 1)
    assert all("public case 1" in one["answer"]["hint"].lower() for one in (wrong, crashed))
    assert wrong["answer"]["hint"] != crashed["answer"]["hint"]
    assert crashed["answer"]["line"] == 2
    rules = HintRequest.objects.order_by("created_at").values_list("verdict", "rule")
    assert [verdict for verdict, _ in rules] == ["WA", "RTE"]
    assert len({rule for _, rule in rules}) == 2


def test_programs_that_nothing_was_told_of_yet_open_no_level(api, learner):
    """And the same one that is asked for again is not made twice."""
    sources = [*(f"print(4)  # 4{n}" for n in range(3)), "print(4) # 40"]
    taken = [
        api.send(f"{HINT}{LATER}", {"exerciseId": learner.question.slug, "userCode": source}).json()
        for source in sources
    ]

    assert [one["level"] for one in taken] == [1, 1, 1, 1]
    assert taken[0]["id"] == taken[3]["id"]
    assert Submission.objects.count() == 3
    assert api.get("/api/v1/limits/").json()["rates"]["ai"]["remaining"] == 17


def test_a_run_that_passes_opens_no_level(ask, learner):
    """What is told of it is a nudge, and the next failure opens what that run might have opened."""
    told = [ask(source)[1]["answer"] for source in (WRONG, RIGHT, OTHER)]

    assert [one["level"] for one in told] == [1, 1, 2]
    assert "It passes all cases" in told[1]["hint"]


def test_the_same_again_is_answered_as_before_and_uses_up_nothing(ask, api, learner):
    learner.submits(WRONG)
    _, first = ask(WRONG)

    again = api.send(HINT, {"exerciseId": learner.question.slug, "userCode": WRONG})

    assert (again.status_code, again.json()) == (200, first["answer"])
    assert again["Location"] == f"/api/ai/requests/{first['id']}"
    assert again["RateLimit-Remaining"] == str(int(again["RateLimit-Limit"]) - 1)
    assert learner.hints() == [(1, "done")]


def test_levels_open_one_after_the_other_with_each_program_that_fails(ask, api, learner):
    """C17, S3.19 (in part): what opens the next one is in the words of the refusal."""
    status, problem = ask(WRONG, HINTS, level=2)
    assert (status, problem["code"]) == (403, "level_locked")
    assert "failed again" in problem["detail"]
    assert learner.hints() == []

    assert [ask(source, HINTS)[1]["level"] for source in (WRONG, WRONG, OTHER, f"# {OTHER}")] == [1, 1, 2, 3]

    told = api.send(f"{HINTS}/", {"exerciseId": learner.question.slug, "userCode": OTHER, "level": 2}).json()
    assert set(told) == HINT_KEYS | {"hints"}
    assert [(one["level"], one["unlocked"]) for one in told["hints"]] == [
        (1, True),
        (2, True),
        (3, True),
        (4, False),
    ]
    assert [one["hint"] is None for one in told["hints"]] == [False, False, False, True]


def test_a_program_that_passes_gets_a_hint_that_says_so_and_uses_up_no_level(ask, learner):
    learner.submits(RIGHT)

    _, told = ask(RIGHT)
    _, next_one = ask(WRONG)

    assert told["status"] == "done"
    assert (told["level"], next_one["level"]) == (1, 1)


def test_reviews_and_analyses_tell_the_lines(ask, api, work):
    """S3.16, S3.17, S3.18, C17 (in part): code alone; nothing is run for it."""
    source = "import os\nprint( 1 )\n"
    told = {}
    for address in (REVIEW, ANALYZE):
        taken = api.send(f"{address}{LATER}", {"code": source, "language": "python"})
        work("hints")
        told[address] = api.get(taken["Location"]).json()["answer"]

    assert set(told[REVIEW]) == REVIEW_KEYS
    assert set(told[ANALYZE]) == REVIEW_KEYS | {"complexity", "issues"}
    assert {remark["line"] for remark in told[REVIEW]["suggestions"]} <= {1, 2}
    assert set(told[REVIEW]["suggestions"][0]) == {"line", "type", "message", "severity"}
    assert 0 <= told[REVIEW]["overall_score"] <= 100
    assert not Submission.objects.exists()


def test_what_rules_cannot_tell_needs_a_provider_and_uses_up_nothing(api, work):
    """S3.17, S3.23 (in part): 503 says so."""
    body = {"code": "puts gets", "language": "ruby"}
    taken = api.send(f"{REVIEW}{LATER}", body)
    work("hints")

    told = api.get(taken["Location"]).json()
    assert (told["status"], told["code"], told["answer"]) == ("failed", "provider_required", None)
    assert api.get("/api/v1/limits/").json()["rates"]["ai"]["remaining"] == 20


def test_where_hints_are_off_none_is_given(api, learner):
    learner.question.offers_hints = False
    learner.question.save()
    slug = learner.question.slug

    for address, body in (
        (HINT, {"userCode": WRONG}),
        (HINTS, {"userCode": WRONG}),
        (REVIEW, {"code": WRONG}),
        (ANALYZE, {"code": WRONG}),
    ):
        problem = api.send(address, body | {"exerciseId": slug})
        assert (problem.status_code, problem.json()["code"]) == (403, "hints_off")
    assert not HintRequest.objects.exists()


@pytest.mark.parametrize(
    ("address", "body", "fields"),
    [
        (HINT, {}, {"exerciseId", "userCode"}),
        (HINT, {"exerciseId": "SLUG", "userCode": 3, "more": 1}, {"userCode", "more"}),
        (HINT, {"exerciseId": "SLUG", "userCode": "nothing that anybody knows"}, {"language"}),
        (HINT, {"exerciseId": "SLUG", "userCode": WRONG, "language": "klingon"}, {"language"}),
        (HINT, {"exerciseId": "SLUG", "userCode": WRONG, "language": "java"}, {"language"}),
        (HINTS, {"exerciseId": "SLUG", "userCode": WRONG, "level": 5}, {"level"}),
        (HINT, {"exerciseId": "SLUG", "userCode": WRONG, "errorMessage": None, "more": 1}, {"more"}),
        (REVIEW, {"language": "python"}, {"code"}),
        (ANALYZE, {"code": WRONG, "language": "python", "level": 1}, {"level"}),
    ],
)
def test_what_is_not_valid_is_named(api, learner, address, body, fields):
    learner.question.allowed_languages = ["python", "cpp"]
    learner.question.save()
    sent = {name: learner.question.slug if value == "SLUG" else value for name, value in body.items()}

    problem = api.send(address, sent)

    assert (problem.status_code, problem.json()["code"]) == (400, "invalid")
    assert set(problem.json()["errors"]) == fields
    assert not HintRequest.objects.exists()


def test_the_quota_is_each_users_own(settings, api, learner):
    """S3.19 (in part): 429 with Retry-After."""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"ai": "1/hour"}
    body = {"code": WRONG, "language": "python"}

    assert api.send(f"{REVIEW}{LATER}", body).status_code == 202
    refused = api.send(f"{REVIEW}{LATER}", body)

    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused["Retry-After"]) > 3000
    service_user(CODE_EXEC)
    assert Api(**key()).send(f"{ANALYZE}{LATER}", body).status_code == 202
    assert Api().send(HINT, {}).status_code == 401


def test_a_run_that_cannot_be_made_costs_no_hint(api, learner, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"run": "1/hour"}
    body = {"exerciseId": learner.question.slug}
    assert api.send(f"{HINT}{LATER}", body | {"userCode": WRONG}).status_code == 202

    assert api.send(f"{HINT}{LATER}", body | {"userCode": OTHER}).status_code == 429

    assert api.get("/api/v1/limits/").json()["rates"]["ai"]["remaining"] == 19


def test_ones_own_is_rated_and_nobody_elses_is_seen(api, learner):
    own = make_hint(learner.user, learner.question)
    address = f"/api/ai/requests/{own.pk}"

    assert api.send(f"{address}/rating", {"helpful": True}).json()["helpful"] is True
    assert api.send(f"{address}/rating/", {"helpful": False}).json()["helpful"] is False
    assert api.send(f"{address}/rating", {"helpful": "perhaps"}).status_code == 400
    stranger = Api(make_user())
    assert stranger.get(address).status_code == 404
    assert stranger.send(f"{address}/rating", {"helpful": True}).status_code == 404
    own.refresh_from_db()
    assert own.was_helpful is False


def test_what_nobody_answered_has_failed_and_uses_up_nothing(api, learner, settings):
    learner.submits(WRONG)
    body = {"exerciseId": learner.question.slug, "userCode": WRONG}
    lost = api.send(f"{HINT}{LATER}", body)
    redis_client().delete("rq:queue:hints")
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"ai": "20/minute"}
    row = HintRequest.objects.get()
    HintRequest.objects.update(created_at=row.created_at - HintRequest.LOST_AFTER)

    told = api.get(lost["Location"]).json()

    assert (told["status"], told["code"]) == ("failed", "hint_lost")
    assert api.send(f"{HINT}{LATER}", body).status_code == 202
    assert learner.hints() == [(1, "failed"), (1, "queued")]


def test_of_what_was_erased_while_it_was_waited_for_no_more_is_told():
    assert AwaitedAnswer(uuid4(), 1.0, hint).told() is None


def waited(learner, address, body):
    """The answer of who waits for it, while a worker answers."""
    _, text = keys.make(user=learner.user, name="test", scopes=["submit"])

    async def scenario():
        asked = Http("POST", address, body, authorization=f"Api-Key {text}")
        await asked.send()
        while not await in_thread(HintRequest.objects.exists):
            await asyncio.sleep(0.01)
        await in_thread(answered)
        answer = await asked.head()
        return answer, await answer.json()

    def answered():
        answering.answer(str(HintRequest.objects.get().pk))

    return played(scenario)


@pytest.mark.parametrize("language", ["python", "ruby"])
def test_who_waits_gets_the_answer_or_why_there_is_none(learner, work, language):
    """S3.15, S3.17 (in part): without a thread that waits for it."""
    is_python = language == "python"
    body = {"code": "puts gets", "language": language}
    if is_python:
        learner.submits(WRONG)
        body = {"exerciseId": learner.question.slug, "userCode": WRONG}

    answer, told = waited(learner, HINT if is_python else REVIEW, body)

    assert answer.headers["location"] == f"/api/ai/requests/{HintRequest.objects.get().pk}"
    if is_python:
        assert (answer.status, set(told)) == (200, HINT_KEYS)
    else:
        assert (answer.status, told["code"]) == (503, "provider_required")
        assert "retry-after" not in answer.headers  # waiting does not help
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("address", "program"), [(HINTS, "userCode"), (ANALYZE, "code")])
def test_hints_and_analyses_are_for_users_not_too_often_and_are_as_described(
    api, learner, settings, address, program
):
    """S3.18, S3.19, C17."""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"ai": "1/hour"}
    learner.submits(WRONG)
    body = {"exerciseId": learner.question.slug, program: WRONG}

    stranger = Api().send(address, body)
    answer, told = waited(learner, address, body)
    refused = api.send(address, body | {program: OTHER})

    assert (stranger.status_code, stranger.json()["code"]) == (401, "not_authenticated")
    assert answer.status == 200
    assert is_as_described(told, "post", address)
    assert not is_as_described(told | {"more": 1}, "post", address)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
