"""Judge reference solutions and compare: `manage.py verify_question SLUG… | --all [--json]`.

It judges here and now, with the servers of the settings or of the `up` that runs; where there are neither, with an
engine for its own lifetime. What came of it is kept as by the admin's page, which shows it.
"""

import json
import logging
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.models import QuerySet

from accounts.models import SYSTEM, User
from judgeplatform import standin
from judgeplatform.stack import CannotStart
from questions.models import Question, ReferenceSolution
from submissions import judging, verification
from submissions.models import Submission
from submissions.verification import Result

TALKATIVE = ("execution", "submissions")  # they tell each judging in several lines
PAUSE_S = 0.5  # before the next try, where the servers are busy or somebody else judges it
AT_ONCE = 4


@contextmanager
def told_of_faults_only() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class Command(BaseCommand):
    help = (
        "Judge the reference solutions of questions against all their testcases, and tell which of them get another "
        "verdict or score than they should: exit code 1 if any does. A time limit that is only a guess is set first, "
        "by what the accepted ones take. Where no judge is configured or running, it starts an engine for itself."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="of a question")
        parser.add_argument("--all", action="store_true", help="all questions but archived ones")
        parser.add_argument("--json", action="store_true", help="one object a line for each solution")
        parser.add_argument(
            "--keep-limit", action="store_true", help="keep time limits, also those that are only a guess"
        )
        parser.add_argument(
            "--concurrency",
            type=int,
            default=AT_ONCE,
            metavar="N",
            help="solutions at once (default: %(default)s); at most REJUDGE_CONCURRENCY at servers that others use",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["slugs"]) == options["all"]:
            raise CommandError("Name questions by their slugs, or give --all.")
        if options["concurrency"] < 1:
            raise CommandError("--concurrency takes 1 or more.")
        if standin.is_needed():
            raise SystemExit(self.run_with_standin(options))
        try:
            with told_of_faults_only():
                is_good = self.verify(options)
            if not is_good:
                raise SystemExit(1)
        except DatabaseError as error:
            raise CommandError(
                f"The database cannot be used: {str(error).strip().splitlines()[0]}"
            ) from error

    def run_with_standin(self, options: dict[str, Any]) -> int:
        flags = [f"--{name.replace('_', '-')}" for name in ("all", "json", "keep_limit") if options[name]]
        concurrency = options["concurrency"]
        arguments = ["verify_question", *flags, "--concurrency", str(concurrency), "--", *options["slugs"]]
        try:
            return standin.run(arguments, at_once=concurrency)
        except CannotStart as error:
            raise CommandError(str(error)) from error

    def verify(self, options: dict[str, Any]) -> bool:
        """Whether all is as it should be."""
        chosen = questions(options["slugs"])
        if options["keep_limit"]:
            for question in chosen.filter(time_limit_is_derived=True):
                verification.keep_limit(question)
        tell = self.tell_as_json if options["json"] else self.tell
        is_good = True
        rows = list(chosen)
        guesses = {question.pk: question.time_limit_ms for question in rows if question.time_limit_is_derived}
        for question, found in judged(rows, room(options["concurrency"])):
            if question.pk in guesses and not question.time_limit_is_derived:
                self.tell_limit(question, found, guesses[question.pk], is_json=options["json"])
            self.tell_failures(question, found)
            tell(question, found)
            is_good = is_good and all(one.ok is not False for one in found)
        return is_good

    def tell_as_json(self, question: Question, found: Sequence[Result]) -> None:
        for one in found:
            self.stdout.write(json.dumps(told(question, one)))
        self.stdout.flush()

    def tell(self, question: Question, found: Sequence[Result]) -> None:
        now = verification.standing_of(found)
        self.stdout.write(f"{question.slug}: {now.as_expected} of {now.total} as they should be")
        for one in found:
            for words in (*one.differences, *([f"skipped: {one.skipped}"] if one.skipped else [])):
                self.stdout.write(f"  {one.solution.name}: {words}")
        suggestion = verification.suggested_limit(question, found)
        if suggestion and suggestion.limit_ms != question.time_limit_ms:
            self.stdout.write(
                f"  slowest accepted {suggestion.slowest_ms} ms × {suggestion.multiplier:g} → "
                f"{suggestion.limit_ms} ms; the time limit is {question.time_limit_ms} ms"
            )
        self.stdout.flush()

    def tell_limit(
        self, question: Question, found: Sequence[Result], guessed_ms: int, *, is_json: bool
    ) -> None:
        """That the command has set it: the objects have no place for that."""
        slowest = verification.suggested_limit(question, found)
        by = f" (slowest: {slowest.solution}, {slowest.slowest_ms} ms)" if slowest else ""
        told_to = self.stderr if is_json else self.stdout
        told_to.write(
            f"{question.slug}: time limit {guessed_ms} ms, a guess → {question.time_limit_ms} ms{by}"
        )

    def tell_failures(self, question: Question, found: Iterable[Result]) -> None:
        """That one could not be judged is no finding about it, and the objects have no place for the reason."""
        for one in found:
            if one.ok is False and one.submission and one.submission.verdict is None:
                self.stderr.write(f"{question.slug}, {one.solution.name}: {' '.join(one.differences)}")
        if question.time_limit_is_derived:
            self.stderr.write(f"{question.slug}: nothing was accepted, so the time limit is still a guess")


