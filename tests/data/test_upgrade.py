"""A database of the release before: today's code takes it over, and the release before can go on with it meanwhile.

`make_release` says how the databases were made that are tried here.
"""

import pytest
from django.conf import global_settings
from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from accounts import keys, signing_up
from accounts.models import ApiKey, Identity, User
from questions.models import Blob, Question
from submissions import disclosure, recovery
from submissions.models import Placement, Receipt, Submission, Webhook
from tests.data.conftest import load_release
from tests.factories import PASSWORD
from tests.fakes import FakeJudge0, printed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

Columns = dict[tuple[str, str], bool]


def columns() -> Columns:
    """By table and name, whether a row may be inserted by who does not know of it."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        return {
            (table, column.name): bool(column.null_ok or column.default is not None)
            for table in tables
            for column in connection.introspection.get_table_description(cursor, table)
        }


@pytest.fixture
def judge0(backends):
    def judge(source: bytes, stdin: bytes):
        return printed(b"9\n" if stdin.startswith(b"4 5") else b"3\n")

    with FakeJudge0(judge) as fake:
        backends(fake.url)
        yield fake


def test_what_the_release_before_has_left_is_all_there_and_what_waited_is_judged(
    elsewhere, judge0, work, settings
):
    """And until all of it runs today's code: no column has gone, and new ones fill themselves."""
    settings.PASSWORD_HASHERS = global_settings.PASSWORD_HASHERS  # of then
    with elsewhere():
        load_release("0.1")
        before = columns()
        call_command("migrate", interactive=False, verbosity=0)
        after = columns()
        work_on()
        work()

        assert before.keys() - after.keys() == set()
        old_tables = {table for table, _ in before}
        new = {name: may_be_left_out for name, may_be_left_out in after.items() if name not in before}
        assert new, "nothing was migrated"
        assert [name for name, may in new.items() if name[0] in old_tables and not may] == []
        people_are_there()
        questions_are_there()
        submissions_are_there()
        call_command("check", verbosity=0)


def work_on() -> None:
    """Half-judged submissions of then belong to nobody."""
    Submission.objects.unfinished().update(overdue_at=Now())
    recovery.sweep()


def people_are_there() -> None:
    ada = User.objects.get(username="ada")
    assert (ada.email, ada.first_name) == ("ada@example.org", "Ada")
    assert Client().login(username="ADA", password=PASSWORD)
    assert not Client().login(username="blocked", password=PASSWORD)
    grace = User.objects.get(username="grace")
    assert grace.has_perm("questions.change_question")
    assert ApiKey.objects.usable().get().name == "my laptop"
    assert keys.grantable(ada)
    assert Identity.objects.get().subject == "ada-1"
    signing_up.sign_up(User(username="new", folded_name="new"), code="come-in")


def questions_are_there() -> None:
    question = Question.objects.get(slug="sum-of-release")
    assert [tag.name for tag in question.tags.all()] == ["arithmetic"]
    assert question.reference_solutions.count() == 1
    assert {bytes(data) for data in Blob.objects.values_list("data", flat=True)} >= {b"4 5\n\xff", b"1 2\n"}
    assert Question.objects.get(slug="draft-of-release").state == "draft"


def submissions_are_there() -> None:
    graded = Submission.objects.graded()
    found = sorted(graded.values_list("status", "verdict", "reason"), key=str)
    assert found == [
        ("done", "AC", ""),
        ("done", "AC", ""),
        ("done", "AC", ""),
        ("error", None, "cancelled"),
        ("error", None, "judging_error"),
    ]
    assert {tuple(one.metadata.items()) for one in graded} == {(("n", 1),)}
    taken_up = graded.filter(source__startswith="#", request_id="").order_by("source")
    assert [(one.attempt, one.case_results.count()) for one in taken_up] == [(2, 2), (1, 2)]
    told = disclosure.detail(graded.get(receipts__key="once"))
    assert (told["results"][0]["output"], told["results"][1]["verdict"]) == ("3\n", "AC")
    assert Submission.objects.get(kind="run").reason in ("expired", "timeout")
    assert {one.state for one in Webhook.objects.all()} == {"delivered", "waiting"}
    assert Receipt.objects.get().answer == {"id": told["id"]}
    assert Placement.objects.filter(backend="http://127.0.0.1:9").exists()
