"""Who opens a websocket or a stream, and that no credential ever reaches a log."""

import contextlib
import logging
from importlib import import_module

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts import credentials, keys, tickets, tokens
from accounts.credentials import ForeignOrigin, InvalidCredential, Kind
from accounts.models import CODE_EXEC
from accounts.scopes import EVERYTHING, LEARNER, SERVICE
from tests.factories import make_author, make_user, service_user
from tests.issuer import Issuer

pytestmark = pytest.mark.django_db

OURS = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def published():
    with Issuer() as issuer:
        yield issuer


@pytest.fixture
def issuer(published, settings):
    for name, value in published.settings().items():
        setattr(settings, name, value)
    tokens._keys.cache_clear()
    return published


def connection(
    kind: str = "websocket", query: str = "", protocols: tuple[str, ...] = (), **headers: str
) -> dict:
    """As an ASGI server describes it."""
    sent = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": kind, "path": "/", "query_string": query.encode(), "headers": sent}
    return scope | ({"subprotocols": list(protocols)} if kind == "websocket" else {})


def of(*args, **kwargs):
    return credentials.of_connection(connection(*args, **kwargs))


def cookie_of(user) -> str:
    client = Client()
    client.force_login(user)
    return f"other=1; {django_settings.SESSION_COOKIE_NAME}={client.session.session_key}"


def ticket_of(user) -> str:
    return tickets.issue(user_id=user.pk, scopes=LEARNER)


def key_of(user) -> str:
    return keys.make(user=user, name="page", scopes=["read"])[1]


KINDS = ["websocket", "http"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_shows_nothing_is_nobodys(kind):
    """S4.22 (in part)."""
    assert of(kind) is None
    assert of(kind, query="after=3", origin=OURS, cookie="theme=dark") is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_in_a_header_opens_a_connection(kind):
    service_user(CODE_EXEC)
    learner = make_user()

    assert of(kind, x_code_exec_key="key-one").scopes == SERVICE
    assert of(kind, authorization=f"Api-Key {key_of(learner)}").user == learner


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_opens_a_connection_from_header_or_address_whatever_page_it_is(kind, issuer):
    """S4.10 (in part), C5 (in part): Origin is looked at only where a cookie lets in."""
    foreign = "https://elsewhere.example"

    found = [
        of(kind, query=f"after=3&token={issuer.token('alice')}", origin=foreign),
        of(kind, authorization=f"Bearer {issuer.token('alice')}", origin=foreign),
    ]

    assert [(one.subject, one.kind, one.scopes) for one in found] == [("alice", Kind.TOKEN, LEARNER)] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_ticket_opens_a_connection_once_from_the_address(kind):
    """C5 (in part), S4.22 (in part)."""
    learner = make_user()
    query = f"token={ticket_of(learner)}"

    assert of(kind, query=query, origin="https://elsewhere.example").user == learner
    with pytest.raises(InvalidCredential):
        of(kind, query=query)


def test_a_ticket_opens_a_websocket_as_its_subprotocol():
    """C5 (in part)."""
    learner = make_user()

    assert of(protocols=("chat", f"ticket.{ticket_of(learner)}")).user == learner
    with pytest.raises(InvalidCredential):
        of(protocols=("ticket.jt_x",))
    assert of(protocols=("chat",)) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "shown",
    [
        {"query": "token="},
        {"query": "token=jt_x"},
        {"query": "token=a.b.c"},
        {"query": "token=%00%ff"},
        {"authorization": "Bearer x"},
        {"authorization": "Api-Key x"},
        {"authorization": "Bearer"},
        {"x_code_exec_key": ""},
    ],
    ids=str,
)
def test_a_bad_credential_is_refused_even_if_a_good_one_is_beside_it(kind, shown, issuer):
    """C4 (in part), S4.10 (in part)."""
    learner = make_user()
    good = {"cookie": cookie_of(learner), "origin": OURS}
    if "x_code_exec_key" not in shown:
        good["x_code_exec_key"] = key_of(learner)

    with pytest.raises(InvalidCredential):
        of(kind, **good, **shown)


def test_a_key_counts_before_a_token_and_both_before_a_session(issuer):
    """C4: key, token, session, in this order; each of them good."""
    signed_in, holder = make_user(), make_user()
    client = Client()
    client.force_login(signed_in)
    key, token = {"X-Code-Exec-Key": key_of(holder)}, {"Authorization": f"Bearer {issuer.token('alice')}"}

    def asked_by(**headers: str):
        return credentials.of_ticket(client.post("/api/v1/tickets/", headers=headers).json()["ticket"])

    assert asked_by().user == signed_in
    assert asked_by(**token).subject == "alice"
    assert asked_by(**key, **token).user == holder


