"""From a request to the API to what is shown, with a provider that is right, slow, broken or careless."""

import base64
import json
from collections.abc import Iterator

import pytest

from hints.models import HintRequest
from questions.models import Question
from submissions.connections import redis_client
from tests import canary
from tests.factories import make_case, make_question, make_solution
from tests.fakes import FakeJudge0, Result, exited
from tests.hints import fake_provider as fake
from tests.hints.fake_provider import Breaks, Declines, Fails, FakeProvider, Saying, Says, Silent, Waits
from tests.hints.learning import Learner, use_provider

pytestmark = pytest.mark.django_db(transaction=True)

SOLUTION = "numbers = [int(x) for x in input().split()]\nbest = max(numbers)\nprint(best - min(numbers))\n"
PROGRAM = "print(max(input().split()))\n"
HIDDEN = "begonia7f3a9c"
SOON = {"Retry-After": "0.01"}
BEGINNING = "Which numbers does your loop leave out?"
GOOD = f"{BEGINNING} Take the first public case, follow the loop by hand, and write down what it does."


def says(text: str) -> Saying:
    return Says(fake.hint(hint=text))


TABLE: dict[str, tuple[list[Saying], list[str]]] = {
    "right": ([says(GOOD)], []),
    "slow": ([Waits(fake.hint(hint=GOOD))], ["timeout"]),
    "silent": ([Silent()], ["timeout"]),
    "429": ([Fails(429, SOON)], ["busy"]),
    "500": ([Fails(500, SOON)], ["unavailable"]),
    "401": ([Fails(401)], ["misconfigured"]),
    "breaks off": ([Breaks(fake.hint(hint=GOOD))], ["unavailable"]),
    "a refusal": ([Declines()], ["refused"]),
    "garbage": ([Says("I would say {that")], ["schema", "schema"]),
    "other JSON": ([Says('{"hint": 5}')], ["schema", "schema"]),
    "garbage, then right": ([Says("{]"), says(GOOD)], ["schema"]),
    "the solution": ([says(f"Here it is:\n{SOLUTION}")], ["solution", "solution"]),
    "the solution as next steps": (
        [Says(fake.hint(next_steps=SOLUTION.split("\n")[:3]))],
        ["solution", "solution"],
    ),
    "the solution, then right": ([says(SOLUTION), says(GOOD)], ["solution"]),
    "a program": ([says("```\na = 1\nb = 2\nc = 3\nd = 4\n```")], ["code", "code"]),
    "a hidden canary": ([says(f"Try the input {HIDDEN} once.")], ["hidden", "hidden"]),
    "a hidden canary encoded": (
        [Says(fake.hint(approach=base64.b64encode(HIDDEN.encode()).decode()))],
        ["hidden", "hidden"],
    ),
    "a hidden canary, then right": (
        [says(f"{HIDDEN}! Look. And then at what follows."), says(GOOD)],
        ["hidden"],
    ),
}
"""What the provider says, and why its answers are not taken, in order."""


def crashes(source: bytes, stdin: bytes) -> Result:
    return exited(1, b"7\n", stderr=b"Traceback: ValueError in the end", time="0.217", memory=9876)


@pytest.fixture
def question(backends) -> Iterator[Question]:
    with FakeJudge0(crashes, looks=0) as judge0:
        backends(judge0.url)
        question = make_question(cases=[("3 1 2\n", "2\n", True)])
        make_case(question, f"{HIDDEN} 9\n", "5\n")
        make_solution(question, SOLUTION)
        yield question


@pytest.mark.parametrize(
    ("name", "table"),
    [("anthropic", TABLE), ("openai", {how: TABLE[how] for how in ("right", "500", "garbage")})],
)
def test_whatever_a_provider_does_the_learner_gets_a_hint_that_may_be_shown(question, settings, name, table):
    """S3.14, S3.15, S3.23 (in part): right, slow, 429, 500, garbage, the solution, a hidden canary."""
    with FakeProvider(Says("")) as server:
        use_provider(settings, name, server)
        for how, (sayings, reasons) in table.items():
            server.says(*sayings)
            settings.HINTS_TIMEOUT_S = 0.3 if "timeout" in reasons else 20.0
            learner = Learner()
            learner.submits(question, PROGRAM)
            told = learner.gets_hint(question, PROGRAM)

            is_shown = len(reasons) < len(sayings)
            row = HintRequest.objects.get(pk=told.row.pk)
            assert (row.status, row.code, row.refused) == ("done", "", reasons), how
            assert (row.provider, bool(row.rule)) == (name, not is_shown), how
            assert (told.answer["source"], told.answer["hint"] == GOOD) == (
                ("model", True) if is_shown else ("rules", False)
            ), how
            assert told.answer["hint"], how
            for secret in (HIDDEN, "max(numbers)", base64.b64encode(HIDDEN.encode()).decode()):
                assert secret.encode() not in told.bytes + kept_in_redis(), how
        assert BEGINNING.encode() in kept_in_redis(), "what is shown would be found"
        assert HIDDEN.encode() not in server.bytes


