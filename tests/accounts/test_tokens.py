"""Tokens of an OIDC issuer, through the API: a real issuer on this machine, whose keys are fetched over HTTP."""

import base64
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.test import Client

from accounts import credentials, tokens
from accounts.errors import CannotVerify
from accounts.models import Identity, User
from accounts.scopes import LEARNER
from execution.exchanges import Connections
from judgeplatform.configuration import Configuration
from judgeplatform.settings import SIGNATURES
from tests.dripping import Streaming
from tests.factories import make_user
from tests.issuer import Issuer, private_key

ADDRESS = "/api/v1/submissions/"


@pytest.fixture(scope="module")
def published():
    with Issuer() as issuer:
        yield issuer


@pytest.fixture
def issuer(published, settings):
    """The one that the platform trusts, as if it had just been named."""
    for name, value in published.settings().items():
        setattr(settings, name, value)
    published.kid, published.is_away, published.fetches, published.answer = "first", False, 0, None
    tokens._keys.cache_clear()
    return published


def ask(token: str):
    return Client().get(ADDRESS, headers={"Authorization": f"Bearer {token}"})


def verdict_on(token: str) -> tuple[int, str]:
    answer = ask(token)
    return answer.status_code, answer.json().get("code", "")


REFUSED = (401, "invalid_token")


def part(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@pytest.mark.django_db
def test_a_token_makes_its_user_once_who_has_no_password(issuer):
    """S4.2: a token signed by the issuer is accepted, and what it is called there is kept."""
    answers = [ask(issuer.token("alice")), ask(issuer.token("alice")), ask(issuer.token("bob"))]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    alice, bob = Identity.objects.select_related("user").order_by("subject")
    assert (alice.subject, bob.subject, alice.issuer) == ("alice", "bob", issuer.url)
    assert not alice.user.has_usable_password()
    assert "alice" not in alice.user.username
    assert issuer.fetches == 1


@pytest.mark.django_db
def test_the_user_of_a_token_may_do_what_a_learner_may(issuer):
    """S4.22 (in part)."""
    credential = credentials.of_token(issuer.token("alice"))

    assert (credential.scopes, credential.subject, credential.kind) == (LEARNER, "alice", "token")


def now() -> int:
    return int(time.time())


@pytest.mark.django_db
@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"exp": lambda: now() - 61},
        {"exp": None},
        {"exp": "soon"},
        {"iat": None},
        {"iat": lambda: now() + 120},
        {"nbf": lambda: now() + 120},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "nul\0"},
        {"sub": "\ud800"},
    ],
    ids=lambda claims: "-".join(
        f"{name}-{'later' if callable(value) else repr(value)[:24]}" for name, value in claims.items()
    ),
)
def test_a_token_with_wrong_claims_is_refused(issuer, claims):
    """S4.2, C4 (in part): expired, of another issuer, for another audience, of nobody …"""
    told = {name: value() if callable(value) else value for name, value in claims.items()}

    assert verdict_on(issuer.token(**told)) == REFUSED
    assert not Identity.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("claims", [{"exp": -50}, {"iat": 50}, {"nbf": 50}], ids=str)
def test_clocks_may_differ_by_the_leeway(issuer, claims):
    assert ask(issuer.token(**{name: now() + value for name, value in claims.items()})).status_code == 200


@pytest.mark.django_db
def test_one_of_several_audiences_will_do(issuer):
    assert ask(issuer.token(aud=["another", issuer.audience])).status_code == 200


def forged_without_signature(issuer: Issuer) -> str:
    return jwt.encode(jwt.decode(issuer.token(), options={"verify_signature": False}), "", algorithm="none")


def forged_with_the_public_key(issuer: Issuer) -> str:
    """Who takes the algorithm from the token would verify it with the published key as if it were a password."""
    public = private_key("first").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'first'})}.{part(claims)}"
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        signed.encode(), public
    )
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def signed_by_another(issuer: Issuer) -> str:
    return issuer.token(key=private_key("stranger"))


def with_another_algorithm(issuer: Issuer) -> str:
    return issuer.token(headers={"alg": "PS256"})


def with_other_claims(issuer: Issuer) -> str:
    header, _claims, signature = issuer.token("alice").split(".")
    return f"{header}.{issuer.token('bob').split('.')[1]}.{signature}"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "forge",
    [
        forged_without_signature,
        forged_with_the_public_key,
        signed_by_another,
        with_another_algorithm,
        with_other_claims,
    ],
)
def test_a_forged_token_is_refused(issuer, forge):
    """S4.2 (in part), C4 (in part)."""
    ask(issuer.token())  # the keys are known

    assert verdict_on(forge(issuer)) == REFUSED
    assert User.objects.filter(identities__isnull=False).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a.b.c",
        "...",
        "two words",
        f"{part('no json')}.{part({})}.eA",
        f"{part([])}.{part({})}.eA",
        f"{part({'alg': 'RS256'})}.{part({})}.eA",
        f"{part({'alg': ['RS256'], 'kid': 'first'})}.{part({})}.eA",
        f"{part({'alg': 'RS256', 'kid': 7})}.{part({})}.eA",
        f"{part('[' * 5000)}.{part({})}.eA",
        f"{part('9' * 5000)}.{part({})}.eA",
        "x" * 9000,
        "é.ü.ö",
    ],
    ids=lambda text: f"{len(text)}-{text[:12]}",
)
def test_garbage_is_refused_and_nobody_fetches_keys_for_it(issuer, text):
    assert verdict_on(text) == REFUSED
    assert issuer.fetches == 0