def test_an_expired_token_is_refused(issuer):
    """S4.10 (in part)."""
    with pytest.raises(InvalidCredential, match="expired"):
        of(query=f"token={issuer.token(exp=1)}")


def test_a_header_that_is_there_twice_fits_nothing():
    scope = connection()
    scope["headers"] = [(b"x-code-exec-key", b"key-one"), (b"X-Code-Exec-Key", b"key-one")]

    with pytest.raises(InvalidCredential):
        credentials.of_connection(scope)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "origin", [OURS, "http://localhost:3000", "https://judge.example.org", "https://a.b.example.org"]
)
def test_a_cookie_lets_pages_of_ours_in(kind, origin, settings):
    """S4.22 (in part)."""
    settings.CSRF_TRUSTED_ORIGINS = ["https://judge.example.org", "https://*.b.example.org"]
    learner, author = make_user(), make_author()

    assert of(kind, cookie=cookie_of(learner), origin=origin).scopes == LEARNER
    found = of(kind, cookie=cookie_of(author), origin=origin)
    assert (found.user, found.scopes, found.kind) == (author, EVERYTHING, Kind.SESSION)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "origin",
    [
        "https://elsewhere.example",
        "http://127.0.0.1.elsewhere.example",
        "http://judge.example.org",
        "https://judge.example.org:444",
        "https://evil-judge.example.org",
        "null",
        "",
        "http://[",
        "javascript://127.0.0.1@x",
    ],
)
def test_a_cookie_does_not_let_pages_of_others_in(kind, origin, settings):
    """S4.10 (in part), S4.22 (in part), C5 (in part)."""
    settings.CSRF_TRUSTED_ORIGINS = ["https://judge.example.org"]

    with pytest.raises(ForeignOrigin):
        of(kind, cookie=cookie_of(make_user()), origin=origin)


def test_browsers_name_the_page_of_every_websocket_but_not_of_every_stream():
    learner = make_user()

    assert of("http", cookie=cookie_of(learner)).user == learner
    with pytest.raises(ForeignOrigin):
        of("websocket", cookie=cookie_of(learner))


def blocked() -> str:
    user = make_user()
    cookie = cookie_of(user)
    user.is_active = False
    user.save(update_fields=["is_active"])
    return cookie


def with_another_password() -> str:
    user = make_user()
    cookie = cookie_of(user)
    user.set_password("quite another password")
    user.save(update_fields=["password"])
    return cookie


def signed_out() -> str:
    cookie = cookie_of(make_user())
    store = import_module(django_settings.SESSION_ENGINE).SessionStore
    store(cookie.rpartition("=")[2]).delete()
    return cookie


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "cookie",
    [
        blocked,
        with_another_password,
        signed_out,
        lambda: "sessionid=",
        lambda: "sessionid=unknown-but-long",
        lambda: 'sessionid="a\\000b\\000cdefghi"',
        lambda: ";;=;\xff=\xff",
    ],
)
def test_a_cookie_that_stands_for_nobody_is_no_credential(cookie):
    assert of(cookie=cookie(), origin=OURS) is None


def test_no_credential_reaches_a_log(issuer, caplog):
    """C5 (in part): good or bad, on requests and connections, at the level DEBUG."""
    caplog.set_level(logging.DEBUG)
    learner = make_user()
    shown = {
        "key": key_of(learner),
        "bad key": f"jk_{'0' * 8}_{'5ec4e7' * 8}",
        "token": issuer.token("the-subject"),
        "bad token": issuer.token("the-subject", aud="another"),
        "unknown kid": issuer.token("the-subject", headers={"kid": "the-kid"}),
        "ticket": ticket_of(learner),
        "cookie": cookie_of(learner).rpartition("=")[2],
    }
    for scheme in ("Api-Key", "Bearer"):
        for text in shown.values():
            Client().get("/api/v1/submissions/", headers={"Authorization": f"{scheme} {text}"})
            Client().post(f"/api/v1/tickets/?token={text}", headers={"X-Code-Exec-Key": text})
    for text in shown.values():
        with contextlib.suppress(InvalidCredential):
            of(query=f"token={text}", cookie=f"sessionid={text}", origin=OURS)
        of(cookie=f"sessionid={text}", origin=OURS)

    assert caplog.text  # refusals are told
    for what, text in shown.items():
        assert text not in caplog.text, what
        assert text[-12:] not in caplog.text, what
    assert "the-subject" not in caplog.text
