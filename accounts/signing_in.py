"""Signing in with a password, on the site and in the admin: the name counts in whatever spelling."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Q
from django.http import HttpRequest

from accounts import names
from accounts.models import User


class AnySpelling(ModelBackend):
    """Django's, which takes as long for a name that nobody has; so does this."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **more: Any,
    ) -> Any:
        stored = None if username is None else _as_stored(username)
        return super().authenticate(request, stored, password, **more)


def _as_stored(typed: str) -> str:
    """As the account has it; itself where there is none. Of two old names that clash each is reached as it is."""
    spelt_so = Q(username=typed) | Q(folded_name=names.folded(typed))
    found = list(User.objects.filter(spelt_so).values_list("username", flat=True))
    return typed if typed in found or not found else found[0]