def questions(slugs: Sequence[str]) -> QuerySet[Question]:
    """Those with these slugs, or all that are not archived. Raises CommandError for a slug that nobody has."""
    rows = Question.objects.exclude(state=Question.State.ARCHIVED).order_by("slug")
    if slugs:
        rows = Question.objects.filter(slug__in=slugs).order_by("slug")
        if missing := set(slugs) - set(rows.values_list("slug", flat=True)):
            raise CommandError(f"There is no question {', '.join(sorted(missing))}.")
    return rows.defer("statement", "statement_html")


def room(wanted: int) -> int:
    """So many at once, and no more than the servers are given of what comes after learners' submissions."""
    return max(1, min(wanted, settings.REJUDGE_CONCURRENCY * len(settings.JUDGE0_URLS)))


def judged(chosen: Sequence[Question], at_once: int) -> Iterator[tuple[Question, list[Result]]]:
    """Each question with its results, in order, as soon as they are known; so many solutions are judged at once.

    Questions are under way together, so that the servers have work while the last solution of one is slow.
    """
    user = User.objects.get(username=SYSTEM)
    judges, clerks = ThreadPoolExecutor(at_once), ThreadPoolExecutor(at_once)

    def judge_all(solutions: Iterable[ReferenceSolution]) -> None:
        for judging_it in [judges.submit(at_rest(judge_to_its_end), one, user) for one in solutions]:
            judging_it.result()

    try:
        yield from clerks.map(at_rest(lambda question: verified(question, judge_all)), chosen)
    finally:
        for threads in (judges, clerks):
            threads.shutdown(cancel_futures=True)


def verified(
    question: Question, judge_all: Callable[[Iterable[ReferenceSolution]], None]
) -> tuple[Question, list[Result]]:
    """A question whose time limit is a guess is given one by those that bound it; then the rest is judged under it."""
    judge_all(verification.next_to_judge(question))
    found = verification.results(question)
    if question.time_limit_is_derived and (suggestion := verification.suggested_limit(question, found)):
        verification.set_limit(question, suggestion.limit_ms)
        judge_all(
            one.solution for one in verification.results(question) if not one.skipped and not one.is_current
        )
        found = verification.results(question)
    return question, found


def judge_to_its_end(solution: ReferenceSolution, user: User) -> None:
    """Whoever judges it in the end: where an `up` runs, its workers may be faster."""
    submission = verification.submit(solution, user)
    while True:
        judging.judge_submission(str(submission.pk))
        if Submission.objects.final().filter(pk=submission.pk).exists():
            return
        time.sleep(PAUSE_S)


def at_rest(act: Callable[..., Any]) -> Callable[..., Any]:
    """The same, after which its thread holds no connection to the database."""

    def acted(*args: Any) -> Any:
        try:
            return act(*args)
        finally:
            connection.close()

    return acted


def told(question: Question, one: Result) -> dict[str, Any]:
    row, solution = one.submission, one.solution
    is_judged = row is not None and row.verdict is not None and not one.skipped
    return {
        "question": question.slug,
        "package_path": question.origin.get("path"),
        "solution": solution.name,
        "language": solution.language or None,
        "expected": solution.expected,
        "expected_score": expected_score(solution),
        "verdict": row.verdict if row and is_judged else None,
        "score": number(verification.score_of(question, row)) if row and is_judged else None,
        "decided_by": one.decided_by if is_judged else None,
        "slowest_ms": row.time_ms if row and is_judged else None,
        "ok": one.ok,
        "skipped": one.skipped or None,
    }


def expected_score(solution: ReferenceSolution) -> list[float | int | None] | None:
    bounds = (solution.score_low, solution.score_high)
    return None if bounds == (None, None) else [number(one) for one in bounds]


def number(value: Decimal | None) -> float | int | None:
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
