"""One's own account: who one is, API keys, the secret of webhooks."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import keys, webhook_secrets
from accounts.forms import MAX_KEYS
from accounts.models import ApiKey
from accounts.scopes import Scope
from tests.factories import PASSWORD, make_author, make_user

pytestmark = pytest.mark.django_db

ACCOUNT = "/account/"
KEYS = "/account/keys/"
SECRET = "/account/webhook-secret/"
EMAIL = "/account/email/"


@pytest.fixture
def learner(client):
    user = make_user(email="ada@example.org")
    client.force_login(user)
    return user


def a_key(user, **fields) -> ApiKey:
    key, _ = keys.make(user=user, name="script", scopes=[Scope.READ])
    ApiKey.objects.filter(pk=key.pk).update(**fields)
    return key


def make_key(client, **fields):
    return client.post(KEYS, {"name": "my script", "scopes": ["submit", "read"], "days": "90"} | fields)


def test_the_page_says_who_one_is_and_the_header_leads_there(client, learner):
    page = client.get("/questions/").content.decode()
    assert f'href="{ACCOUNT}"' in page

    page = client.get(ACCOUNT).content.decode()
    assert learner.username in page
    assert "ada@example.org" in page


@pytest.mark.parametrize("address", [ACCOUNT, KEYS, SECRET, EMAIL, f"{KEYS}1/revoke/"])
def test_only_who_has_signed_in_gets_there(address):
    for answer in (Client().get(address), Client().post(address)):
        assert answer.headers["Location"] == f"/login/?next={address}"


@pytest.mark.parametrize("address", [KEYS, SECRET, f"{KEYS}1/revoke/"])
def test_who_comes_without_a_form_is_sent_to_the_page(client, learner, address):
    """As after signing in again, when a form was sent too late."""
    assert client.get(address).headers["Location"] == ACCOUNT


def test_a_new_key_is_shown_once_is_kept_by_no_cache_and_works(client, learner):
    answer = make_key(client)

    (key,) = learner.api_keys.all()
    text = answer.context["new_key_text"]
    assert text in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    assert keys.find(text) == key
    assert (key.name, key.scopes) == ("my script", ["read", "submit"])
    later = client.get(ACCOUNT).content.decode()
    assert key.prefix in later
    assert text not in later


@pytest.mark.parametrize(("days", "lasts"), [("30", 30), ("365", 365), ("", None)])
def test_a_key_lasts_as_long_as_was_chosen(client, learner, days, lasts):
    make_key(client, days=days)

    (key,) = learner.api_keys.all()
    if lasts is None:
        assert key.expires_at is None
    else:
        expected = timezone.now() + timedelta(days=lasts)
        assert abs(key.expires_at - expected) < timedelta(minutes=1)


def change_email(client, email: str, password: str = PASSWORD):
    return client.post(EMAIL, {"email": email, "password": password})


def email_of(user) -> str:
    user.refresh_from_db()
    return user.email


def test_people_change_their_email(client, learner):
    assert "ada@example.org" in client.get(EMAIL).content.decode()

    assert change_email(client, "lovelace@Example.ORG").headers["Location"] == ACCOUNT

    assert email_of(learner) == "lovelace@example.org"
    assert "is changed" in client.get(ACCOUNT).content.decode()


@pytest.mark.parametrize(
    ("email", "password", "wrong"), [("new@example.org", "not mine", "password"), ("new", PASSWORD, "email")]
)
def test_an_email_is_changed_with_the_password_and_to_an_address_only(
    client, learner, email, password, wrong
):
    answer = change_email(client, email, password)

    assert list(answer.context["form"].errors) == [wrong]
    assert email_of(learner) == "ada@example.org"
    assert password not in answer.content.decode()


@pytest.mark.parametrize(("has_mail", "left"), [(False, ""), (True, "ada@example.org")])
def test_an_email_may_be_left_out_where_no_messages_are_sent(client, learner, settings, has_mail, left):
    settings.HAS_MAIL = has_mail

    change_email(client, "")

    assert email_of(learner) == left


def test_guessing_the_password_at_the_email_is_slowed_down_with_all_other_guessing(client, learner, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"sign-in": "2/minute"}
    change_email(client, "a@example.org", "wrong")
    Client().post("/login/", {"username": learner.username.upper(), "password": "wrong"})

    assert change_email(client, "a@example.org").status_code == 429
    assert email_of(learner) == "ada@example.org"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["admin"]}, "scopes"),
        ({"scopes": ["read", "nonsense"]}, "scopes"),
        ({"days": "7"}, "days"),
    ],
)
def test_a_key_that_cannot_be_made_is_refused_at_its_field(client, learner, fields, wrong):
    answer = make_key(client, **fields)

    assert list(answer.context["form"].errors) == [wrong]
    assert not learner.api_keys.exists()


def test_only_what_one_may_give_is_offered(client, learner):
    def offered() -> set[str]:
        return {value for value, _ in client.get(ACCOUNT).context["form"].fields["scopes"].choices}

    assert offered() == {"submit", "read"}
    author = make_author()
    client.force_login(author)
    assert offered() == {scope.value for scope in keys.grantable(author)}
    assert "tests:read" in offered()


def test_nobody_collects_keys_without_end(client, learner):
    for _ in range(MAX_KEYS - 1):
        a_key(learner)
    a_key(learner, revoked_at=timezone.now())

    assert "new_key" in make_key(client).context
    assert make_key(client).context["form"].non_field_errors()
    assert learner.api_keys.usable().count() == MAX_KEYS


def test_a_revoked_key_is_gone_from_the_page_and_opens_nothing(client, learner):
    key = a_key(learner)
    assert key.prefix in client.get(ACCOUNT).content.decode()

    assert client.post(f"{KEYS}{key.pk}/revoke/").headers["Location"] == ACCOUNT

    page = client.get(ACCOUNT).content.decode()
    assert "The key “script” is revoked" in page
    assert key.prefix not in page
    assert not ApiKey.objects.usable().exists()


def test_nobody_sees_or_revokes_the_key_of_somebody_else(client, learner):
    key = a_key(make_user())

    assert key.prefix not in client.get(ACCOUNT).content.decode()
    assert client.post(f"{KEYS}{key.pk}/revoke/").status_code == 404
    assert ApiKey.objects.usable().exists()


def test_an_expired_key_says_so(client, learner):
    a_key(learner, expires_at=timezone.now() - timedelta(days=1))

    assert "Expired" in client.get(ACCOUNT).content.decode()


@pytest.mark.parametrize(
    "address", [KEYS, SECRET, EMAIL, f"{KEYS}1/revoke/", "/account/password/", "/signup/"]
)
def test_another_site_cannot_send_a_form_in_ones_name(learner, settings, address):
    settings.SIGNUP = "open"
    client = Client(enforce_csrf_checks=True)
    client.force_login(learner)

    assert client.post(address, {}).status_code == 403


def test_the_secret_of_webhooks_is_shown_when_asked_for_and_kept_by_no_cache(client, learner):
    secret = webhook_secrets.secret_of(learner)
    assert secret not in client.get(ACCOUNT).content.decode()

    answer = client.post(SECRET)

    assert answer.context["webhook_secret"] == secret
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_renewed_secret_is_another_one_and_only_ones_own(client, learner):
    other = make_user()
    before = {user: webhook_secrets.secret_of(user) for user in (learner, other)}

    answer = client.post(SECRET, {"renew": "yes"})

    learner.refresh_from_db()
    other.refresh_from_db()
    assert answer.context["webhook_secret"] == webhook_secrets.secret_of(learner) != before[learner]
    assert webhook_secrets.secret_of(other) == before[other]
    assert before[learner] != before[other]
