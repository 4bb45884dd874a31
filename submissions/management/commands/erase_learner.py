"""`manage.py erase_learner USER [--yes]`: everything of a learner goes, here and at the backends.

USER is a name, or a number as logs have it: they never have names.
"""

import time
from typing import Any

import redis
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import erasing
from accounts.models import User
from submissions import erasure, leftovers

LOOK_S = 0.5


class Command(BaseCommand):
    help = (
        "Erase a learner: account, submissions, runs, keys, sessions, and what backends keep. What is being judged "
        "is waited for; should this end before, the workers go on. There is no way back but a backup."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="the name of the user, or “#17” or 17, the number")
        parser.add_argument("--yes", action="store_true", help="do not ask whether that is meant")
        parser.add_argument("--wait", type=float, default=120.0, help="for so many seconds (default 120)")

    def handle(self, *args: Any, user: str, yes: bool, wait: float, **options: Any) -> None:
        whose = named(user)
        if whose is None:
            raise CommandError(f"There is no user {user}.")
        pk, count = whose.pk, whose.submissions.count()
        if not yes and not is_meant(whose, count):
            raise CommandError("Nothing was erased.")
        try:
            erasing.ask(whose)
            outcome = self._erase(whose, time.monotonic() + wait)
        except erasing.CannotErase as error:
            raise CommandError(str(error)) from error
        except redis.RedisError as error:
            raise CommandError(f"Redis does not answer: {error}. The workers go on once it does.") from error
        self.stdout.write(
            f"User {pk} was erased, with {count} submissions. Write the number down outside the"
        )
        self.stdout.write(
            f"database: a backup of before brings them back, then `erase_learner '#{pk}'` again."
        )
        if outcome.by_another:
            self.stdout.write(
                "A worker was faster: its log names the judges that keep programs, if there are any."
            )
        for kept in outcome.kept:
            self.stdout.write(f"But: {kept}.")

    def _erase(self, user: User, until: float) -> erasure.Outcome:
        while (outcome := erasure.erase(user)).waits_for:
            if time.monotonic() > until:
                raise CommandError(f"Not all is erased yet: {outcome.waits_for}. The workers go on with it.")
            leftovers.clear()
            time.sleep(LOOK_S)
        return outcome


def named(user: str) -> User | None:
    """“#17” is a number, since no name has that sign; 17 may be a name, which goes first."""
    number = user.removeprefix("#")
    found = User.objects.filter(username=user).first()
    return found or (User.objects.filter(pk=int(number)).first() if number.isdecimal() else None)


def is_meant(user: User, count: int) -> bool:
    """Raises CommandError where nobody is there to be asked."""
    try:
        said = input(f"Erase {user.username} (#{user.pk}) and {count} submissions? Type the name again: ")
    except EOFError as error:
        raise CommandError("Nothing was erased: nobody is there to be asked. --yes does not ask.") from error
    return said == user.username
