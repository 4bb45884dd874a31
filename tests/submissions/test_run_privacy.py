"""A run leaves nothing behind: its texts are in Redis only, in no row, no log line and no file of the database."""

import io
import logging
import subprocess
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from submissions import connections, judging
from tests import canary
from tests.asking import RUNS, Api
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, printed
from tests.logged import logged

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client():
    return Api(make_user())


@pytest.fixture
def echo(backends):
    """A judge whose every program prints its input, and complains about it."""
    with FakeJudge0(lambda source, stdin: printed(stdin, stderr=stdin), looks=1) as judge0:
        backends(judge0.url)
        yield judge0


def body(**changes) -> dict:
    return {"language": "python", "source": f"print({canary.SECRET!r})", "input": canary.SECRET} | changes


def test_nothing_of_a_run_is_in_the_database_its_journal_or_a_dump(client, echo):
    """S4.21: at no moment; its owner sees all of it meanwhile."""
    forget_other_tests()
    question = make_question(cases=[("1 2\n", "3\n", True)])
    address = client.send(RUNS, body(question=question.slug))["Location"]
    queued = everything_stored()
    judging.judge_submission(address.split("/")[-2])
    told = client.get(address)

    assert (told.json()["results"][1]["output"], told.json()["status"]) == (canary.SECRET, "done")
    assert canary.find(told.content)
    assert canary.find(queued) == canary.find(everything_stored()) == []
    make_question(statement=canary.SECRET)
    assert canary.find(everything_stored()), "what is stored would be found"
    connections.redis_client().flushall()
    assert canary.find(client.get(address).content) == []


def forget_other_tests() -> None:
    """What they have stored and deleted is still in the pages of SQLite's files, until it is swept out."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def everything_stored() -> bytes:
    """The files of SQLite, its journal among them, and a dump; the search would find what is in them."""
    dump = io.StringIO()
    call_command("dumpdata", exclude=["django_rq"], stdout=dump)
    assert "submissions.submission" in dump.getvalue()
    name = Path(connection.settings_dict["NAME"])
    paths = sorted(name.parent.glob(f"{name.name}*"))
    assert len(paths) >= 2, "the database is a file here, and has a journal"
    # Read by another process: were they closed in this one, the kernel would drop SQLite's locks of them.
    files = subprocess.run(["cat", *paths], capture_output=True, check=True).stdout
    assert b"Print the sum of" in files
    return dump.getvalue().encode() + files


@pytest.mark.parametrize("with_question", [True, False])
def test_taking_a_run_asks_the_database_three_things_beyond_who_it_is(client, with_question):
    """S4.23: is there room, its row, its event; and, where one is named, what the question is."""
    sent = body(question=make_question().slug) if with_question else body()
    client.send(RUNS, sent)

    with CaptureQueriesContext(connection) as queries:
        answer = client.send(RUNS, sent)

    told = [query["sql"] for query in queries if not query["sql"].startswith(("BEGIN", "COMMIT"))]
    work = [sql for sql in told if not any(table in sql for table in ("django_session", "accounts_user"))]
    assert answer.status_code == 202
    assert len(work) == 3 + with_question, work
    assert "SAVEPOINT" not in " ".join(told)


def test_each_attempt_is_noted_when_it_begins_and_when_it_ends_by_sizes_only(client, echo):
    """S2.14, S3.34: and by the id of the request that it came by."""
    with logged() as lines:
        pk = client.send(RUNS, body(), **{"X-Request-Id": "from-the-edge"}).json()["id"]
        judging.judge_submission(pk)

    started, finished = [line for line in lines if line["event"].startswith("execution.")]
    known = {
        "submission": pk,
        "request_id": "from-the-edge",
        "kind": "run",
        "attempt": 1,
        "language": "python",
        "source_bytes": len(body()["source"]),
        "stdin_bytes": len(canary.SECRET),
        "cases": 1,
    }
    found = {"status": "done", "verdict": "AC", "cases_judged": 1, "backend": echo.url}
    assert (started["event"], finished["event"]) == ("execution.started", "execution.finished")
    assert started.items() >= known.items()
    assert finished.items() >= (known | found).items()
    assert finished["seconds"] >= 0
    assert canary.find(repr(lines).encode()) == []


@pytest.mark.parametrize("fault", ["hang", "500", "garbage", "broken"])
def test_an_attempt_that_fails_is_noted_with_the_reason(client, echo, caplog, settings, fault):
    """S3.34, S3.35: its client gets a status with a code, not a page, whatever the judge does."""
    pk = client.send(RUNS, body()).json()["id"]
    settings.JUDGE0_READ_TIMEOUT_S = 0.2
    connections.pool.cache_clear()
    echo.fail(fault)
    caplog.set_level(logging.INFO, "submissions.judging")
    judging.judge_submission(pk)

    told = client.get(f"{RUNS}{pk}/").json()
    assert (told["status"], told["retryable"], told["verdict"]) == ("error", True, None)
    assert told["reason"]
    assert told["message"]
    last = caplog.records[-1]
    assert (last.getMessage(), last.attempt, last.status) == ("execution.finished", 1, "error")
    assert (last.reason, last.verdict, last.cases_judged) == (told["reason"], "", 0)


def test_all_that_is_kept_of_a_run_has_a_time_to_live(client, echo, settings):
    """S4.3: one key of Redis, before it is judged and after; then nothing is left of its code."""
    settings.EXECUTION_TTL_S = 100
    pk = client.send(RUNS, body()).json()["id"]
    queued = kept_of(pk)
    judging.judge_submission(pk)

    assert [list(queued), list(kept_of(pk))] == [[f"run:{pk}"], [f"run:{pk}"]]
    assert all(0 < left <= 100 for kept in (queued, kept_of(pk)) for left in kept.values())
    connections.redis_client().expire(f"run:{pk}", 0)
    told = client.get(f"{RUNS}{pk}/")
    assert (told.json()["source"], canary.find(told.content)) == (None, [])


def kept_of(pk: str) -> dict[str, int]:
    """The keys in which something of it could be, with the seconds that each has left; queues know its id only."""
    client = connections.redis_client()
    keys = [key.decode() for key in client.scan_iter()]
    hashes = [key for key in keys if client.type(key) == b"hash"]
    told = {key: repr(client.hgetall(key)).encode() for key in hashes}
    assert all(canary.find(told[key]) for key in hashes if key == f"run:{pk}")
    return {key: client.ttl(key) for key in hashes if canary.find(told[key])}