@pytest.mark.django_db
def test_what_is_refused_says_how_to_ask(issuer):
    assert ask("x")["WWW-Authenticate"] == "Api-Key, Bearer"


@pytest.mark.django_db
def test_keys_that_nobody_knows_are_not_fetched_again_and_again(issuer):
    """Else strangers could have us ask the issuer as often as they ask us."""
    ask(issuer.token())
    for n in range(5):
        assert verdict_on(issuer.token(headers={"kid": f"unknown-{n}"})) == REFUSED

    assert issuer.fetches == 1


@pytest.mark.django_db
def test_a_new_key_is_fetched_after_a_while(issuer):
    ask(issuer.token())
    issuer.rotate()
    assert verdict_on(issuer.token()) == REFUSED

    a_while_passes()

    assert ask(issuer.token()).status_code == 200
    assert issuer.fetches == 2


def a_while_passes(s: float = tokens.LEAST_PAUSE_S) -> None:
    """For the keys that are known: half a minute, in which no test should wait."""
    tokens._keys(settings.AUTH_JWT_JWKS_URL)._fetched_at -= s


@pytest.mark.django_db
def test_while_the_issuer_is_away_the_keys_it_gave_last_count(issuer):
    ask(issuer.token())
    issuer.is_away = True
    a_while_passes(600)

    assert ask(issuer.token()).status_code == 200
    assert issuer.fetches == 2
    assert verdict_on(issuer.token(headers={"kid": "unknown"})) == REFUSED
    assert issuer.fetches == 2


@pytest.mark.django_db
def test_without_any_keys_it_is_our_fault_and_the_issuer_is_left_in_peace(issuer):
    issuer.is_away = True

    answers = [ask(issuer.token()) for _ in range(3)]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(503, "unavailable")] * 3
    assert answers[0]["Retry-After"] == "5"
    assert issuer.fetches == 1


@pytest.mark.django_db
def test_an_issuer_that_does_not_answer_at_all_is_our_fault_too(issuer, settings):
    settings.AUTH_JWT_JWKS_URL = "http://127.0.0.1:9/jwks"

    assert verdict_on(issuer.token()) == (503, "unavailable")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff",
        b"[]",
        b"7",
        b"[" * 100_000,
        b'{"keys": []}',
        b'{"keys": 7}',
        b'{"keys": [7, null]}',
        b'{"keys": [{"kty": "RSA", "kid": "first", "n": 7}]}',
        b'{"keys": [{"kty": [], "kid": "first"}]}',
        b" " * 300_000,
    ],
    ids=lambda answer: answer[:40].decode(errors="replace"),
)
def test_whatever_else_the_issuer_says_is_our_fault_and_the_keys_it_gave_last_count(issuer, answer):
    issuer.answer = answer
    assert verdict_on(issuer.token()) == (503, "unavailable")

    issuer.answer = None
    tokens._keys.cache_clear()
    assert ask(issuer.token()).status_code == 200
    issuer.answer = answer
    a_while_passes(600)
    assert ask(issuer.token()).status_code == 200
    assert issuer.fetches == 3


@pytest.mark.django_db
def test_keys_that_are_not_for_signatures_replace_none_that_are(issuer):
    (key,) = issuer.jwks()["keys"]
    issuer.answer = json.dumps({"keys": [key | {"use": "enc"}]}).encode()
    assert verdict_on(issuer.token()) == (503, "unavailable")

    issuer.answer = None
    tokens._keys.cache_clear()
    ask(issuer.token())
    issuer.answer = json.dumps({"keys": [key | {"use": "enc"}]}).encode()
    a_while_passes(600)

    assert ask(issuer.token()).status_code == 200


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


@pytest.fixture
def in_a_hurry(monkeypatch):
    monkeypatch.setattr(tokens, "TIMEOUTS_S", (0.2, 0.3))
    monkeypatch.setattr(tokens, "PATIENCE_S", 0.1)


@pytest.mark.django_db
def test_an_issuer_that_drips_is_waited_for_no_longer_than_one_that_hangs(issuer, settings, in_a_hurry):
    with Streaming(HEAD, b" ", every_s=0.05) as dripping:
        settings.AUTH_JWT_JWKS_URL = f"{dripping.url}/jwks"
        started = time.monotonic()

        assert verdict_on(issuer.token()) == (503, "unavailable")

    assert time.monotonic() - started < 2


