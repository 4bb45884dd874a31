"""Tickets: asked for through the API, good once for a minute. What they open is in test_credentials.py."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import Client

from accounts import credentials, keys, tickets
from accounts.credentials import CannotVerify, InvalidCredential
from accounts.scopes import LEARNER, Scope
from submissions.connections import redis_client
from tests.factories import make_user

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/tickets/"


def ask(**headers: str):
    return Client().post(ADDRESS, headers=headers)


def key_with(*scopes: str, user=None) -> str:
    return keys.make(user=user or make_user(), name="page", scopes=scopes)[1]


def test_a_ticket_carries_what_the_credential_that_asked_may_do_and_is_not_cached():
    """C5 (in part)."""
    learner = make_user()
    answer = ask(**{"X-Code-Exec-Key": key_with("read", user=learner)})

    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert answer.json()["expires_in"] == 60
    credential = credentials.of_ticket(answer.json()["ticket"])
    assert (credential.user, credential.scopes, credential.kind) == (learner, {Scope.READ}, "ticket")


def test_who_has_signed_in_asks_with_a_csrf_token_only():
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user())

    assert client.post(ADDRESS).status_code == 403


@pytest.mark.parametrize(("scopes", "status"), [(("read",), 201), (("submit",), 403)])
def test_asking_for_one_needs_the_scope_read(scopes, status):
    assert ask(**{"X-Code-Exec-Key": key_with(*scopes)}).status_code == status
    assert ask().status_code == 401


def test_nobody_gets_tickets_without_end(settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"ticket": "2/minute"}
    key = key_with("read")

    answers = [ask(**{"X-Code-Exec-Key": key}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[0]["RateLimit-Remaining"] == "1"
    assert ask(**{"X-Code-Exec-Key": key_with("read")}).status_code == 201


def issue(user=None) -> str:
    return tickets.issue(user_id=(user or make_user()).pk, scopes=LEARNER, subject="alice")


def test_a_ticket_is_good_once():
    """C5 (in part)."""
    text = issue()
    assert credentials.of_ticket(text).subject == "alice"

    with pytest.raises(InvalidCredential):
        credentials.of_ticket(text)


def test_of_many_who_come_with_the_same_ticket_at_once_one_is_let_in():
    """C5 (in part)."""

    def use(text: str) -> bool:
        try:
            return bool(tickets.redeem(text))
        except InvalidCredential:
            return False

    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(use, [issue()] * 16)) == 1


def test_a_ticket_lasts_for_a_minute_and_lies_in_redis_under_its_digest():
    """C5 (in part)."""
    text = issue()

    (name,) = redis_client().keys("ticket:*")

    assert 55 < redis_client().ttl(name) <= 60
    assert text not in name.decode()
    redis_client().expire(name, 0)
    with pytest.raises(InvalidCredential):
        credentials.of_ticket(text)


def test_a_ticket_of_a_user_who_was_blocked_meanwhile_is_not_good():
    user = make_user()
    text = issue(user)
    user.is_active = False
    user.save(update_fields=["is_active"])

    with pytest.raises(InvalidCredential):
        credentials.of_ticket(text)


@pytest.mark.parametrize("text", ["", "jt_", "jt_x", "ü"])
def test_what_is_no_ticket_is_not_good(text):
    with pytest.raises(InvalidCredential):
        credentials.of_ticket(text)


def test_a_ticket_opens_no_ordinary_request():
    text = issue()

    assert Client().get(f"/api/v1/submissions/?token={text}").status_code == 401
    assert (
        Client().get("/api/v1/submissions/", headers={"Authorization": f"Bearer {text}"}).status_code == 401
    )
    assert tickets.redeem(text)


def test_without_redis_there_are_none_and_that_is_our_fault(settings):
    text, key = issue(), key_with("read")
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    tickets._redis.cache_clear()
    try:
        answer = ask(**{"X-Code-Exec-Key": key})
        with pytest.raises(CannotVerify):
            credentials.of_ticket(text)
    finally:
        tickets._redis.cache_clear()

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer["Retry-After"] == "5"
