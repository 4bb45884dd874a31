"""Learners who submit over the API while things break. What is not acknowledged is sent again, as a person would.

Imported once Django is set up with the stack's database.
"""

import random
import secrets
import threading
import time
from dataclasses import dataclass, field
from uuid import UUID

import requests
from django.test import Client

from accounts.models import User
from tests.chaos.programs import PROGRAMS, Program
from tests.clients import Learner

PATIENCE_S = 120.0  # with one submission that is not taken
PAUSE_S = 1.0


class SignedIn(Learner):
    """Without the page and its static files: the session is made in the database."""

    def __init__(self, url: str, user: User) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False
        browser = Client()
        browser.force_login(user)
        self.http.cookies["sessionid"] = browser.cookies["sessionid"].value
        self.http.cookies["csrftoken"] = secrets.token_hex(16)


@dataclass(frozen=True)
class Task:
    at_s: float
    program: Program
    number: int


def drawn(rng: random.Random, count: int, span_s: float) -> list[Task]:
    """`count` submissions at times within `span_s`, in order."""
    programs = list(PROGRAMS.values())
    chosen = rng.choices(programs, [program.weight for program in programs], k=count)
    times = sorted(rng.uniform(0, span_s) for _ in range(count))
    return [Task(at_s, one, number) for number, (at_s, one) in enumerate(zip(times, chosen, strict=True), 1)]


@dataclass
class Load:
    """The tasks, dealt to `learners`, each a thread. `acknowledged` has the ids of what was taken with 202."""

    learners: list[Learner]
    tasks: list[Task]
    acknowledged: dict[UUID, Task] = field(default_factory=dict)
    given_up: list[Task] = field(default_factory=list)
    sent_again: int = 0

    def start(self) -> None:
        self._began = time.monotonic()
        self._threads = [
            threading.Thread(
                target=self._submit_all, args=(learner, self.tasks[n :: len(self.learners)]), daemon=True
            )
            for n, learner in enumerate(self.learners)
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _submit_all(self, learner: Learner, tasks: list[Task]) -> None:
        for task in tasks:
            time.sleep(max(0.0, self._began + task.at_s - time.monotonic()))
            self._submit(learner, task)

    def _submit(self, learner: Learner, task: Task) -> None:
        program, deadline = task.program, time.monotonic() + PATIENCE_S
        source = program.numbered(task.number)
        while time.monotonic() < deadline:
            try:
                pk = learner.submit(program.question, program.language, source)
            except (requests.RequestException, AssertionError):  # the latter: it was not a 202
                self.sent_again += 1
                time.sleep(PAUSE_S)
            else:
                self.acknowledged[UUID(pk)] = task
                return
        self.given_up.append(task)
