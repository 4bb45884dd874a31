"""Does a running platform do its main job? `manage.py smoke [--url URL] [--key KEY]`.

Everything goes through the public HTTP API, so it can be run from anywhere that reaches the platform.
"""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from judgeplatform.client import ADDITION, ADDITION_SPOILT, Client, Judging, NothingThere, Refused

PATIENCE_S = 60.0
FEWEST_CASES = 2


class Command(BaseCommand):
    help = (
        "Check a running platform from outside: /readyz says yes; a right program passes every case of the sample "
        "question and a wrong one fails. The right program must pass against the answers that are stored: if "
        "somebody altered one of them, this fails. Signs in with the first CODE_EXEC_KEY (bin/run makes one, "
        "and tells it in var/up.env while it runs). Exit code 0 if all of it holds, 1 otherwise."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default=settings.PUBLIC_URL, help="default: PUBLIC_URL (%(default)s)")
        parser.add_argument("--key", help="default: the first of CODE_EXEC_KEY")
        parser.add_argument(
            "--question",
            default="sum",
            help="slug of a published question that asks for the sum of all numbers in the input (default: sum)",
        )

    def handle(self, *args: Any, url: str, key: str | None, question: str, **options: Any) -> None:
        key = key or next(iter(settings.CODE_EXEC_KEYS), "")
        client = Client(url, key)
        try:
            self.check_readiness(client)
            if not key:
                raise CommandError("There is no CODE_EXEC_KEY to sign in with: set it, or give --key.")
            self.check_right_program(client, question)
            self.check_wrong_program(client, question)
        except NothingThere as error:
            raise CommandError(
                f"From here, {error}: bin/run starts the platform, --url names another address of it."
            ) from error
        except Refused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{url} judges as it should.")

    def check_readiness(self, client: Client) -> None:
        ready, words = client.readiness()
        if not ready:
            raise CommandError(f"/readyz says no: {words}")
        self.stdout.write("ok  /readyz")

    def check_right_program(self, client: Client, question: str) -> None:
        judged = judge(client, question, ADDITION)
        cases = judged.fields["cases"]
        if cases["total"] < FEWEST_CASES:
            raise CommandError(
                f"“{question}” has {cases['total']} cases; {FEWEST_CASES} are needed to tell anything."
            )
        if judged.fields["outcome"] != "passed" or cases["passed"] != cases["total"]:
            raise CommandError(f"A right program for “{question}” did not pass: {judged.in_words}.")
        self.stdout.write(f"ok  a right program passes ({judged.in_words})")

    def check_wrong_program(self, client: Client, question: str) -> None:
        judged = judge(client, question, ADDITION_SPOILT)
        if judged.fields["outcome"] != "failed" or judged.fields["verdict"] != "WA":
            raise CommandError(f"A wrong program for “{question}” was not found wrong: {judged.in_words}.")
        self.stdout.write(f"ok  a wrong program fails ({judged.in_words})")


def judge(client: Client, question: str, source: str) -> Judging:
    """The finished judging of a program. Raises Refused, CommandError after PATIENCE_S."""
    judging = client.submit(question, source)
    deadline = time.monotonic() + PATIENCE_S
    while not judging.is_final:
        if time.monotonic() > deadline:
            raise CommandError(f"A submission was not judged within {PATIENCE_S:g} s.")
        time.sleep(0.1)
        judging = client.look_again(judging)
    return judging