def kept_in_redis() -> bytes:
    """All that hints have there: texts, and what those who wait are shown."""
    server = redis_client()
    found = b""
    for key in server.scan_iter("hint*"):
        found += server.dump(key) or b""
        if server.type(key) == b"stream":
            found += repr(server.xrange(key)).encode()
        elif server.type(key) == b"hash":
            found += repr(server.hgetall(key)).encode()
    return found


# --- What is sent ----------------------------------------------------------------------------------------------


def leaking(source: bytes, stdin: bytes) -> Result:
    """A program that fails everywhere, and puts its input wherever it can."""
    return exited(3, stdin, stderr=b"stderr-tail " + stdin, time="0.217", memory=9876)


def test_nothing_hidden_is_ever_sent_shown_kept_or_logged_but_what_happened_is(backends, settings, caplog):
    """S3.20, S3.21, S3.22, S3.41, S3.16, S3.18: the canary of every hidden field, at all levels, in every kind."""
    caplog.set_level("DEBUG")
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"ai": "1000/minute"}
    question = make_question(
        cases=[("1 2\n", "3\n", True)], checker="exact", run_policy="run_all", explain_hidden=True
    )
    for field in ("input", "answer", "note"):
        make_case(question, **({"input": "4 5\n", "answer": "9\n"} | {field: f"{canary.SECRET} {field}"}))
    make_solution(question, f"# {canary.SECRET} source", name=f"{canary.SECRET} name")
    told = []
    with FakeJudge0(leaking, looks=0) as judge0, FakeProvider(Says(fake.hint())) as server:
        backends(judge0.url)
        Learner().submits(question, f"# {canary.SECRET} of somebody else")
        learner = Learner()
        for name in ("anthropic", "openai"):
            use_provider(settings, name, server)
            for level in (1, 2):
                source = f"print({name!r}, {level})\n"
                learner.submits(question, source)
                told.append(learner.gets_hint(question, source, errorMessage="it said: odd-words"))
            server.says(Says(fake.review()))
            told.append(learner.asks("review", exerciseId=question.slug, code=source, language="python"))
            server.says(Says(fake.analysis()))
            told.append(learner.asks("analyze", exerciseId=question.slug, code=source, language="python"))
            server.says(Says(fake.hint()))

    assert [one.row.level for one in told] == [1, 2, None, None, 3, 4, None, None]
    assert {one.row.rule for one in told} == {""}
    assert len(server.asked) == 8
    answered = {"answers": b"".join(one.bytes for one in told), "Redis": kept_in_redis()}
    logged = json.dumps([str(vars(record)) for record in caplog.records]).encode()
    for where, found in (answered | {"sent": server.bytes, "logged": logged}).items():
        assert canary.find(found) == [], where
    for asked in server.asked:
        data = asked.data
        assert (data["verdict"], data["time_ms"], data["memory_kib"]) == ("RTE (Runtime error)", 217, 9876)
        assert data["failed_case"]["stderr_end"] == "stderr-tail 1 2\n"
        assert [case["is_hidden"] for case in data["cases"]] == [False, True, True, True]
    hints = [asked.data for asked in server.asked if "error_message" in asked.data]
    assert [data["error_message"] for data in hints] == ["it said: odd-words"] * 4


def test_the_canary_would_be_found_in_what_is_sent(backends, settings):
    """The same, where the author has made the case public."""
    question = make_question(cases=[(f"{canary.SECRET}\n", "3\n", True)])
    with FakeJudge0(leaking, looks=0) as judge0, FakeProvider(Says(fake.hint())) as server:
        backends(judge0.url)
        use_provider(settings, "anthropic", server)
        learner = Learner()
        learner.submits(question, PROGRAM)
        learner.gets_hint(question, PROGRAM)
    assert canary.find(server.bytes)
