"""`manage.py webhook_secret USER [--renew]`: for those who have no account page, such as `code-exec`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import webhook_secrets
from accounts.models import User


class Command(BaseCommand):
    help = "Print the secret that webhooks to a user are signed with."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "user", help="the user's name; `code-exec` for what is sent with keys of CODE_EXEC_KEY"
        )
        parser.add_argument(
            "--renew", action="store_true", help="make another one first: the old one is void"
        )

    def handle(self, *args: Any, user: str, renew: bool, **_: Any) -> None:
        try:
            found = User.objects.get(username=user)
        except User.DoesNotExist:
            raise CommandError(f"There is no user {user}.") from None
        if renew:
            webhook_secrets.renew(found)
        self.stdout.write(webhook_secrets.secret_of(found))
