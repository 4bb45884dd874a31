"""The secret with which webhooks to a user are signed: derived, so that nothing secret is stored.

It changes with SECRET_KEY, and when the user asks for another.
"""

import base64

from django.db.models import F
from django.utils.crypto import salted_hmac

from accounts.models import User


def secret_of(user: User) -> str:
    """Base64 of 32 bytes."""
    derived = salted_hmac("webhooks", f"{user.pk}:{user.webhook_generation}", algorithm="sha256")
    return base64.b64encode(derived.digest()).decode()


def renew(user: User) -> None:
    """Give the user another secret; what is signed from now on is signed with that one."""
    User.objects.filter(pk=user.pk).update(webhook_generation=F("webhook_generation") + 1)
    user.refresh_from_db(fields=["webhook_generation"])
