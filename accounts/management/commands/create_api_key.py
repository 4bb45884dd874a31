"""`manage.py create_api_key USER --scope …`: a key for machines, shown once."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import keys
from accounts.models import User
from accounts.scopes import Scope


class Command(BaseCommand):
    help = "Make an API key and print it: once, for only its digest is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "user", help="the name of the user that the key acts as; `code-exec` for a machine's own"
        )
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            choices=[scope.value for scope in Scope],
            help="what it allows; may be given several times",
        )
        parser.add_argument("--name", default="made by create_api_key", help="what it is for")
        parser.add_argument("--days", type=int, help="after so many days it expires; left out: never")

    def handle(self, *args: Any, user: str, scope: list[str], name: str, days: int | None, **_: Any) -> None:
        if days is not None and not 1 <= days <= 36500:
            raise CommandError("--days must be 1 to 36500.")
        if not 1 <= len(name) <= 80:
            raise CommandError("--name must have 1 to 80 characters.")
        try:
            key, text = keys.make(
                user=_active(user), name=name, scopes=set(scope), lasts=timedelta(days=days) if days else None
            )
        except keys.NotGrantable as error:
            raise CommandError(str(error)) from error
        until = f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "until it is revoked"
        self.stderr.write(f"A key of {user} ({', '.join(key.scopes)}), {until}. It is shown this once:")
        self.stdout.write(text)


def _active(username: str) -> User:
    try:
        user = User.objects.get(username=username)
    except User.DoesNotExist:
        raise CommandError(f"There is no user {username}.") from None
    if not user.is_active:
        raise CommandError(f"{username} is blocked.")
    return user
