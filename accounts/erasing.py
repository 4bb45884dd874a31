"""Erasing a user, as far as the account goes: asking for it, and the end of it.

    ask      at once: nobody is let in as that user any more, so that nothing new of theirs can come
    (…)      workers erase what they have submitted, see `submissions.erasure`
    forget   the account itself, and what names it elsewhere

Only ids are logged.
"""

import email
import logging
from email.utils import getaddresses
from pathlib import Path

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.functions import Coalesce, Now

from accounts import limits, mail, names
from accounts.models import OWN_USERS, SYSTEM, User

logger = logging.getLogger(__name__)


class CannotErase(ValueError):
    """This user is not to be erased; the message says why. Nothing was changed."""


def ask(user: User) -> None:
    """From now on the user's passwords, keys, tokens and sessions open nothing; workers do the rest.

    A second time changes nothing. Raises CannotErase.
    """
    refuse(user)
    with transaction.atomic():
        asked = Coalesce("erasure_asked_at", Now())
        User.objects.filter(pk=user.pk).update(is_active=False, erasure_asked_at=asked)
        _forget_in_the_log(user.api_keys.all())
        user.api_keys.all().delete()
    logger.info("user %s is to be erased", user.pk)


def refuse(user: User) -> None:
    """Raise CannotErase for who has more than a learner has, and for the platform's own users."""
    if user.username in OWN_USERS:
        raise CannotErase(f"“{user.username}” belongs to the platform.")
    if user.acts_as_staff:
        raise CannotErase(f"“{user.username}” is staff: take that away first, then erase a learner.")


def forget(user: User) -> bool:
    """The account and all that hangs on it; False where somebody else was faster.

    Nothing that the user has submitted may be left, or it raises ProtectedError.
    """
    pk = user.pk  # it has none once it is deleted
    _forget_limits(user)
    _forget_messages(user)
    _end_sessions(user)
    with transaction.atomic():
        _forget_in_the_log(user.api_keys.all())
        _forget_in_the_log(user.identities.all())
        _forget_in_the_log(User.objects.filter(pk=user.pk))
        _hand_over_the_log(user)
        _, deleted = user.delete()
    if User._meta.label not in deleted:
        return False
    logger.info("user %s was erased", pk)
    return True


def _end_sessions(user: User) -> None:
    """Sessions say whose they are in their data only."""
    mine = [
        one.pk for one in Session.objects.iterator() if one.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    Session.objects.filter(pk__in=mine).delete()


def _forget_in_the_log(rows: "QuerySet[Model]") -> None:
    """The admin's log keeps what was done to a row, and how the row was called then."""
    kind = ContentType.objects.get_for_model(rows.model)
    of_them = LogEntry.objects.filter(content_type=kind, object_id__in=[str(row.pk) for row in rows])
    of_them.update(object_repr="(erased)", change_message="")


def _hand_over_the_log(user: User) -> None:
    """What one who was staff has done to others stays known; who it was does not."""
    LogEntry.objects.filter(user=user).update(user=User.objects.get(username=SYSTEM))


def _forget_limits(user: User) -> None:
    for key in {str(user.pk), names.folded(user.username), names.folded(user.email)}:
        for scope in settings.RATE_LIMITS:
            limits.forget(scope, key)


def _forget_messages(user: User) -> None:
    """Where no mail is sent, messages are in files, several in one if they came at once."""
    folder = Path(getattr(settings, "EMAIL_FILE_PATH", None) or "/nonexistent")
    for path in folder.glob("*.log") if user.email else ():
        *messages, rest = path.read_bytes().split(mail.END_OF_MESSAGE)
        others = [message for message in messages if not _is_to(user.email, message)]
        if len(others) == len(messages):
            continue
        if others:
            path.write_bytes(mail.END_OF_MESSAGE.join([*others, rest]))
        else:
            path.unlink(missing_ok=True)


def _is_to(address: str, message: bytes) -> bool:
    recipients = email.message_from_bytes(message).get_all("To", [])
    return address in (one for _, one in getaddresses(recipients))
