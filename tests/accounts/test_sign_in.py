"""The pages to sign in and out."""

import pytest
from django.test import Client

from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def sign_in(username: str, password: str = PASSWORD, *, address: str = "127.0.0.1", **more: str):
    fields = {"username": username, "password": password} | more
    return Client().post("/login/", fields, REMOTE_ADDR=address)


def test_who_signs_in_gets_to_where_they_wanted():
    user = make_user()

    assert sign_in(user.username).headers["Location"] == "/questions/"
    assert sign_in(user.username, next="/questions/sum/").headers["Location"] == "/questions/sum/"


def test_one_is_not_sent_to_another_site():
    assert sign_in(make_user().username, next="https://example.org/").headers["Location"] == "/questions/"


def test_a_wrong_password_is_told_without_saying_whether_the_name_exists():
    known, unknown = (sign_in(name, "wrong") for name in (make_user().username, "nobody"))

    assert known.status_code == unknown.status_code == 200
    assert known.context["form"].non_field_errors() == unknown.context["form"].non_field_errors()
    assert b"Please enter a correct username and password" in known.content


@pytest.fixture
def few_tries(settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"sign-in": "3/minute", "sign-in-address": "4/minute"}


def test_guessing_at_one_name_is_slowed_down_whatever_addresses_are_used(few_tries):
    user = make_user()
    for n in range(3):
        assert sign_in(user.username, "wrong", address=f"10.0.0.{n}").status_code == 200

    refused = sign_in(user.username.upper(), address="10.0.0.9")

    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert b"Please wait" in refused.content
    assert sign_in(make_user().username, address="10.0.0.9").status_code == 302


def test_one_address_cannot_try_many_names(few_tries):
    """More than at one name: a whole class may sit behind one address."""
    for n in range(4):
        sign_in(f"name-{n}", "wrong")

    assert sign_in(make_user().username).status_code == 429


def test_signing_out_needs_a_post():
    client = Client()
    client.force_login(make_user())

    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").headers["Location"] == "/questions/"
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("spelling", ["{} ", "  {}", "\uff4c{}"])
def test_another_spelling_of_the_same_name_is_the_same_name(few_tries, spelling):
    """Django strips and normalises names before it looks for them."""
    name = make_user("learner-spelt").username
    other = spelling.format(name[1:] if spelling.startswith("\uff4c") else name)
    for n in range(3):
        sign_in(other, "wrong", address=f"10.0.1.{n}")

    assert sign_in(name, address="10.0.1.9").status_code == 429


def test_the_admins_sign_in_page_is_slowed_down_as_well(few_tries):
    client = Client()
    form = {"username": "author", "password": "wrong"}

    answers = [client.post("/admin/login/", form).status_code for _ in range(4)]

    assert answers == [200, 200, 200, 429]
