"""Setting a new password: with a link in a message, or with the old one."""

import logging
import re
import stat
import threading

import pytest
from django.core import mail
from django.core.mail.backends import locmem
from django.test import Client

from accounts.mail import PrivateFiles
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

NEW = "a quite different password"
FORGOTTEN = "/password/forgotten/"


def ask(email: str, *, address: str = "127.0.0.1"):
    answer = Client().post(FORGOTTEN, {"email": email}, REMOTE_ADDR=address)
    await_mail()
    return answer


def await_mail() -> None:
    for thread in threading.enumerate():
        if thread.name == "mail":
            thread.join(10)


def link_for(email: str) -> str:
    ask(email)
    (message,) = mail.outbox
    found = re.search(r"^http://127.0.0.1:8000(/password/new/\S+)$", str(message.body), re.MULTILINE)
    assert found, message.body
    return found[1]


def follow(client: Client, link: str, password: str = NEW):
    form = client.get(link, follow=True)
    if not form.context["validlink"]:
        return form
    address = form.request["PATH_INFO"]
    return client.post(address, {"new_password1": password, "new_password2": password})


def can_sign_in(username: str, password: str) -> bool:
    return Client().post("/login/", {"username": username, "password": password}).status_code == 302


def test_a_link_in_a_message_lets_one_set_a_new_password_once():
    user = make_user(email="ada@example.org")
    link = link_for("ada@example.org")

    assert follow(Client(), link).headers["Location"] == "/login/"

    assert can_sign_in(user.username, NEW)
    assert not can_sign_in(user.username, PASSWORD)
    assert b"This link does not work" in follow(Client(), link).content


def test_the_message_says_for_which_account_and_leads_to_the_public_address(settings):
    settings.PUBLIC_URL = "https://judge.example.org"
    make_user("ada", email="ada@example.org")

    # The request's own Host does not count: whoever asks for somebody else must not choose where the link leads.
    Client().post(FORGOTTEN, {"email": "ada@example.org"}, headers={"host": "localhost"})
    await_mail()

    (message,) = mail.outbox
    assert message.to == ["ada@example.org"]
    assert message.subject == "A new password for judge.example.org"
    assert "account\nada at judge.example.org" in message.body
    assert "https://judge.example.org/password/new/" in message.body


def test_the_answer_is_the_same_whether_an_account_has_the_address():
    make_user(email="ada@example.org")

    known, unknown = ask("ada@example.org"), ask("bob@example.org")

    assert known.status_code == unknown.status_code == 302
    for answer in (known, unknown):
        del answer.headers["X-Request-Id"]
    assert dict(known.headers) == dict(unknown.headers)
    assert (known.content, known.cookies) == (unknown.content, unknown.cookies)
    pages = [Client().get(answer.headers["Location"]) for answer in (known, unknown)]
    assert pages[0].content == pages[1].content
    assert len(mail.outbox) == 1


def test_a_message_that_takes_long_holds_up_no_answer(settings):
    """Else the time would tell whether an account has the address."""
    settings.EMAIL_BACKEND = "tests.accounts.test_password_reset.SlowMail"
    make_user(email="ada@example.org")

    answer = Client().post(FORGOTTEN, {"email": "ada@example.org"})

    assert answer.status_code == 302
    assert SlowMail.asked.wait(10)  # it has begun to send
    assert mail.outbox == []
    SlowMail.may_end.set()
    await_mail()
    assert len(mail.outbox) == 1


class SlowMail(locmem.EmailBackend):
    asked, may_end = threading.Event(), threading.Event()

    def send_messages(self, messages):
        self.asked.set()
        self.may_end.wait(10)
        return super().send_messages(messages)


@pytest.mark.parametrize("fields", [{"is_active": False}, {"password": "!"}])
def test_who_is_blocked_or_has_no_password_gets_no_message(fields):
    user = make_user(email="ada@example.org")
    type(user).objects.filter(pk=user.pk).update(**fields)

    assert ask("ada@example.org").status_code == 302
    assert mail.outbox == []


def test_who_was_blocked_meanwhile_gets_in_with_no_link():
    user = make_user(email="ada@example.org")
    link = link_for("ada@example.org")
    type(user).objects.update(is_active=False)

    follow(Client(), link)

    assert not can_sign_in(user.username, NEW)


def test_a_weak_password_is_refused_and_the_link_still_works():
    user = make_user(email="ada@example.org")
    link = link_for("ada@example.org")

    refused = follow(Client(), link, "12345678")

    assert refused.status_code == 200
    assert "new_password2" in refused.context["form"].errors
    assert follow(Client(), link).status_code == 302
    assert can_sign_in(user.username, NEW)


@pytest.mark.parametrize(
    "link", ["/password/new/MQ/set-password/", "/password/new/!/x/", "/password/new/MQ/x-y/"]
)
def test_a_made_up_link_says_that_it_does_not_work(client, link):
    make_user()
    page = client.get(link)

    assert page.status_code == 200
    assert b"This link does not work" in page.content


def test_an_account_is_not_flooded_with_messages_whatever_addresses_ask(settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"password-reset": "2/hour"}
    make_user(email="ada@example.org")
    asked = [ask("ada@example.org", address=f"10.0.0.{n}").status_code for n in range(2)]

    refused = ask("ADA@example.org", address="10.0.0.9")

    assert asked == [302, 302]
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 3500
    assert len(mail.outbox) == 2


def test_one_address_cannot_ask_for_many_accounts(settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"password-reset-address": "2/hour"}

    assert [ask(f"name-{n}@example.org").status_code for n in range(3)] == [302, 302, 429]


def test_where_no_mail_is_sent_the_page_says_so_and_a_file_for_the_operator_holds_the_link(
    settings, client, tmp_path
):
    settings.EMAIL_BACKEND = f"{PrivateFiles.__module__}.{PrivateFiles.__name__}"
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    make_user(email="ada@example.org")

    assert b"This installation sends no mail" in client.get(FORGOTTEN).content
    ask("ada@example.org")

    (message,) = (tmp_path / "mail").iterdir()
    assert "/password/new/" in message.read_text()
    assert stat.S_IMODE((tmp_path / "mail").stat().st_mode) == 0o700


def test_nothing_of_a_link_is_logged(caplog):
    make_user(email="ada@example.org")
    with caplog.at_level(logging.DEBUG):
        link = link_for("ada@example.org")
        follow(Client(), link)

    token = link.rstrip("/").rpartition("/")[2]
    assert token not in caplog.text
    assert NEW not in caplog.text


@pytest.fixture
def learner(client):
    user = make_user()
    client.force_login(user)
    return user


def change(client, old: str, new: str = NEW):
    given = {"old_password": old, "new_password1": new, "new_password2": new}
    return client.post("/account/password/", given)


def test_who_knows_the_old_password_changes_it_and_is_signed_out_everywhere_else(client, learner):
    elsewhere = Client()
    elsewhere.force_login(learner)

    assert change(client, PASSWORD).headers["Location"] == "/account/"

    assert b"Your password is changed" in client.get("/account/").content
    assert elsewhere.get("/account/").status_code == 302
    assert can_sign_in(learner.username, NEW)


def test_whoever_found_an_open_browser_cannot_guess_the_old_password(client, learner, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"sign-in": "2/minute"}

    assert [change(client, "guess").status_code for _ in range(2)] == [200, 200]
    assert change(client, PASSWORD).status_code == 429


def test_changing_a_password_needs_a_session(client):
    assert client.get("/account/password/").headers["Location"] == "/login/?next=/account/password/"
