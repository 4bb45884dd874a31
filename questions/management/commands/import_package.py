"""`manage.py import_package PATH…`: problem packages become questions, or bring theirs up to date."""

import json
import logging
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from accounts.models import User
from questions import importing, packages, publishing
from questions.collections import packages_in
from questions.importing import Change, Kind, Plan
from questions.models import Question
from questions.packages.tree import opened
from questions.packages.values import PackageRefused

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one package. `question` is a slug; `error` is why it was not imported."""

    path: str
    question: str | None = None
    imported: bool = False
    cases: int = 0
    solutions: int = 0
    warnings: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class Wishes:
    publish: bool
    partial: bool
    dry_run: bool
    author: User | None


class Command(BaseCommand):
    help = (
        "Import problem packages (Kattis/ICPC, Polygon, DMOJ, plain folders of testcases). What was imported before "
        "is brought up to date. The exit code is 1 if one was not imported."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "paths",
            nargs="+",
            metavar="PATH",
            type=Path,
            help="a package (a folder or a zip), or a folder that has some at any depth",
        )
        parser.add_argument("--publish", action="store_true", help="publish what is imported")
        parser.add_argument(
            "--partial", action="store_true", help="import what is whole of a package with faults"
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would change")
        parser.add_argument("--author", metavar="USER", help="whose new questions are")
        parser.add_argument("--json", action="store_true", help="one JSON object a line for each package")

    def handle(
        self,
        *args: Any,
        paths: list[Path],
        publish: bool,
        partial: bool,
        dry_run: bool,
        author: str | None,
        **options: Any,
    ) -> None:
        wishes = Wishes(publish, partial, dry_run, _user(author))
        failed, imported = 0, set[Any]()
        for path in (one for top in paths for one in packages_in(top)):
            plan, outcome = self._one(path, wishes, imported)
            failed += outcome.error is not None
            if options["json"]:
                self.stdout.write(json.dumps(asdict(outcome), ensure_ascii=False))
            else:
                self.stdout.write("\n".join(_for_people(outcome, plan if dry_run else None)))
        if failed:
            raise SystemExit(1)

    def _one(self, path: Path, wishes: Wishes, imported: set[Any]) -> tuple[Plan | None, Outcome]:
        """Whatever is wrong with one must not keep the others out. `imported` are ids of this run's questions."""
        try:
            return _import(path, wishes, imported)
        except PackageRefused as refused:
            return None, Outcome(str(path), error=str(refused))
        except OSError as error:
            return None, Outcome(str(path), error=f"{error.strerror or type(error).__name__}")
        except DatabaseError as error:
            return None, Outcome(str(path), error=f"the database does not take it: {error}")
        except Exception as error:  # a fault of ours is told, and it is one of a hundred packages
            logger.exception("the import of %s failed", path)
            return None, Outcome(str(path), error=f"our own fault: {type(error).__name__}: {error}")


def _user(name: str | None) -> User | None:
    if name is None:
        return None
    try:
        return User.objects.get(username=name)
    except User.DoesNotExist:
        raise CommandError(f"There is no user “{name}”.") from None


def _import(path: Path, wishes: Wishes, imported: set[Any]) -> tuple[Plan, Outcome]:
    with opened(path) as tree:
        plan = importing.plan(packages.read(tree), path=str(path), apart_from=imported)
        question = plan.question
        if not wishes.dry_run:
            question = importing.apply(plan, author=wishes.author, partial=wishes.partial)
            imported.add(question.pk)
        elif plan.faults and not wishes.partial:
            raise PackageRefused("", "; ".join(map(str, plan.faults)))
    warnings = [str(one) for one in plan.remarks]
    if wishes.publish and question is not None and not wishes.dry_run:
        warnings += _publish(question)
    return plan, Outcome(
        path=str(path),
        question=question.slug if question else None,
        imported=not wishes.dry_run,
        cases=len(plan.contents.cases),
        solutions=len(plan.contents.solutions or ()),
        warnings=tuple(warnings),
    )


def _publish(question: Question) -> list[str]:
    """Why it is not published."""
    if question.state == Question.State.PUBLISHED:
        return []
    try:
        publishing.take(publishing.STEPS["publish"], question)
    except publishing.StepRefused as refused:
        return [f"It is not published: {reason}" for reason in refused.reasons]
    return []


# --- For people --------------------------------------------------------------------------------------------------


def _for_people(outcome: Outcome, plan: Plan | None) -> list[str]:
    if outcome.error is not None:
        return [f"{outcome.path}: NOT imported: {outcome.error}"]
    counts = f"testcases: {outcome.cases}, solutions: {outcome.solutions}"
    done = f"imported as {outcome.question}" if outcome.imported else _would_be(outcome)
    told = _changes(plan) if plan else []
    return [f"{outcome.path}: {done}, {counts}", *(f"  {one}" for one in (*told, *outcome.warnings))]


def _would_be(outcome: Outcome) -> str:
    return f"would change {outcome.question}" if outcome.question else "would be a new question"


def _changes(plan: Plan) -> list[str]:
    if plan.changes_nothing:
        return ["nothing would change"]
    if plan.question is None:
        return []
    fields = [
        f"{one.name}{one.part and f' ({one.part})'}: {one.before or '–'} → {one.after or '–'}"
        for one in plan.fields
    ]
    return [
        *fields,
        *_listed("testcase", plan.cases),
        *_listed("file", plan.files),
        *_listed("solution", plan.solutions),
    ]


def _listed(what: str, changes: Iterable[Change]) -> Sequence[str]:
    return [f"{one.kind} {what} {one.name}" for one in changes if one.kind is not Kind.UNCHANGED]
