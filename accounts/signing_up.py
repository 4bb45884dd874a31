"""How people get accounts by themselves, where SIGNUP lets them."""

import secrets

from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.models import Invitation, User


class NotInvited(Exception):
    """The code is unknown, used up or expired."""


class NameTaken(Exception):
    """Somebody else was faster with this name."""


def new_code() -> str:
    """For an invitation; nobody guesses it."""
    return secrets.token_urlsafe(24)


def sign_up(user: User, *, code: str | None) -> None:
    """Store the new user and use up one use of the invitation; with `code` None, none is needed.

    Raises NotInvited or NameTaken; then nobody is stored and nothing is used up.
    """
    try:
        with transaction.atomic():
            if code is not None:
                _use_up(code)
            user.save(force_insert=True)
    except IntegrityError as error:
        raise NameTaken from error


def _use_up(code: str) -> None:
    invitations = Invitation.objects.usable().filter(code=code)
    if not invitations.update(uses_left=F("uses_left") - 1):
        raise NotInvited
