"""The whole platform in one terminal: `manage.py up [--port N] [--check]`.

This command tells the story (what is started, what is prepared, what is proved, what people are told);
`judgeplatform.stack` knows the processes, `judgeplatform.supervisor` keeps them alive.
"""

import hashlib
import io
import re
import signal
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from accounts.models import User
from judgeplatform import stack
from judgeplatform.client import ADDITION, Client, Judging, Refused
from judgeplatform.stack import CannotStart, Stack
from judgeplatform.supervisor import Died, Supervisor, TookTooLong
from questions.models import Question

START_S = 60.0
SAMPLE_S = 60.0
SAMPLE_QUESTION = "sum"
DEMO_USERS = ("learner", "author")

ROUTINE = re.compile(r" INFO |^engine: (isolation: |held |not offered, for want |listening on )")
"""Lines that say that a start goes well: shown only where it does not."""
ISOLATION = "engine: isolation: "
LANGUAGES = re.compile(r"^engine: listening on .* languages (.*); isolation: ")
NAME_BEFORE_VERSION = re.compile(r"(\S+) \(")


class Command(BaseCommand):
    help = (
        "Start the whole platform in this terminal: Redis and the engine (unless REDIS_URL and JUDGE0_URLS name "
        "others), two workers and the web. Ctrl-C stops all of it in order."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=int, default=settings.PORT, help="where the web listens (default 8000)"
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="stop once a sample was judged; the exit code says whether it was",
        )

    def handle(self, *args: Any, port: int, check: bool, **options: Any) -> None:
        began = time.monotonic()
        listen_to_signals()
        self.held: list[tuple[str, str]] | None = []
        var = settings.VAR_DIR.resolve()
        try:
            with stack.hold_var(var):
                stack.refuse_taken_port(settings.HOST, port)
                operators = settings.CONFIGURATION.without_files(
                    stack.operators_environment(var, settings.BASE_DIR / ".env")
                )
                stack.clear_up_after_a_killed_one(var)
                platform = Stack(
                    var=var,
                    base=settings.BASE_DIR,
                    host=settings.HOST,
                    port=port,
                    grace_s=settings.JUDGE_GRACE_S,
                    trusts_proxy=settings.SECURE_PROXY_SSL_HEADER is not None,
                    operators=operators,
                    worker_http_port=settings.WORKER_HTTP_PORT,
                )
                self.run(platform, check=check, began=began)
        except CannotStart as error:
            self.stderr.write(str(error))  # without the command's name: people have started bin/run
            raise SystemExit(1) from error
        except KeyboardInterrupt:
            self.say("up", "stopped")

    def run(self, platform: Stack, *, check: bool, began: float) -> None:
        """Start, prove, keep, and end everything. Raises CannotStart, KeyboardInterrupt."""
        supervisor = Supervisor(self.say, platform.base)
        self.passwords: list[str] = []
        self.sign_in: list[str] = []
        try:
            self.start(platform, supervisor)
            self.prove(platform, supervisor)
            self.tell(platform, time.monotonic() - began, lasts=not check)
            if not check:
                supervisor.watch()
        except Died as death:
            words = death.last_words.removeprefix("CommandError: ") or "it said nothing."
            raise CannotStart(f"The process “{death.name}” {death.how}: {words}") from death
        except CannotStart:
            self.show_what_was_held()
            raise
        finally:
            self.hand_over_passwords()
            supervisor.stop()
            platform.withdraw()

    def start(self, platform: Stack, supervisor: Supervisor) -> None:
        """Everything that serves, until the web answers. Raises CannotStart, Died."""
        if platform.brings_redis:
            supervisor.start(platform.redis())
        if platform.brings_engine:
            supervisor.start(platform.engine())
        platform.publish()
        self.prepare()
        if platform.brings_redis:
            wait(supervisor, platform.redis_is_ready, "Redis")
        if platform.brings_engine:
            wait(supervisor, platform.engine_is_ready, "The engine")
        for worker in platform.workers():
            supervisor.start(worker)
        supervisor.start(platform.web())
        wait(supervisor, client_of(platform).is_alive, "The web")

    def prepare(self) -> None:
        """Database, static files and, on the first start, the samples. Raises CannotStart."""
        try:
            call_command("migrate", interactive=False, verbosity=0)
            if not Question.objects.exists():
                words = io.StringIO()
                call_command("load_samples", demo_users=True, stdout=words)
                self.passwords = passwords_in(words.getvalue())
            people = User.objects.filter(username__in=DEMO_USERS, is_active=True)
            self.sign_in = [
                f"“{name}”" for name in people.order_by("-username").values_list("username", flat=True)
            ]
        except DatabaseError as error:
            raise CannotStart(f"The database cannot be used: {str(error).strip().splitlines()[0]}") from error
        finally:
            connection.close()
        collect_static_files()

    def prove(self, platform: Stack, supervisor: Supervisor) -> None:
        """Have a sample judged the way every submission is. Raises CannotStart, Died."""
        client = client_of(platform)
        try:
            judged = self.judge_sample(client, supervisor)
        except Refused as error:
            raise CannotStart(f"The sample could not be judged: {error}") from error
        except TookTooLong as error:
            raise CannotStart(f"The sample was not judged within {SAMPLE_S:g} s.") from error
        if judged.fields["verdict"] != "AC":
            raise CannotStart(f"The sample was not judged as it should be: {judged.in_words}.")
        wait(supervisor, lambda: client.readiness()[0], "The platform (/readyz)")

    def judge_sample(self, client: Client, supervisor: Supervisor) -> Judging:
        """The sample question's public cases; where an author took it away or changed it, an input of our own."""
        try:
            on_question = run_to_end(client.run(ADDITION, question=SAMPLE_QUESTION), client, supervisor)
            if on_question.fields["verdict"] == "AC":
                return on_question
        except Refused as error:
            if error.status != 404:
                raise
        return run_to_end(client.run(ADDITION, text="20 22\n"), client, supervisor)

    def tell(self, platform: Stack, took_s: float, *, lasts: bool) -> None:
        """Where it is, who may sign in, how programs are isolated, in which languages. From now on, show all lines."""
        held, self.held = self.held or [], None
        isolation = [line.removeprefix(ISOLATION) for _, line in held if line.startswith(ISOLATION)]
        languages = [found[1] for _, line in held if (found := LANGUAGES.match(line))]
        self.stdout.write("")
        self.stdout.write(f"  The judge platform is ready ({took_s:.1f} s):  {platform.public_url}/")
        if self.sign_in:
            self.stdout.write(
                f"  Sign in as {' or '.join(self.sign_in)}; authors work at {platform.public_url}/admin/"
            )
        self.hand_over_passwords()
        if isolation:
            self.stdout.write(f"  Programs are isolated by {isolation[-1]}.")
        if languages:
            self.stdout.write(f"  Languages: {', '.join(NAME_BEFORE_VERSION.findall(languages[-1]))}.")
        if lasts:
            self.stdout.write("  Ctrl-C stops it.")
        self.stdout.write("")
        self.stdout.flush()

    def hand_over_passwords(self) -> None:
        """Print them once, also when the start failed after they were made."""
        if not self.passwords:
            return
        self.stdout.write(
            "  Their passwords are shown this once (manage.py changepassword NAME sets another):"
        )
        for line in self.passwords:
            self.stdout.write(f"    {line}")
        self.passwords = []

    def say(self, name: str, line: str) -> None:
        """Show a line; while the platform starts, a routine one is only kept."""
        if self.held is not None and ROUTINE.search(line):
            self.held.append((name, line))
            return
        self.stdout.write(f"{name:<10} | {line}")
        self.stdout.flush()

    def show_what_was_held(self) -> None:
        held, self.held = self.held or [], None
        for name, line in held:
            self.say(name, line)


