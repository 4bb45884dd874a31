"""The API keeps to its description: schemathesis makes requests of it, good and bad, and looks at every answer.

A short and always equal run here; all of it, against a platform that judges, with `bin/test --full`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import count
from threading import Thread
from typing import Any

import pytest
import requests
import schemathesis
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig

from accounts import keys
from accounts.scopes import LEARNER, Scope
from judgeplatform.openapi import problems
from judgeplatform.stack import free_port
from questions.models import Tag
from submissions import receipts
from submissions.models import Submission
from tests.asking import ADD, Api
from tests.described import complain_of, strict_description
from tests.factories import make_author, make_question, make_user
from tests.platform.running import RunningPlatform, manage
from tests.stepwise import Stepwise

SLUG, TAG, IDEMPOTENCY_KEY = "sum", "arithmetic", "a-known-key"
CALLBACK = "https://lms.example.org/judged"
BODY = {"question": SLUG, "language": "python", "source": ADD, "callback_url": CALLBACK}
NUMBERS = count(1)

THOROUGHLY = ["cancelSubmission", "createSubmission", "getSchema", "isAlive", "listQuestions", "s0Judge"]
"""The operations of which the short run tries each border of each value, not only a few examples."""
FEW = 3


@dataclass(frozen=True)
class World:
    """Where the API is, a key for it, and a submission of the key's owner that was judged."""

    url: str
    key: str
    submission: str


# --- Schemathesis ----------------------------------------------------------------------------------------------

# Which hosts are public no schema says, and callbacks to others are refused; so are centuries that databases do not
# know.
schemathesis.openapi.format("uri", st.just(CALLBACK))
schemathesis.openapi.format("date-time", st.just("2026-01-01T00:00:00Z"))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """A key stands for one request: with the same for all, the others would never be looked at."""
    key = (case.headers or {}).get(receipts.HEADER)
    if isinstance(key, str) and receipts.KEY.fullmatch(key) and len(key) < 200:
        case.headers[receipts.HEADER] = f"{key}{next(NUMBERS)}"


@schemathesis.check
def has_a_documented_code(ctx: Any, response: Any, case: Any) -> None:
    described = case.operation.definition.raw["responses"].get(str(response.status_code), {})
    if "$ref" not in described:
        return
    name = described["$ref"].rpartition("/")[2]
    codes = case.operation.schema.raw_schema["components"]["responses"][name]["x-codes"]
    assert response.headers.get("content-type") == [problems.CONTENT_TYPE], response.text
    assert response.json()["code"] in codes


EXCEPTIONS = [
    {
        # To ask for a tag or a question that is not there is a fault, and no schema says which ones are.
        "include-operation-id": ["listQuestions", "listRuns", "listSubmissions"],
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "401", "403", "404"]}},
    },
    {
        # Where none is named the language is told from the code, and no schema says what each looks like.
        "include-operation-id": ["s3Analyze", "s3Hint", "s3Hints", "s3Review"],
        "checks": {
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", "400", "401", "403", "404", "429", "5xx"]
            }
        },
    },
    {
        # The name would be put beside cases of one's own, which are described as not allowed there.
        "include-operation-id": "executeJob",
        "parameters": {"body.question": {"dictionary": "questions", "probability": 0.0}},
    },
]


def configuration(world: World, *, is_known: bool, **more: Any) -> SchemathesisConfig:
    credential = {"auth": {"openapi": {"codeExecKey": {"api_key": world.key}}}}
    often = {"probability": 0.7}
    return SchemathesisConfig.from_dict(
        {
            "base-url": world.url,
            "seed": 1,
            "continue-on-failure": True,
            "suppress-health-check": ["all"],  # a busy machine is no finding
            # No text may have null characters; to say so of each one would help nobody.
            "generation": {"deterministic": True, "allow-x00": False, "with-security-parameters": False},
            # Of generated names hardly any would be those of something that there is.
            "dictionaries": {
                "submissions": {"values": [world.submission]},
                "questions": {"values": [SLUG]},
                "keys": {"values": [IDEMPOTENCY_KEY]},
                "tags": {"values": [TAG]},
                "callbacks": {"values": [CALLBACK]},
            },
            "parameters": {
                "path.id": {"dictionary": "submissions"} | often,
                "path.name": {"dictionary": "questions"} | often,
                "path.key": {"dictionary": "keys"} | often,
                "query.tag": {"dictionary": "tags"} | often,
                "query.question": {"dictionary": "questions"} | often,
                "body.question": {"dictionary": "questions"} | often,
                "body.questionId": {"dictionary": "questions"} | often,
                "body.exerciseId": {"dictionary": "questions"} | often,
                "body.submissionId": {"dictionary": "submissions"} | often,
                "body.callback_url": {"dictionary": "callbacks", "probability": 1.0},
            },
            "operations": [*EXCEPTIONS, *more.pop("operations", [])],
            **(credential if is_known else {}),
            **more,
        }
    )


