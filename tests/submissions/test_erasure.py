"""Erasing a learner: afterwards nothing of them is in any table, in Redis, at a server that deletes, or in a log."""

import io
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Permission
from django.core.mail import send_mail
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test import Client

from accounts import erasing, keys, tickets
from accounts.mail import PrivateFiles
from accounts.models import Identity, User
from submissions import erasure
from submissions.connections import redis_client
from submissions.models import Submission
from tests import canary
from tests.asking import RUNS, SUBMISSIONS, Api
from tests.factories import PASSWORD, make_author, make_question, make_user
from tests.fakes import FakeJudge0, printed
from tests.stepwise import Stepwise, run, submit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

MARK = canary.CORE.decode()
NAME = f"ada-{MARK}"


@pytest.fixture
def judge0(backends, settings) -> Iterator[FakeJudge0]:
    """It lets us delete, and prints what it is given."""
    config = {"enable_submission_delete": True}
    with FakeJudge0(lambda source, stdin: printed(source), config=config, authz_token="secret") as fake:
        backends(fake.url)
        settings.JUDGE0_HEADERS = [{"X-Auth-User": "secret"}]
        yield fake


@pytest.fixture
def keeping(backends) -> Iterator[FakeJudge0]:
    """It lets nobody delete."""
    with FakeJudge0(lambda source, stdin: printed(source)) as fake:
        backends(fake.url)
        yield fake


def stored() -> bytes:
    """All rows of all tables."""
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found += [_as_bytes(value) for row in cursor.fetchall() for value in row]
    return b"\n".join(found)


def in_redis() -> bytes:
    """All keys with all that is in them."""
    client: Any = redis_client()
    read = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"stream": client.xrange,
    }
    return b"\n".join(key + b" " + repr(read[client.type(key)](key)).encode() for key in client.scan_iter())


def _as_bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def somebody(work) -> User:
    """Who has left a trace wherever one can be left."""
    user = make_user(NAME, email=f"{NAME}@example.org", first_name=canary.SECRET[:100])
    keys.make(user=user, name=canary.SECRET, scopes=["read"])
    Identity.objects.create(user=user, issuer="https://issuer.example", subject=canary.SECRET)
    browser = Client()
    browser.post("/login/", {"username": NAME, "password": "wrong"})
    browser.post("/login/", {"username": NAME, "password": PASSWORD})
    browser.post("/password/forgotten/", {"email": user.email})
    LogEntry.objects.log_actions(make_user().pk, [user], CHANGE, "Blocked.", single_object=True)
    LogEntry.objects.log_actions(user.pk, [make_user("pupil")], CHANGE, "Blocked.", single_object=True)
    tickets.issue(user_id=user.pk, scopes=[])
    api, question = Api(user), make_question(cases=[("1 2\n", "3\n", True)])
    program = {"language": "python", "source": f"print({canary.SECRET!r})", "metadata": {"x": canary.SECRET}}
    graded = program | {"question": question.slug, "callback_url": f"https://example.org/?{MARK}"}
    api.send(SUBMISSIONS, graded, **{"Idempotency-Key": MARK})
    api.send(RUNS, program | {"input": canary.SECRET})
    work()
    api.send(SUBMISSIONS, graded)
    return user


def test_of_who_is_erased_nothing_is_left_anywhere_and_of_others_everything(judge0, work, caplog):
    user, other = somebody(work), make_user("other")
    pk = user.pk
    Stepwise(submit(other)).to_the_end()
    assert canary.find(stored())
    assert canary.find(in_redis())
    assert judge0.submissions
    caplog.clear()

    call_command("erase_learner", NAME, yes=True, wait=20.0)

    assert canary.find(stored()) == []
    assert canary.find(in_redis()) == []
    assert judge0.submissions == {}
    assert canary.find("\n".join(caplog.messages).encode()) == []
    assert f"user {pk} was erased" in caplog.text
    assert not User.objects.filter(pk=pk).exists()
    assert other.submissions.get().case_results.count() == 4
    entry = LogEntry.objects.get(object_repr="pupil")
    assert (entry.user.username, entry.change_message) == ("system", "Blocked.")


def test_what_is_being_judged_is_waited_for_and_meanwhile_nobody_is_let_in():
    user = make_user("ada")
    begun, waiting = Stepwise(submit(user)), submit(user)
    begun.claim()
    client = Client()
    client.force_login(user)

    with pytest.raises(CommandError, match="1 submissions are being judged"):
        call_command("erase_learner", "ada", yes=True, wait=0.0)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == ("error", "cancelled")
    assert client.get("/account/").status_code == 302
    assert not Client().login(username="ada", password=PASSWORD)

    for index in begun.cases:
        begun.case(index)
    begun.finish()
    erasure.go_on()

    assert not User.objects.filter(username="ada").exists()
    assert not Submission.objects.exists()