def listen_to_signals() -> None:
    """SIGTERM and SIGHUP end it as Ctrl-C does.

    A shell that starts something in the background lets it ignore SIGINT: that is not wanted. An ignored SIGHUP is:
    it comes from nohup.
    """
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, interrupt)


def interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def passwords_in(words: str) -> list[str]:
    """Of what `load_samples` prints, the lines about new users."""
    return [line for line in words.splitlines() if line.startswith(tuple(f"{name}:" for name in DEMO_USERS))]


def client_of(platform: Stack) -> Client:
    return Client(platform.local_url, platform.key, host=urlsplit(platform.public_url).hostname or "")


def wait(supervisor: Supervisor, condition: Callable[[], bool], what: str) -> None:
    try:
        supervisor.wait_until(condition, timeout_s=START_S)
    except TookTooLong as error:
        raise CannotStart(f"{what} did not get ready within {START_S:g} s.") from error


def run_to_end(judging: Judging, client: Client, supervisor: Supervisor) -> Judging:
    """The judging once it is final. Raises TookTooLong, Died, Refused."""
    seen = [judging]

    def is_final() -> bool:
        seen.append(client.look_again(judging))
        return seen[-1].is_final

    supervisor.wait_until(is_final, timeout_s=SAMPLE_S, pause_s=0.1)
    return seen[-1]


def collect_static_files() -> None:
    """Into `var/static`, unless nothing has changed since the last time."""
    stamp: Path = settings.VAR_DIR / "static.stamp"
    current = fingerprint_of_static_files()
    if stamp.exists() and stamp.read_text() == current:
        return
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(current)


def fingerprint_of_static_files() -> str:
    """Over name, size and time of every file, and of what decides which they are."""
    digest = hashlib.sha256(sys.version.encode())
    for finder in get_finders():
        for path, storage in finder.list(None):
            found = Path(storage.path(path)).stat()
            digest.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