def shortly(thoroughly: Collection[str] = ()) -> dict[str, Any]:
    """A few examples of everything; every border of the operations with these names."""
    few = {"generation": {"max-examples": FEW}}
    coverage: dict[str, Any] = {"enabled": bool(thoroughly)}
    others = {"exclude-operation-id": [*thoroughly], "phases": {"coverage": {"enabled": False}}}
    return {
        "phases": {"fuzzing": few, "stateful": few, "coverage": coverage},
        "operations": [others] if thoroughly else [],
    }


def complain(settings: SchemathesisConfig) -> None:
    whole = schemathesis.openapi.from_dict(strict_description(), config=settings)
    # Whether it is ready depends on who else runs, and 503 would be an error of the server.
    complain_of(whole.exclude(operation_id=["isReady", "s4IsReady"]))


# --- Shortly ---------------------------------------------------------------------------------------------------


class PromptHandler(WSGIRequestHandler):
    """Small answers are not kept back until the client has acknowledged the one before."""

    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadedWSGIServer(("127.0.0.1", 0), PromptHandler)
    server.daemon_threads = True
    server.set_app(get_wsgi_application())
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def world_of(url, settings):
    """Of a user: nobody is slowed down, and nobody waits long for a judge, of which there is none."""
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, "1000000/minute")
    settings.SYNC_WAIT_MAX_S = 0.01

    def make(user, scopes) -> World:
        _, key = keys.make(user=user, name="all of it", scopes=scopes)
        question = make_question(slug=SLUG)
        question.tags.add(Tag.objects.create(name=TAG))
        headers = {"X-Code-Exec-Key": key, receipts.HEADER: IDEMPOTENCY_KEY}
        submission = Api().send("/api/v1/submissions/", BODY, **headers).json()["id"]
        Stepwise(Submission.objects.get(pk=submission)).to_the_end()
        return World(url, key, submission)

    return make


@pytest.mark.django_db(transaction=True)
def test_who_may_do_everything_is_answered_as_described(world_of):
    """S3.33 (in part)"""
    world = world_of(make_author(is_superuser=True), set(Scope))

    complain(configuration(world, is_known=True, **shortly(THOROUGHLY)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.full
def test_a_learner_is_answered_as_described(world_of):
    world = world_of(make_user(), LEARNER)

    complain(configuration(world, is_known=True, **shortly()))


@pytest.mark.django_db(transaction=True)
def test_a_stranger_is_answered_as_described(world_of):
    world = world_of(make_user(), LEARNER)

    complain(configuration(world, is_known=False, **shortly()))


# --- At length -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def platform(tmp_path_factory) -> Iterator[RunningPlatform]:
    limits = ("SUBMIT", "RUN", "TICKET", "ANONYMOUS", "BAD_CREDENTIAL")
    generous = {f"RATE_LIMIT_{name}": "1000000/minute" for name in limits}
    generous |= {"MAX_QUEUE_DEPTH": "100000", "SYNC_WAIT_MAX": "2"}
    running = RunningPlatform(tmp_path_factory.mktemp("described") / "var", free_port(), **generous)
    try:
        running.wait_for("is ready")
        yield running
    finally:
        running.stop()


def world_at(platform: RunningPlatform, user: str, *scopes: str) -> World:
    made = manage("create_api_key", user, *(f"--scope={one}" for one in scopes), var=platform.var)
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    headers = {"X-Code-Exec-Key": key, receipts.HEADER: IDEMPOTENCY_KEY}
    address = f"{platform.url}/api/v1/submissions/"
    sent = requests.post(f"{address}?wait=true", json=BODY, headers=headers, timeout=30)
    assert sent.status_code == 200, sent.text
    return World(platform.url, key, sent.json()["id"])


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("user", "scopes", "is_known"),
    [("author", [*Scope], True), ("learner", [*LEARNER], True), ("learner", [*LEARNER], False)],
    ids=["everything", "learner", "stranger"],
)
def test_everybody_is_answered_as_described_while_it_judges(platform, user, scopes, is_known):
    world = world_at(platform, user, *scopes)
    many = {"fuzzing": {"generation": {"max-examples": 25}}, "stateful": {"generation": {"max-examples": 25}}}

    complain(configuration(world, is_known=is_known, phases=many))
