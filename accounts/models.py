"""Users and what they show to be let in. Authors are staff in the group `Authors`; everybody else is a learner."""

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.names import FoldedName
from accounts.scopes import Scope

CODE_EXEC = "code-exec"
SYSTEM = "system"
OWN_USERS = (CODE_EXEC, SYSTEM)
AUTHORS = "Authors"


class User(AbstractUser):
    """Our own from the first migration, since a user model cannot be exchanged later.

    Two users are made by a migration and cannot sign in: `code-exec` is whom the service key acts as, `system` is
    who starts what nobody started.
    """

    folded_name = FoldedName(help_text="The name in the spelling that nobody else may have.")
    webhook_generation = models.PositiveIntegerField(
        default=0, editable=False, help_text="Rises when the user asks for a new webhook secret."
    )
    erasure_asked_at = models.DateTimeField(
        null=True, editable=False, help_text="Since when workers are to erase all of this user."
    )

    class Meta(AbstractUser.Meta):
        indexes = [
            # erasure: workers look for them again and again
            models.Index(
                fields=["erasure_asked_at"], condition=Q(erasure_asked_at__isnull=False), name="user_to_erase"
            )
        ]

    @property
    def acts_as_staff(self) -> bool:
        """Superusers do, whether or not they are marked as staff."""
        return self.is_staff or self.is_superuser


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self) -> Self:
        """Neither revoked nor expired, of users who are not blocked."""
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=Now()),
            revoked_at__isnull=True,
            user__is_active=True,
        )


class ApiKey(models.Model):
    """A key for machines. Only its digest is kept; the key itself is shown once, when it is made."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80, help_text="What it is for.")
    prefix = models.CharField(max_length=12, editable=False, help_text="How it begins, to recognise it.")
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="sha256 of the key.")
    scopes = models.JSONField(default=list, help_text=f"Some of {', '.join(Scope)}.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"


class Identity(models.Model):
    """Who a token's subject is here."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "identities"
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="one_user_an_identity")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def usable(self) -> Self:
        """Neither used up nor expired."""
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=Now()), uses_left__gt=0)


class Invitation(models.Model):
    """Lets people sign up where SIGNUP is `invite`."""

    code = models.CharField(max_length=40, unique=True, editable=False)
    note = models.CharField(max_length=120, blank=True, help_text="Whom it is for.")
    uses_left = models.PositiveIntegerField(default=1, help_text="How many may still sign up with it.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.note or f"invitation {self.pk}"
