"""A database that can be read but not written, or has no room left: what people get, and that nothing is lost.

Both are made where the database itself makes them: every connection is told so when it is opened, those of the
worker's threads too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.db.backends.signals import connection_created
from django.test import Client

from submissions import recovery
from submissions.dependencies import forget
from submissions.models import Submission
from tests.factories import PASSWORD, make_question, make_user
from tests.fakes import FakeJudge0
from tests.truth import honest

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

SUBMIT, RUN = "/api/v1/submissions/", "/api/v1/runs/"
ADD = "print(sum(map(int, input().split())))"
LONG = f"{ADD}\n# {'long ' * 12_000}"
"""Needs pages of its own."""


@contextmanager
def telling_connections(statement: str) -> Iterator[None]:
    """Every connection that is opened within."""

    def tell(sender, connection, **_):
        with connection.cursor() as cursor:
            cursor.execute(statement)

    connection_created.connect(tell)
    connection.close()
    try:
        yield
    finally:
        connection_created.disconnect(tell)
        connection.close()


def read_only():
    is_sqlite = connection.vendor == "sqlite"
    return telling_connections(
        "PRAGMA query_only = ON" if is_sqlite else "SET default_transaction_read_only = on"
    )


def without_room():
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA page_count")
        (pages,) = cursor.fetchone()
    return telling_connections(f"PRAGMA max_page_count = {pages}")


@pytest.fixture
def judge0(backends) -> Iterator[FakeJudge0]:
    with FakeJudge0(honest) as fake:
        backends(fake.url)
        yield fake


@pytest.fixture
def client() -> Client:
    made = Client(raise_request_exception=False)
    made.force_login(make_user("learner"))
    return made


def sent(client, source=ADD, to=SUBMIT):
    return client.post(
        to, {"question": "sum", "language": "python", "source": source}, content_type="application/json"
    )


def refused_for_now(answer):
    return (
        answer.status_code == 503
        and answer.headers["Retry-After"]
        and answer.headers["Content-Type"] == "application/problem+json"
        and answer.json()["code"] == "unavailable"
    )


def test_while_the_database_is_read_only_all_can_be_read_and_what_is_sent_is_refused_for_now(
    client, judge0, work
):
    make_question(slug="sum")
    pk = sent(client).json()["id"]

    with read_only():
        pages = ("/questions/", "/questions/sum/", f"/submissions/{pk}/", "/submissions/", "/account/")
        apis = (f"{SUBMIT}{pk}/", "/api/v1/questions/", f"{SUBMIT}{pk}/events/")
        assert {path: client.get(path).status_code for path in (*pages, *apis)} == dict.fromkeys(
            (*pages, *apis), 200
        )
        assert refused_for_now(sent(client))
        assert refused_for_now(sent(client, to=RUN))
        form = {"language": "python", "source": ADD, "action": "submit"}
        page = client.post("/questions/sum/", form)
        assert page.status_code == 503
        assert "try again soon" in page.content.decode()
        who = {"username": "learner", "password": PASSWORD}
        signing_in = Client(raise_request_exception=False).post("/login/", who)
        assert (signing_in.status_code, signing_in.headers["Retry-After"]) == (503, "5")
        forget()
        told = client.get("/readyz?role=web")
        assert told.status_code == 200, "pages can be shown"
        if connection.vendor != "sqlite":  # there it is the file's rights that are looked at
            assert "read-only" in told.json()["checks"]["database"]["detail"]
        work()  # it judges in vain, and goes on
        assert Submission.objects.get().status == "queued"

    assert sent(client).status_code == 202
    judged_once(work)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite can be told how large it may be")
def test_while_the_disk_is_full_what_is_sent_is_refused_for_now_and_what_was_taken_is_kept(
    client, judge0, work
):
    make_question(slug="sum")
    sent(client)

    with without_room():
        assert client.get("/questions/sum/").status_code == 200
        assert refused_for_now(sent(client, LONG))
        work()

    assert sent(client, LONG).status_code == 202
    judged_once(work)


def judged_once(work) -> None:
    """What waits is judged, whether or not somebody has tried in vain."""
    Submission.objects.unfinished().update(overdue_at="2000-01-01T00:00:00Z")
    recovery.sweep()
    work()
    rows = Submission.objects.values_list("status", "verdict", "cases_judged")
    assert list(rows) == [("done", "AC", 2)] * 2