def test_while_one_fetches_tokens_with_known_keys_are_good_and_others_wait_shortly(
    issuer, settings, in_a_hurry
):
    known = issuer.token()
    tokens.verified_subject(known)
    keys = tokens._keys(settings.AUTH_JWT_JWKS_URL)
    a_while_passes(600)
    with Streaming(HEAD, b" ", every_s=0.05) as dripping, ThreadPoolExecutor(1) as thread:
        keys._connections = Connections(dripping.url, most=1)
        fetching = thread.submit(tokens.verified_subject, known)
        while not keys._one_at_a_time.locked():
            time.sleep(0.001)

        assert tokens.verified_subject(known) == "alice"
        with pytest.raises(CannotVerify):
            tokens.verified_subject(issuer.token(headers={"kid": "unknown"}))
        assert not fetching.done()
        assert fetching.result() == "alice"


@pytest.mark.django_db
def test_a_blocked_user_is_not_let_in_by_a_token(issuer):
    ask(issuer.token())
    User.objects.filter(identities__subject="alice").update(is_active=False)

    assert verdict_on(issuer.token()) == REFUSED


@pytest.mark.django_db
def test_where_no_issuer_is_configured_a_token_is_refused(issuer, settings):
    """S4.2 (in part)."""
    settings.AUTH_JWT_ISSUER = settings.AUTH_JWT_AUDIENCE = settings.AUTH_JWT_JWKS_URL = ""

    answer = ask(issuer.token())

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Api-Key")
    assert issuer.fetches == 0


@pytest.mark.django_db
def test_a_bad_token_is_refused_even_of_somebody_who_has_signed_in(issuer):
    """C4 (in part)."""
    client = Client()
    client.force_login(make_user())

    assert client.get(ADDRESS, headers={"Authorization": "Bearer x"}).status_code == 401
    assert client.get(ADDRESS, headers={"Authorization": "Basic eDp5"}).status_code == 200


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_many_first_requests_at_once_make_one_user(issuer):
    def first(_: int) -> int:
        try:
            return ask(token).status_code
        finally:
            connections.close_all()

    token = issuer.token("a crowd")
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(first, range(16)))

    assert answers == [200] * 16
    assert User.objects.filter(identities__subject="a crowd").count() == 1
    assert User.objects.filter(username__startswith="oidc-").count() == 1
    assert issuer.fetches == 1


# --- Settings ------------------------------------------------------------------------------------------------

SHOW = """
from judgeplatform import settings
print(settings.AUTH_JWT_ISSUER, settings.AUTH_JWT_AUDIENCE, settings.AUTH_JWT_JWKS_URL, settings.AUTH_JWT_ALGORITHMS)
"""


def test_a_firebase_project_says_it_all():
    """S4.2 (in part)."""
    environment = os.environ | {"AUTH_JWT_FIREBASE_PROJECT": "judge-4711"}

    shown = subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, stdout=subprocess.PIPE, text=True
    ).stdout

    assert shown.split(maxsplit=3) == [
        "https://securetoken.google.com/judge-4711",
        "judge-4711",
        "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
        "['RS256', 'ES256']\n",
    ]


@pytest.mark.parametrize("given", ["HS256", "none", "RS256,HS256", ","])
def test_signatures_that_a_public_key_could_make_stop_the_start(given):
    """S4.2 (in part)."""
    environment = Configuration({"AUTH_JWT_ALGORITHMS": given})

    with pytest.raises(ImproperlyConfigured, match="AUTH_JWT_ALGORITHMS must be some of ES256"):
        environment.words("AUTH_JWT_ALGORITHMS", ["RS256"], "signatures", known=SIGNATURES)


WHOLE = {
    "AUTH_JWT_ISSUER": "https://id.example.org",
    "AUTH_JWT_AUDIENCE": "judge",
    "AUTH_JWT_JWKS_URL": "https://id.example.org/jwks",
}


def problems() -> list[str]:
    return [str(found.id) for found in run_checks() if str(found.id).startswith("accounts.E00")]


@pytest.mark.parametrize("missing", WHOLE)
def test_half_an_issuer_stops_the_start(settings, missing):
    for name, value in WHOLE.items():
        setattr(settings, name, "" if name == missing else value)

    assert problems() == ["accounts.E002"]
    assert missing in str(run_checks())


def test_a_whole_issuer_is_no_problem(settings):
    for name, value in WHOLE.items():
        setattr(settings, name, value)

    assert problems() == []


@pytest.mark.parametrize(
    "url", ["http://id.example.org/jwks", "file:///etc/passwd", "id.example.org", "http://["]
)
def test_keys_from_an_address_that_anybody_could_answer_for_stop_the_start(settings, url):
    for name, value in (WHOLE | {"AUTH_JWT_JWKS_URL": url}).items():
        setattr(settings, name, value)

    assert problems() == ["accounts.E003"]
