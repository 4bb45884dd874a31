"""The pages to sign in and out."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client

from accounts.models import User
from tests.factories import PASSWORD, make_author, make_user

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


def a_door(address: str, username: str, password: str = PASSWORD) -> Client:
    client = Client()
    client.post(address, {"username": username, "password": password})
    return client


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


@pytest.mark.parametrize("address", ["/login/", "/admin/login/"])
@pytest.mark.parametrize("typed", ["Ada", "ADA", " ada ", "\uff21da"])
def test_the_name_counts_in_whatever_spelling_and_the_password_as_it_is(address, typed):
    make_author("Ada")

    assert is_in(a_door(address, typed))
    assert not is_in(a_door(address, typed, PASSWORD.upper()))


def test_of_two_old_names_that_differ_in_spelling_only_each_signs_in_as_it_is_spelt():
    first, second = make_user("Ada"), make_user("grace")
    User.objects.filter(pk=second.pk).update(username="ada", folded_name=None)

    signed_in = {typed: a_door("/login/", typed).session["_auth_user_id"] for typed in ("Ada", "ada", "ADA")}

    assert signed_in == {"Ada": str(first.pk), "ada": str(second.pk), "ADA": str(first.pk)}


@pytest.mark.parametrize("typed", ["ada", "ADA", "nobody"])
def test_as_much_is_done_for_a_name_that_nobody_has(typed, settings, django_assert_num_queries):
    """Two looks at the users, and one password that is hashed: the time tells nobody who is here."""
    settings.PASSWORD_HASHERS = ["tests.accounts.test_sign_in.Counting"]
    make_user("ada")
    Counting.count = 0

    with django_assert_num_queries(2):
        assert authenticate(username=typed, password="wrong") is None

    assert Counting.count == 1


class Counting(MD5PasswordHasher):
    count = 0

    def encode(self, password, salt):
        Counting.count += 1
        return super().encode(password, salt)


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


def test_guessing_the_old_password_is_slowed_down_in_the_admin_as_well(few_tries):
    client = Client()
    client.force_login(make_user(is_staff=True))
    form = {"old_password": "wrong", "new_password1": "x", "new_password2": "x"}

    answers = [client.post("/admin/password_change/", form).status_code for _ in range(4)]

    assert answers == [200, 200, 200, 429]
