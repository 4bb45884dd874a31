"""Bearer tokens (JWT) of one OIDC issuer, verified with the keys that it publishes (JWKS).

    text ──verified_subject──▶ subject ──user_of──▶ User

The keys are fetched when the first token comes, again every five minutes, and for a token with a key that is not
known yet; then not again for half a minute. While the issuer is away, the keys it gave last count.
"""

import logging
import math
import secrets
import threading
import time
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import jwt
from django.conf import settings
from django.db import IntegrityError, transaction
from urllib3.exceptions import HTTPError

from accounts.errors import CannotVerify, InvalidCredential
from accounts.models import Identity, User
from execution.exchanges import Answer, Connections, Request, TooLarge

logger = logging.getLogger(__name__)

TIMEOUTS_S = (2.0, 2.0)  # to connect, and until an answer begins; for all of it twice as long
PATIENCE_S = 3.0  # with another thread that fetches: connections have few threads
MOST_BYTES = 256 * 1024
HEADERS = {"Accept": "application/json", "Connection": "close"}
KEPT_S = 300.0
LEAST_PAUSE_S = 30.0  # between two fetches for keys that are not known
AWAY_PAUSE_S = 5.0  # after a fetch that failed, for all that need one
REQUIRED = ["exp", "iat", "iss", "aud", "sub"]
LONGEST = 8192
LONGEST_SUBJECT = 255


def is_configured() -> bool:
    return bool(settings.AUTH_JWT_ISSUER)


def verified_subject(text: str) -> str:
    """Whom the token is about. Raises InvalidCredential; CannotVerify where the issuer's keys cannot be had."""
    if not is_configured():
        raise InvalidCredential("invalid_token", "No tokens are accepted here.")
    try:
        subject = _claims(text)["sub"]
    except jwt.ExpiredSignatureError as error:
        raise InvalidCredential("invalid_token", "This token has expired.") from error
    except jwt.PyJWTError as error:
        raise InvalidCredential("invalid_token", "This token is not valid.") from error
    # What is not printable could not even be stored.
    if not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise InvalidCredential("invalid_token", "The subject of this token cannot be used.")
    return str(subject)


def user_of(subject: str) -> User:
    """The user of that subject, made when it is first seen. Raises InvalidCredential where it is blocked."""
    user = _known(subject) or _welcome(subject)
    if not user.is_active:
        raise InvalidCredential("invalid_token", "The user of this token is blocked.")
    return user


def _claims(text: str) -> dict[str, Any]:
    if len(text) > LONGEST:
        raise jwt.DecodeError("too long")
    header = jwt.get_unverified_header(text)
    # Looked at here too, so that nonsense makes nobody fetch keys.
    if header.get("alg") not in settings.AUTH_JWT_ALGORITHMS or not isinstance(header.get("kid"), str):
        raise jwt.InvalidAlgorithmError("alg or kid")
    return jwt.decode(
        text,
        _keys(settings.AUTH_JWT_JWKS_URL).find(header["kid"]),
        algorithms=settings.AUTH_JWT_ALGORITHMS,
        issuer=settings.AUTH_JWT_ISSUER,
        audience=settings.AUTH_JWT_AUDIENCE,
        leeway=settings.AUTH_JWT_LEEWAY_S,
        options={"require": REQUIRED},
    )


class IssuerKeys:
    """What the issuer publishes at `url`. One thread fetches it; meanwhile the others go on with what is known."""

    def __init__(self, url: str) -> None:
        issuer = urlsplit(url)
        self._connections = Connections(f"{issuer.scheme}://{issuer.netloc}", most=1)
        self._request = Request("GET", urlunsplit(("", "", issuer.path or "/", issuer.query, "")), HEADERS)
        self._one_at_a_time = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = -math.inf
        self._quiet_until = -math.inf

    def find(self, kid: str) -> jwt.PyJWK:
        """Raises CannotVerify where no keys could be had yet, or are being fetched; jwt.InvalidKeyError for no key."""
        if self._is_due(kid):
            self._refresh(kid)
        if not self._keys:
            raise _cannot_verify()
        if kid not in self._keys:
            raise jwt.InvalidKeyError("the issuer has no such key")
        return self._keys[kid]

    def _is_due(self, kid: str) -> bool:
        age_s = time.monotonic() - self._fetched_at
        is_old = age_s >= KEPT_S or (kid not in self._keys and age_s >= LEAST_PAUSE_S)
        return is_old and time.monotonic() >= self._quiet_until

    def _refresh(self, kid: str) -> None:
        is_known = kid in self._keys
        if not self._one_at_a_time.acquire(timeout=0 if is_known else PATIENCE_S):
            if is_known:
                return
            raise _cannot_verify()
        try:
            if self._is_due(kid):  # else whoever was waited for has fetched them
                self._fetch()
        finally:
            self._one_at_a_time.release()

    def _fetch(self) -> None:
        try:
            with self._connections.one(TIMEOUTS_S) as exchange:
                self._keys = _signing_keys(exchange(self._request, MOST_BYTES))
            self._fetched_at = time.monotonic()
        except (HTTPError, TooLarge, jwt.PyJWTError, ValueError, OSError) as error:
            self._quiet_until = time.monotonic() + AWAY_PAUSE_S
            logger.warning("the issuer's keys cannot be fetched: %s: %s", type(error).__name__, error)


def _signing_keys(answer: Answer) -> dict[str, jwt.PyJWK]:
    """By their names. Raises ValueError or jwt.PyJWTError for what has none."""
    if answer.status != HTTPStatus.OK:
        raise ValueError(f"it answered with {answer.status}")
    try:
        found = jwt.PyJWKSet.from_json(answer.body.decode()).keys
    except (TypeError, AttributeError, RecursionError) as error:  # JSON, but no set of keys
        raise ValueError("it published no keys") from error
    keys = {key.key_id: key for key in found if key.key_id and key.public_key_use in ("sig", None)}
    if not keys:
        raise ValueError("none of its keys is for signatures")
    return keys


def _cannot_verify() -> CannotVerify:
    return CannotVerify("Tokens cannot be verified just now; please try again soon.")


@cache
def _keys(url: str) -> IssuerKeys:
    return IssuerKeys(url)


def _known(subject: str) -> User | None:
    identity = (
        Identity.objects.select_related("user")
        .filter(issuer=settings.AUTH_JWT_ISSUER, subject=subject)
        .first()
    )
    return None if identity is None else identity.user


def _welcome(subject: str) -> User:
    """A new user, who can sign in by token only. The name is drawn, so that nobody can have taken it before."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(f"oidc-{secrets.token_hex(12)}")
            Identity.objects.create(user=user, issuer=settings.AUTH_JWT_ISSUER, subject=subject)
            return user
    except IntegrityError:
        known = _known(subject)  # another request of the same user was faster
        if known is None:
            raise
        return known