def test_servers_that_keep_programs_and_let_nobody_delete_them_are_named(keeping, work, capsys):
    """Also where nothing tells any more what was sent there."""
    user = make_user("ada")
    submit(user)
    work()
    failed = Stepwise(submit(user))
    failed.claim()
    Submission.objects.filter(pk=failed.submission.pk).update(
        status="error", finished_at=Now(), overdue_at=None
    )

    call_command("erase_learner", f"#{user.pk}", yes=True, wait=20.0)

    said = capsys.readouterr().out
    assert f"User {user.pk} was erased, with 2 submissions. Write the number down" in said
    assert f"But: {keeping.url} keeps programs of 1 submissions: it lets nobody delete them" in said
    assert f"But: {keeping.url} may keep programs of 1 submissions: it lets nobody delete them" in said
    assert not User.objects.filter(pk=user.pk).exists()


def test_a_number_may_be_a_name_which_goes_first_and_whoever_is_named_must_be_meant(monkeypatch, capsys):
    user = make_user("ada")
    namesake = make_user(str(user.pk))
    for answer, said in (("", "nobody is there to be asked"), ("alan\n", "Nothing was erased.")):
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        with pytest.raises(CommandError, match=said):
            call_command("erase_learner", f"#{user.pk}")
    assert f"Erase ada (#{user.pk}) and 0 submissions?" in capsys.readouterr().out

    call_command("erase_learner", str(user.pk), yes=True)
    assert not User.objects.filter(pk=namesake.pk).exists()
    call_command("erase_learner", str(user.pk), yes=True)
    assert not User.objects.filter(pk=user.pk).exists()
    with pytest.raises(CommandError, match="There is no user #0"):
        call_command("erase_learner", "#0", yes=True)


def test_who_is_more_than_a_learner_is_not_erased():
    make_author("grace")
    for name in ("grace", "code-exec", "system"):
        User.objects.get_or_create(username=name)
        with pytest.raises(CommandError, match=r"” is staff|” belongs to the platform"):
            call_command("erase_learner", name, yes=True)
        assert User.objects.get(username=name).is_active


def test_superusers_erase_in_the_admin_after_a_page_that_asks_and_others_cannot():
    learner, boss = make_user("ada"), make_user("boss", is_staff=True, is_superuser=True)
    Stepwise(run(learner)).to_the_end()
    chosen = {"action": "erase", "_selected_action": [learner.pk, boss.pk]}
    helper = make_user("helper", is_staff=True)
    helper.user_permissions.set(_all_of_users())
    client = Client()
    client.force_login(helper)
    assert "Erase selected" not in client.get("/admin/accounts/user/").content.decode()
    client.post("/admin/accounts/user/", chosen | {"confirmed": "yes"})
    assert User.objects.filter(erasure_asked_at=None, is_active=True, pk=learner.pk).exists()

    client.force_login(boss)
    page = client.post("/admin/accounts/user/", chosen).content.decode()
    assert "There is no way back" in page
    assert User.objects.filter(erasure_asked_at=None, pk=learner.pk).exists()
    answer = client.post("/admin/accounts/user/", chosen | {"confirmed": "yes"}, follow=True).content.decode()
    assert "“ada” can do nothing any more" in answer
    assert "“boss” is staff" in answer
    client.post("/admin/accounts/user/", {"action": "unblock", "_selected_action": [learner.pk]})
    assert not User.objects.get(pk=learner.pk).is_active

    erasure.go_on()
    assert set(User.objects.filter(username__in=["ada", "boss"]).values_list("username", flat=True)) == {
        "boss"
    }
    assert "ada" not in {entry.object_repr for entry in LogEntry.objects.all()}


def _all_of_users() -> Any:
    return Permission.objects.filter(content_type__model="user")


def test_messages_to_who_is_erased_go_and_those_to_others_stay(settings, tmp_path):
    settings.EMAIL_BACKEND = f"{PrivateFiles.__module__}.{PrivateFiles.__name__}"
    settings.EMAIL_FILE_PATH = tmp_path
    user = make_user("bob", email="bob@x.org")
    for address in ("bob@x.org", "Bob <bob@x.org>", "jimbob@x.org", "bob@x.org.example"):
        send_mail("A link", "It is for bob@x.org.", None, [address])

    erasing.forget(user)

    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert sorted(re.findall(rb"^To: (.*)$", left, re.MULTILINE)) == [b"bob@x.org.example", b"jimbob@x.org"]


def test_one_worker_in_turn_looks_for_them_by_an_index():
    for name in ("ada", "alan"):
        erasing.ask(make_user(name))
        erasure.go_on_in_turn()
    assert [User.objects.filter(username=name).exists() for name in ("ada", "alan")] == [False, True]
    redis_client().delete(erasure.TURN_KEY)
    erasure.go_on_in_turn()
    assert not User.objects.filter(username="alan").exists()

    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        assert "user_to_erase" in User.objects.filter(erasure_asked_at__isnull=False).explain()


def test_asking_again_changes_nothing_and_somebody_who_was_faster_is_no_error():
    user = make_user("ada")
    erasing.ask(user)
    since = User.objects.get(pk=user.pk).erasure_asked_at
    erasing.ask(user)
    assert User.objects.get(pk=user.pk).erasure_asked_at == since

    slow = User.objects.get(pk=user.pk)
    assert erasure.erase(user) == erasure.Outcome()
    assert erasure.erase(slow) == erasure.Outcome(by_another=True)
