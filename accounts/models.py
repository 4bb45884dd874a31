"""The user. Learners and authors are users; authors are staff in the group `Authors`."""

from django.contrib.auth.models import AbstractUser

CODE_EXEC = "code-exec"
SYSTEM = "system"
AUTHORS = "Authors"


class User(AbstractUser):
    """Our own from the first migration, since a user model cannot be exchanged later.

    Two users are made by a migration and cannot sign in: `code-exec` is whom the service key acts as, `system` is
    who starts what nobody started.
    """
