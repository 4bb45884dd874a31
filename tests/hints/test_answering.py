"""The job: a provider's answer where it may be shown, else that of our rules; each row answered once."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts import limits
from execution import languages
from hints import answering, asking, kept
from hints.answers import Kind
from hints.models import HintRequest
from hints.pieces import so_far
from submissions import waiting
from submissions.connections import redis_client
from submissions.exposition import exposition
from submissions.models import Submission
from tests.factories import make_question, make_user
from tests.hints import fake_provider as fake
from tests.hints.attempting import CASES, OTHER, WRONG, Learner, judge
from tests.hints.fake_provider import TOKENS_IN, TOKENS_OUT, Fails, FakeProvider, Says

pytestmark = pytest.mark.django_db(transaction=True)

PROGRAM = "\n".join(f"value_{n} = int(input()) * {n}" for n in range(8))
SOLUTION = fake.hint(hint=f"Write this:\n```python\n{PROGRAM}\n```")


@pytest.fixture(scope="module")
def judge0():
    with judge() as judge0:
        yield judge0


@pytest.fixture(scope="module")
def server():
    with FakeProvider(Says(fake.hint())) as server:
        yield server


@pytest.fixture(autouse=True)
def _without_provider(settings):
    settings.HINTS_PROVIDER = "none"


@pytest.fixture
def provider(server, settings):
    settings.HINTS_PROVIDER = "openai"
    settings.OPENAI_API_KEY = "sk-for-tests"
    settings.OPENAI_BASE_URL = server.openai_url
    server.asked.clear()
    return server


@pytest.fixture
def learner(judge0, backends):
    backends(judge0.url)
    return Learner(make_user(), make_question(cases=CASES))


def answered(learner: Learner, source: str = WRONG, **more) -> HintRequest:
    learner.submits(source)
    asked = asking.ask_hint(user=learner.user, question=learner.question, source=source, **more)
    answering.answer(str(asked.pk))
    asked.refresh_from_db()
    return asked


def told(request: HintRequest) -> list[tuple[str, str]]:
    """All that those who wait have heard."""
    messages = [piece.message for piece in so_far(request)]
    return [(one["type"], one.get("stage") or one.get("status") or one["text"]) for one in messages]


def test_what_a_model_has_written_is_kept_with_what_it_cost(provider, learner):
    """S3.23 (in part)"""
    provider.says(Says(fake.hint()))

    request = answered(learner, error_message="It prints four.")

    assert (request.status, request.rule, request.refused) == ("done", "", [])
    assert (request.provider, request.is_by_model) == ("openai", True)
    assert (request.tokens_in, request.tokens_out) == (TOKENS_IN, TOKENS_OUT)
    assert request.answer["hint"] == json.loads(fake.hint())["hint"]
    stages = [what for kind, what in told(request) if kind == "stage"]
    assert stages[-2:] == ["asking", "checking"]
    assert told(request)[-1] == ("end", "done")


def test_a_model_knows_verdict_times_and_what_the_learner_says(provider, learner):
    """S3.20, S3.21, S3.22, S3.41 (in part)"""
    provider.says(Says(fake.hint()))

    answered(learner, error_message="It prints four.")

    (asked,) = provider.asked
    assert asked.data["verdict"].startswith("WA")
    assert asked.data["error_message"] == "It prints four."
    assert asked.data["failed_case"]["actual_output"] == "4\n"
    assert "time_ms" in asked.data["cases"][0]
    assert WRONG in asked.data["program"]


@pytest.mark.parametrize("first", ["not JSON at all", SOLUTION], ids=["no answer", "a solution"])
def test_what_may_not_be_shown_is_asked_for_once_more(provider, learner, first):
    provider.says(Says(first), Says(fake.hint()))

    request = answered(learner)

    assert (request.status, request.rule, len(request.refused)) == ("done", "", 1)
    once, again = provider.asked
    assert again.data == once.data
    assert again.system.startswith(once.system)
    assert len(again.system) > len(once.system)
    assert PROGRAM not in json.dumps(again.body)
    assert all("value_" not in what for _, what in told(request))


def test_after_two_refusals_our_rules_answer(provider, learner):
    provider.says(Says(SOLUTION))

    request = answered(learner)

    assert (request.status, len(request.refused), len(provider.asked)) == ("done", 2, 2)
    assert request.rule
    assert not request.is_by_model
    assert "value_" not in json.dumps(request.answer)
    assert request.tokens_in in (0, TOKENS_IN, 2 * TOKENS_IN)


def test_where_the_provider_fails_our_rules_answer_and_the_row_says_why(provider, learner):
    provider.says(Fails(400))

    request = answered(learner)

    assert (request.status, request.code, request.provider) == ("done", "", "openai")
    assert request.rule
    assert len(request.refused) == 1
    assert b'judge_provider_failures_total{code="' in exposition()[0]


def test_what_only_a_model_could_tell_fails_with_a_code_where_it_does_not_answer(provider, learner):
    provider.says(Fails(400))
    asked = asking.ask_review(user=learner.user, source="puts 1", language=languages.get("ruby"))

    answering.answer(str(asked.pk))

    asked.refresh_from_db()
    assert (asked.status, asked.code, asked.answer) == ("failed", "provider_failed", None)
    assert (asked.provider, asked.refused, asked.rule) == ("openai", ["misconfigured"], "")


def test_what_refused_answers_have_cost_is_kept_though_there_is_none(provider, learner):
    provider.says(Says("not JSON at all"))
    asked = asking.ask_review(user=learner.user, source="puts 1", language=languages.get("ruby"))

    answering.answer(str(asked.pk))

    asked.refresh_from_db()
    assert (asked.status, asked.code, asked.refused) == ("failed", "provider_failed", ["schema", "schema"])
    assert (asked.tokens_in, asked.tokens_out) == (2 * TOKENS_IN, 2 * TOKENS_OUT)
    assert asked.took_ms is not None


def test_what_no_judge_can_compile_now_is_said_so(learner, backends):
    backends("http://127.0.0.1:1")
    asked = asking.ask_review(user=learner.user, source="int main() {}", language=languages.get("c"))

    answering.answer(str(asked.pk))

    asked.refresh_from_db()
    assert (asked.status, asked.code) == ("failed", "not_judged")


def test_however_many_wait_elsewhere_a_judged_program_is_seen(learner):
    learner.submits(WRONG)
    asked = asking.ask_hint(user=learner.user, question=learner.question, source=WRONG)
    nothing = Submission.objects.none()
    with ThreadPoolExecutor(waiting.WAITING_THREADS) as threads:
        for _ in range(waiting.WAITING_THREADS):
            threads.submit(waiting.await_row, nothing, 1.0)
        answering.answer(str(asked.pk))

    asked.refresh_from_db()
    assert asked.status == "done"


def test_each_series_of_failures_is_there_before_the_first_one():
    """Or an alert on its increase would miss the first burst."""
    told = exposition()[0].decode()

    for code in ("unavailable", "busy", "timeout", "refused", "misconfigured"):
        assert f'judge_provider_failures_total{{code="{code}",provider="anthropic"}}' in told
    assert 'judge_hint_tokens_total{direction="out",provider="anthropic"}' in told


@pytest.mark.parametrize(
    ("ask", "reply"), [(asking.ask_review, fake.review), (asking.ask_analysis, fake.analysis)]
)
def test_reviews_and_analyses_may_be_a_models_too(provider, learner, ask, reply):
    """S3.16, S3.18, S3.20 (in part): lines that the program does not have are dropped."""
    nowhere = {"line": 99, "type": "style", "message": "It is not there.", "severity": "info"}
    provider.says(Says(reply(suggestions=[nowhere])))
    learner.submits(WRONG)

    asked = ask(user=learner.user, source=WRONG, question=learner.question)
    answering.answer(str(asked.pk))

    asked.refresh_from_db()
    assert (asked.status, asked.is_by_model, asked.answer["suggestions"]) == ("done", True, [])
    assert provider.asked[0].data["verdict"].startswith("WA")
    assert Kind(asked.kind).value == provider.asked[0].body["response_format"]["json_schema"]["name"]


def test_a_job_that_runs_twice_answers_once(learner):
    request = answered(learner)
    first = request.finished_at
    with_it = exposition()[0].count(b"judge_hints_total{")

    answering.answer(str(request.pk))

    request.refresh_from_db()
    assert (request.status, request.finished_at) == ("done", first)
    assert exposition()[0].count(b"judge_hints_total{") == with_it


def test_what_was_given_up_meanwhile_stays_so(learner, provider):
    """And what had been used up was given back once."""
    provider.says(fake.Waits(fake.hint()))
    learner.submits(WRONG)
    asked = asking.ask_hint(user=learner.user, question=learner.question, source=WRONG)
    job = threading.Thread(target=_in_thread, args=(str(asked.pk),))
    job.start()
    while job.is_alive() and not provider.asked:
        time.sleep(0.005)

    assert asking.fail(asked, asking.LOST)
    assert not asking.fail(asked, asking.LOST)
    provider.go_on()
    job.join()

    asked.refresh_from_db()
    assert (asked.status, asked.code, asked.answer) == ("failed", "hint_lost", None)


def _in_thread(request_id: str) -> None:
    try:
        answering.answer(request_id)
    finally:
        connection.close()


def test_what_was_waited_for_too_long_is_not_worked_on(learner):
    learner.submits(WRONG)
    asked = asking.ask_hint(user=learner.user, question=learner.question, source=WRONG)
    HintRequest.objects.update(created_at=asked.created_at - HintRequest.LOST_AFTER)

    answering.answer(str(asked.pk))

    asked.refresh_from_db()
    assert asked.status == "queued"


def test_a_program_that_is_no_longer_kept_ends_in_a_code(learner):
    learner.submits(WRONG)
    asked = asking.ask_hint(user=learner.user, question=learner.question, source=WRONG)
    kept.forget(asked.pk)

    answering.answer(str(asked.pk))

    asked.refresh_from_db()
    assert (asked.status, asked.code) == ("failed", "hint_lost")
    assert told(asked)[-1] == ("end", "failed")


def test_what_could_not_be_judged_gets_no_hint(learner, settings):
    settings.RUN_TIMEOUT_S = 0.05
    asked = asking.ask_hint(user=learner.user, question=learner.question, source=OTHER)

    answering.answer(str(asked.pk))

    asked.refresh_from_db()
    assert (asked.status, asked.code) == ("failed", "not_judged")


@pytest.mark.both_databases
def test_who_asks_twice_at_once_has_one_hint(learner):
    """And one of the quota is used up."""
    learner.submits(WRONG)
    limit = limits.standing("ai", str(learner.user.pk)).limit

    def ask(_: int) -> object:
        try:
            return asking.ask_hint(user=learner.user, question=learner.question, source=WRONG).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        found = set(threads.map(ask, range(6)))

    assert len(found) == HintRequest.objects.count() == 1
    assert limits.standing("ai", str(learner.user.pk)).remaining == limit - 1


def test_programs_are_in_redis_only_and_for_a_while(learner, settings):
    settings.EXECUTION_TTL_S = 60
    learner.submits(WRONG)
    asked = asking.ask_hint(
        user=learner.user, question=learner.question, source=WRONG, error_message="my words"
    )

    assert 0 < redis_client().ttl(f"hint:{asked.pk}") <= 60
    assert "my words" not in str(HintRequest.objects.values().get())
    assert WRONG not in str(HintRequest.objects.values().get())
