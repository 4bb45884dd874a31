"""The page to sign up: who may, with which names, how often."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import names, signing_up
from accounts.models import Invitation, User
from tests.factories import make_user

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def open_to_all(settings):
    settings.SIGNUP = "open"


@pytest.fixture
def by_invitation(settings):
    settings.SIGNUP = "invite"


def invite(**fields) -> Invitation:
    return Invitation.objects.create(code=signing_up.new_code(), **fields)


def sign_up(username: str, *, address: str = "127.0.0.1", **fields: str):
    given = {"username": username, "password1": PASSWORD, "password2": PASSWORD} | fields
    return Client().post("/signup/", given, REMOTE_ADDR=address)


def errors_of(answer) -> dict[str, list[str]]:
    assert answer.status_code == 200
    return answer.context["form"].errors


def test_who_signs_up_is_signed_in_as_a_learner_and_gets_to_where_they_wanted():
    client = Client()
    fields = {"username": "ada", "password1": PASSWORD, "password2": PASSWORD, "next": "/questions/sum/"}

    answer = client.post("/signup/", fields)

    assert answer.headers["Location"] == "/questions/sum/"
    user = User.objects.get(username="ada")
    assert user.check_password(PASSWORD)
    assert (user.is_staff, user.is_superuser, user.groups.count()) == (False, False, 0)
    assert client.get("/account/").context["user"] == user


def test_one_is_not_sent_to_another_site():
    assert sign_up("ada", next="https://example.org/").headers["Location"] == "/questions/"


def test_nothing_but_what_the_form_asks_for_is_taken():
    sign_up("ada", is_staff="on", is_superuser="on", is_active="")

    user = User.objects.get(username="ada")
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)


def test_where_sign_up_is_closed_there_is_no_page_and_no_link(settings, client):
    settings.SIGNUP = "closed"

    assert client.get("/signup/").status_code == 404
    assert sign_up("ada").status_code == 404
    assert b"/signup/" not in client.get("/login/").content
    assert not User.objects.filter(username="ada").exists()


@pytest.mark.parametrize("signup", ["open", "invite"])
def test_elsewhere_the_page_to_sign_in_leads_there_and_remembers_where_to(settings, client, signup):
    settings.SIGNUP = signup

    assert b'href="/signup/?next=/questions/sum/"' in client.get("/login/?next=/questions/sum/").content


def test_who_has_signed_in_already_is_sent_on(client):
    client.force_login(make_user())

    assert client.get("/signup/?next=/submissions/").headers["Location"] == "/submissions/"


@pytest.mark.parametrize("other", ["anna", "ANNA", " Anna", "Ａnna", "Änna", "äNNA", "A\u0308nna"])
def test_a_name_that_differs_only_in_capitals_or_form_is_taken(other):
    make_user("änna" if names.folded(other).startswith("ä") else "Anna")

    assert errors_of(sign_up(other))["username"] == ["Somebody has this name already."]


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_of_many_spellings_at_once_one_gets_the_name():
    def try_it(username: str) -> bool:
        try:
            signing_up.sign_up(User(username=username), code=None)
        except signing_up.NameTaken:
            return False
        finally:
            connection.close()
        return True

    spellings = ["zora", "Zora", "zOra", "zoRa", "zorA", "ZORA", "ＺＯＲＡ", "Ｚora"]
    with ThreadPoolExecutor(8) as threads:
        let_in = list(threads.map(try_it, spellings))

    assert sum(let_in) == 1
    assert User.objects.filter(username__in=spellings).count() == 1


def test_an_account_that_gets_another_name_leaves_the_old_one_free():
    user = make_user("anna")
    user.username = "Beate"
    user.save()

    assert sign_up("Anna").status_code == 302
    assert list(errors_of(sign_up("beate"))) == ["username"]


def test_names_of_before_that_clash_stay_and_the_first_one_counts(caplog):
    first, second = make_user("ada"), make_user("other")
    User.objects.filter(pk__in=[first.pk, second.pk]).update(folded_name=None)
    User.objects.filter(pk=second.pk).update(username="ADA")
    migration = import_module("accounts.migrations.0004_folded_names")

    migration.fill(apps, SimpleNamespace(connection=connection))

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.folded_name, second.folded_name) == ("ada", None)
    assert "another spelling: ADA" in caplog.text
    second.set_password("quite another password")
    second.save()  # as pages do
    assert Client().login(username="ADA", password="quite another password")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"username": ""}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "x" * 151}, "username"),
        ({"email": "nowhere"}, "email"),
        ({"password2": "something else"}, "password2"),
        ({"password1": "12345678", "password2": "12345678"}, "password2"),
        ({"password1": "ada.lovelace", "password2": "ada.lovelace"}, "password2"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nobody_gets_an_account(fields, wrong):
    before = User.objects.count()
    username = fields.pop("username", "ada.lovelace")

    assert list(errors_of(sign_up(username, **fields))) == [wrong]
    assert User.objects.count() == before


def test_an_address_is_needed_only_where_messages_are_sent(settings):
    settings.HAS_MAIL = True

    assert list(errors_of(sign_up("ada"))) == ["email"]
    assert sign_up("ada", email="ada@example.org").status_code == 302


def test_one_address_cannot_make_many_accounts_and_failing_does_not_count(settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"sign-up": "2/hour"}
    sign_up("a b")

    answers = [sign_up(f"learner-{n}") for n in range(3)]

    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert int(answers[2].headers["Retry-After"]) > 3500
    assert b"Please wait 60 minutes" in answers[2].content
    assert sign_up("elsewhere", address="10.0.0.1").status_code == 302


def test_one_address_cannot_try_many_names(settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"sign-in-address": "2/minute"}

    assert [sign_up("a b").status_code for _ in range(3)] == [200, 200, 429]


def test_an_invitation_lets_in_as_often_as_it_says(by_invitation):
    code = invite(uses_left=2).code

    assert sign_up("one", code=code).status_code == 302
    assert sign_up("two", code=f" {code} ").status_code == 302
    assert list(errors_of(sign_up("three", code=code))) == ["code"]
    assert User.objects.filter(username__in=["one", "two", "three"]).count() == 2


@pytest.mark.parametrize("code", ["", "made-up", "x" * 41])
def test_without_a_good_invitation_nobody_signs_up(by_invitation, code):
    invite()

    assert list(errors_of(sign_up("ada", code=code))) == ["code"]
    assert not User.objects.filter(username="ada").exists()


@pytest.mark.parametrize("other", ["ada", "ADA"])
def test_who_has_no_invitation_is_not_told_which_names_there_are(by_invitation, other):
    used = invite(uses_left=0)
    make_user("ada")

    known, unknown = (errors_of(sign_up(name, code=used.code)) for name in (other, "nobody"))

    assert known == unknown
    assert list(known) == ["code"]


def test_an_invitation_ends(by_invitation):
    expired = invite(expires_at=timezone.now() - timedelta(seconds=1))
    lasting = invite(expires_at=timezone.now() + timedelta(hours=1))

    assert list(errors_of(sign_up("late", code=expired.code))) == ["code"]
    assert sign_up("early", code=lasting.code).status_code == 302


def test_a_form_with_mistakes_uses_no_invitation_up(by_invitation):
    invitation = invite()
    make_user("ada")

    errors_of(sign_up("ada", code=invitation.code))

    invitation.refresh_from_db()
    assert invitation.uses_left == 1


def test_a_name_that_somebody_takes_at_the_same_moment_uses_no_invitation_up():
    invitation = invite()
    make_user("ada")

    with pytest.raises(signing_up.NameTaken):
        signing_up.sign_up(User(username="ada"), code=invitation.code)

    invitation.refresh_from_db()
    assert invitation.uses_left == 1


def test_the_link_of_an_invitation_brings_its_code_along(by_invitation, client):
    code = invite().code

    assert f'value="{code}"' in client.get(f"/signup/?code={code}").content.decode()


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_of_fifty_at_once_only_as_many_get_in_as_an_invitation_has_uses(by_invitation):
    code = invite(uses_left=1).code

    def try_it(n: int) -> bool:
        try:
            signing_up.sign_up(User(username=f"crowd-{n}"), code=code)
        except signing_up.NotInvited:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(16) as threads:
        let_in = list(threads.map(try_it, range(50)))

    assert sum(let_in) == 1
    assert User.objects.filter(username__startswith="crowd-").count() == 1
