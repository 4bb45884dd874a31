"""Keys for machines: `jk_<prefix>_<secret>`, of which only a digest is kept.

What a key allows is what it was given, as far as its user may still give it: who is an author no more has no key of
one either.
"""

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.db.models import Q, TextField
from django.db.models.functions import Cast, Now
from django.utils import timezone

from accounts.errors import InvalidCredential
from accounts.models import CODE_EXEC, ApiKey, User
from accounts.scopes import LEARNER, SERVICE, Scope

BEGINNING = "jk_"
NOTED_EVERY = timedelta(minutes=1)


class NotGrantable(ValueError):
    """`scopes` are none, or some that the user may not give to a key."""

    def __init__(self, user: User, scopes: Collection[str]) -> None:
        allowed = ", ".join(sorted(grantable(user)))
        what = f"not {', '.join(sorted(scopes))}" if scopes else "at least one is needed"
        super().__init__(f"Keys of {user.get_username()} may have the scopes {allowed}; {what}.")


def grantable(user: User) -> frozenset[Scope]:
    """Which scopes the user may give to a key."""
    if user.username == CODE_EXEC:
        return SERVICE
    found = set(LEARNER)
    if user.acts_as_staff and user.has_perm("questions.change_question"):
        found.add(Scope.TESTS_READ)
    if user.acts_as_staff and user.has_perm("submissions.view_submission"):
        found |= {Scope.JUDGE, Scope.ADMIN}
    return frozenset(found)


def make(
    *, user: User, name: str, scopes: Collection[str], lasts: timedelta | None = None
) -> tuple[ApiKey, str]:
    """A new key and its text, which nobody can find out later. Raises NotGrantable."""
    refused = set(scopes) - grantable(user)
    if refused or not scopes:
        raise NotGrantable(user, refused)
    prefix = f"{BEGINNING}{secrets.token_hex(4)}"
    text = f"{prefix}_{secrets.token_hex(24)}"
    key = ApiKey.objects.create(
        user=user,
        name=name,
        prefix=prefix,
        digest=_digest(text),
        scopes=sorted(scopes),
        expires_at=timezone.now() + lasts if lasts else None,
    )
    return key, text


def revoke(key: ApiKey) -> None:
    """From now on it opens nothing; a second time changes nothing."""
    ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=Now())


def find(text: str) -> ApiKey:
    """The usable key of that text, with its user; its use is noted, to the minute. Raises InvalidCredential."""
    # It is looked up by its digest: how long that takes says nothing about the key.
    key = ApiKey.objects.usable().select_related("user").filter(digest=_digest(text)).first()
    if key is None:
        raise invalid()
    _note_use(key)
    return key


def looks_like_one(text: str) -> bool:
    return text.startswith(BEGINNING)


def invalid() -> InvalidCredential:
    return InvalidCredential("invalid_key", "This key is not valid, or not any more.")


def effective_scopes(key: ApiKey) -> frozenset[Scope]:
    return grantable(key.user).intersection(key.scopes)


def is_any_for_machines() -> bool:
    """Whether any key, in CODE_EXEC_KEY or in the database, has the scope `judge`."""
    if settings.CODE_EXEC_KEYS:
        return True
    # The database's way of writing JSON: good for finding candidates everywhere.
    named = ApiKey.objects.usable().annotate(text=Cast("scopes", TextField()))
    candidates = named.filter(text__contains=f'"{Scope.JUDGE}"').select_related("user")
    return any(Scope.JUDGE in effective_scopes(key) for key in candidates)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _note_use(key: ApiKey) -> None:
    if key.last_used_at is not None and timezone.now() - key.last_used_at < NOTED_EVERY:
        return  # seen without an update, for which SQLite's writers would wait in line
    long_ago = Q(last_used_at__isnull=True) | Q(last_used_at__lte=Now() - NOTED_EVERY)
    ApiKey.objects.filter(long_ago, pk=key.pk).update(last_used_at=Now())
