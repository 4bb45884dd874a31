"""Questions, their testcases and reference solutions; testcase data as content-addressed bytes."""

import hashlib
import json
import shlex
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Cast, Coalesce, Now, Substr
from django.urls import reverse

from accounts.credentials import Credential
from accounts.models import User
from accounts.scopes import Scope
from execution import languages
from execution.ceilings import nobody_interacts
from execution.groups import Group, tree_of
from execution.types import (
    Case,
    Checker,
    CheckerFile,
    CheckerKind,
    CheckerProgram,
    GroupStanding,
    Limits,
    Protocol,
    RunPolicy,
    Scoring,
    ScoringMode,
    Verdict,
)
from questions import groups, statements

PREVIEW_BYTES = 60
SHELF_BYTES = 1024 * 1024
SHELF_BLOBS = 200
HUNDREDTH = Decimal("0.01")
MOST_TIME_LIMIT_MS = 20_000
MOST_TOTAL_RUNTIME_S = 86_400


def _first_bytes(field: str, count: int) -> Coalesce:
    """Cut off by the database; SQLite gives NULL for no bytes at all."""
    return Coalesce(Substr(field, 1, count), Value(b""), output_field=models.BinaryField())


class BlobQuerySet(models.QuerySet["Blob"]):
    def unused(self) -> Self:
        """Those that neither a testcase nor a file refers to."""
        return (
            self.exclude(
                Exists(TestCase.objects.filter(input=OuterRef("pk"))),
            )
            .exclude(
                Exists(TestCase.objects.filter(answer=OuterRef("pk"))),
            )
            .exclude(
                Exists(QuestionFile.objects.filter(blob=OuterRef("pk"))),
            )
        )

    def first_bytes(self, sha256: str, count: int) -> bytes:
        """The first `count` bytes of one blob, cut off by the database."""
        return bytes(self.values_list(_first_bytes("data", count), flat=True).get(pk=sha256))

    def beginnings(self, among: Iterable[str], count: int) -> dict[str, bytes]:
        """The first `count` bytes of each, by hash; hashes that are not stored are left out."""
        rows = self.filter(pk__in=set(among)).values_list("pk", _first_bytes("data", count))
        return {pk: bytes(data) for pk, data in rows}

    def held(self, among: Iterable[str]) -> set[str]:
        """Those of the hashes `among` that are stored; held until the transaction ends, so that they stay."""
        rows = self.order_by("pk").select_for_update(no_key=True).filter(pk__in=set(among))
        return set(rows.values_list("pk", flat=True))

    def store_all(self, wanted: Mapping[str, Callable[[], bytes]]) -> None:
        """As `Blob.store`, for data by its hash, which is read only where it is not stored yet. In a transaction.

        Always in the order of the hashes, so that no two who store wait for each other.
        """
        names = sorted(wanted)
        for start in range(0, len(names), SHELF_BLOBS):
            some = names[start : start + SHELF_BLOBS]
            held = self.held(some)
            self._add([(name, wanted[name]) for name in some if name not in held])

    def _add(self, wanted: Sequence[tuple[str, Callable[[], bytes]]]) -> None:
        """By few statements, without more than SHELF_BYTES and one at once in memory."""
        rows: list[Blob] = []
        for name, read in wanted:
            data = read()
            rows.append(Blob(sha256=name, size=len(data), data=data))
            if sum(row.size for row in rows) >= SHELF_BYTES:
                self._store(rows)
                rows = []
        self._store(rows)

    def _store(self, rows: Sequence["Blob"]) -> None:
        self.bulk_create(rows, ignore_conflicts=True)
        held = self.held(row.pk for row in rows)
        for row in rows:
            if row.pk not in held:  # somebody else had stored it, and deleted it meanwhile
                Blob.store(bytes(row.data))

    def delete_unused(self, among: Iterable[str]) -> None:
        """Delete those of the hashes `among` that nothing refers to any more.

        Locked first and looked at again afterwards: whoever stores the same bytes at this moment either keeps
        the row or makes it anew.
        """
        with transaction.atomic():
            held = list(self.select_for_update().filter(pk__in=set(among)).values_list("pk", flat=True))
            self.filter(pk__in=held).unused().only("pk").delete()


class Blob(models.Model):
    """Bytes, stored once however many testcases use them. Lists never load `data`."""

    sha256 = models.CharField(primary_key=True, max_length=64)
    size = models.PositiveBigIntegerField(help_text="bytes")
    data = models.BinaryField()

    objects = BlobQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.sha256[:8]} ({self.size} bytes)"

    @classmethod
    def store(cls, data: bytes) -> "Blob":
        """The row with this content, new or old; held until the transaction ends, so that it stays."""
        digest = hashlib.sha256(data).hexdigest()
        with transaction.atomic():
            blob, _ = (
                cls.objects.select_for_update(no_key=True)
                .defer("data")
                .get_or_create(sha256=digest, defaults={"size": len(data), "data": data})
            )
        return blob


class Tag(models.Model):
    name = models.CharField(max_length=40, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class QuestionQuerySet(models.QuerySet["Question"]):
    def published(self) -> Self:
        return self.filter(state=Question.State.PUBLISHED)

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Published ones for everybody; drafts for staff who may edit questions."""
        if user.is_staff and user.has_perm("questions.change_question"):
            return self.exclude(state=Question.State.ARCHIVED)
        return self.published()

    def visible_with(self, credential: Credential) -> Self:
        """As `visible_to` its user, where the credential is for more than learners do; else the published ones."""
        if credential.has(Scope.ADMIN) or credential.has(Scope.TESTS_READ):
            return self.visible_to(credential.user)
        return self.published()

    def named(self, name: str) -> Self:
        """The one with this slug or this id."""
        try:
            return self.filter(Q(slug=name) | Q(pk=uuid.UUID(name)))
        except ValueError:
            return self.filter(slug=name)

    def in_language(self, slug: str) -> Self:
        """Those that may be solved in it."""
        allowed = Cast("allowed_languages", models.TextField())
        return self.alias(allowed=allowed).filter(Q(allowed_languages=[]) | Q(allowed__contains=f'"{slug}"'))


def accepted() -> list[str]:
    """What a reference solution gets unless its author says otherwise."""
    return [Verdict.AC.value]


def usual_memory_kib() -> int:
    """The memory limit of a new question."""
    return int(settings.MAX_MEMORY_MIB * 1024)


class Question(models.Model):
    class State(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"
        ARCHIVED = "archived"

    class Difficulty(models.TextChoices):
        EASY = "easy"
        MEDIUM = "medium"
        HARD = "hard"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(unique=True, help_text="Part of the question's address.")
    title = models.CharField(max_length=120)
    summary = models.CharField(
        max_length=200, blank=True, help_text="One sentence for the list of questions."
    )
    statement = models.TextField(
        help_text="Markdown; formulas between $ signs, on a line of their own between $$."
    )
    statement_html = models.TextField(editable=False, blank=True)
    difficulty = models.CharField(max_length=10, choices=Difficulty.choices, default=Difficulty.EASY)
    tags = models.ManyToManyField(Tag, blank=True, related_name="questions")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="questions",
        help_text="Empty when the account is gone.",
    )

    time_limit_ms = models.PositiveIntegerField(
        "time limit (ms)",
        default=1000,
        validators=[MinValueValidator(50), MaxValueValidator(MOST_TIME_LIMIT_MS)],
    )
    memory_limit_kib = models.PositiveIntegerField(
        "memory limit (KiB)",
        default=usual_memory_kib,
        validators=[MinValueValidator(4096), MaxValueValidator(2 * 1024 * 1024)],
    )
    output_limit_kib = models.PositiveIntegerField(
        "output limit (KiB)",
        default=1024,
        validators=[MinValueValidator(1), MaxValueValidator(16 * 1024)],
    )
    allowed_languages = models.JSONField(
        default=list, blank=True, help_text="Language slugs; empty allows every language."
    )

    checker = models.CharField(
        max_length=30,
        choices=[(kind.value, kind.value.replace("_", " ")) for kind in CheckerKind],
        default=CheckerKind.TOKENS.value,
    )
    absolute_tolerance = models.FloatField(
        default=1e-6,
        validators=[MinValueValidator(0)],
        help_text="For the checkers “floats” and “float lines”.",
    )
    relative_tolerance = models.FloatField(
        default=1e-6,
        validators=[MinValueValidator(0)],
        help_text="For the checkers “floats” and “float lines”.",
    )
    checker_arguments = models.CharField(
        default="",
        db_default="",
        max_length=1000,
        blank=True,
        help_text="For the checkers “kattis” and “program”, such as “float_tolerance 1e-6”; cases may have their own.",
    )
    checker_protocol = models.CharField(
        db_default=Protocol.KATTIS.value,
        max_length=10,
        choices=[(protocol.value, protocol.value) for protocol in Protocol],
        default=Protocol.KATTIS.value,
        help_text="How the checker “program” is called and answers.",
    )
    interactive = models.BooleanField(
        db_default=False, default=False, help_text="The checker “program” talks with the learner's program."
    )
    checker_time_limit_ms = models.PositiveIntegerField(
        "checker's time limit (ms)",
        db_default=20_000,
        default=20_000,
        validators=[MinValueValidator(50), MaxValueValidator(60_000)],
        help_text="For one case.",
    )
    checker_memory_limit_kib = models.PositiveIntegerField(
        "checker's memory limit (KiB)",
        db_default=1024 * 1024,
        default=1024 * 1024,
        validators=[MinValueValidator(4096), MaxValueValidator(4 * 1024 * 1024)],
    )
    run_policy = models.CharField(
        max_length=30,
        choices=[(policy.value, policy.value.replace("_", " ")) for policy in RunPolicy],
        default=RunPolicy.FAIL_FAST.value,
    )
    scoring = models.CharField(
        max_length=30,
        choices=[(mode.value, mode.value.replace("_", " ")) for mode in ScoringMode],
        default=ScoringMode.WEIGHTED.value,
    )
    groups = models.JSONField(
        db_default=Value([], models.JSONField()),
        default=list,
        blank=True,
        help_text="Rules of its groups of testcases, as `questions.groups` writes them; empty: run policy and scoring.",
    )
    time_factors = models.JSONField(
        db_default=Value({}, models.JSONField()),
        default=dict,
        blank=True,
        help_text="Of its time limit, by language slug, “*” for all others; empty: those of the platform.",
    )
    total_runtime_s = models.PositiveIntegerField(
        "total runtime (s)",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_TOTAL_RUNTIME_S)],
        help_text="CPU time for all its testcases together; empty: MAX_TOTAL_RUNTIME.",
    )
    time_limit_is_derived = models.BooleanField(
        "time limit is a guess",
        db_default=False,
        default=False,
        help_text="Verifying measures the reference solutions first, and sets the time limit by them.",
    )
    explain_hidden = models.BooleanField(
        "explain hidden failures",
        default=False,
        help_text="Tell learners the class of difference on hidden cases (such as “only whitespace”).",
    )

    offers_hints = models.BooleanField(
        "offer hints",
        default=True,
        db_default=True,
        help_text="Learners may ask for hints, reviews and analyses here; switch it off for an exam.",
    )

    credits = models.CharField(
        default="", db_default="", max_length=500, blank=True, help_text="Who made it."
    )
    source = models.CharField(
        default="", db_default="", max_length=300, blank=True, help_text="Where it was used first."
    )
    source_url = models.URLField(default="", db_default="", max_length=500, blank=True)
    licence = models.CharField(default="", db_default="", max_length=60, blank=True)
    statement_language = models.CharField(
        db_default="en", max_length=10, default="en", help_text="Such as en, sv or pt-BR."
    )
    package_uuid = models.CharField(
        default="",
        db_default="",
        max_length=64,
        blank=True,
        editable=False,
        help_text="By which a package is known again, whatever its name.",
    )
    origin = models.JSONField(
        db_default=Value({}, models.JSONField()),
        default=dict,
        blank=True,
        editable=False,
        help_text="The package it came from: format, name, path, and what is kept of it for export.",
    )

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = QuestionQuerySet.as_manager()

    class Meta:
        ordering = ["title"]
        indexes = [models.Index(fields=["state", "title"], name="question_list")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["draft", "published", "archived"]),
                name="question_state_known",
            ),
            models.CheckConstraint(
                condition=models.Q(time_limit_ms__gte=1, memory_limit_kib__gte=1, output_limit_kib__gte=1),
                name="question_limits_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(interactive=False) | models.Q(checker="program"),
                name="question_interactive_by_program",
            ),
            models.UniqueConstraint(
                fields=["package_uuid"],
                condition=~models.Q(package_uuid=""),
                name="question_package_once",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("solve", args=[self.slug])

    def write_statement(self, markdown: str) -> None:
        """Set the statement and its HTML, not saved yet; raises StatementRefused when it is too large."""
        text = markdown.replace("\r\n", "\n")
        self.statement_html = statements.render(text, pictures=self.pictures_url())
        self.statement = text

    def pictures_url(self) -> str:
        """What addresses of the statement's pictures begin with; by its id, since its slug may change.

        They are stored in its HTML, so they are written out here.
        """
        return f"/questions/{self.pk}/pictures/"

    def is_referred_to(self) -> bool:
        """Whether something outside refers to it that must not lose it, as a submission does.

        What judged one of its reference solutions goes with that.
        """
        return any(
            relation.related_model._base_manager.filter(**{relation.field.name: self})
            .exclude(**_of_a_solution(relation.related_model))
            .exists()
            for relation in self._meta.related_objects
            if relation.on_delete is models.PROTECT
        )

    def languages(self) -> list[languages.Language]:
        """Those in which it may be solved, in the order in which they are offered."""
        return [
            language
            for language in languages.LANGUAGES
            if not self.allowed_languages or language.slug in self.allowed_languages
        ]

    def judging_limits(self) -> Limits:
        return Limits(
            time_ms=self.time_limit_ms,
            memory_kib=self.memory_limit_kib,
            output_kib=self.output_limit_kib,
            total_ms=(self.total_runtime_s or settings.MAX_TOTAL_RUNTIME_S) * 1000,
            time_factors=self.time_factors,
        )

    def has_nothing_to_run_on(self) -> bool:
        """For a run: no input of one's own, as the checker writes it, and no public case."""
        return self.interactive and not self.testcases.public().exists()

    def judging_groups(self) -> tuple[Group, ...]:
        """By which it is judged; where there are none, policy and scoring say how. Raises GroupsRefused."""
        return groups.from_json(self.groups)

    def judging_checker(self) -> Checker:
        """With the author's program where there is one; its files are read only when they are needed."""
        kind = CheckerKind(self.checker)
        return Checker(
            kind,
            self.absolute_tolerance,
            self.relative_tolerance,
            tuple(shlex.split(self.checker_arguments)),
            self.checker_program() if kind is CheckerKind.PROGRAM else None,
        )

    def obtainable_groups(self) -> list[GroupStanding]:
        """Its groups of testcases, those above before those within, with the most points that each may give."""
        if not self.groups and not self.testcases.exclude(group="").exists():
            return []
        cases = self.testcases.values_for_judging()
        policy, checker = RunPolicy(self.run_policy), self.judging_checker()
        return tree_of(cases, policy, self.judging_groups(), checker).standings()

    def checker_program(self) -> CheckerProgram:
        """The author's own, whatever its checker is now; its files are read only when they are needed."""
        rows = self.files.filter(kind=QuestionFile.Kind.CHECKER).order_by("path")
        shelf = BlobShelf(rows.values_list("blob_id", "blob__size"))
        return CheckerProgram(
            files=tuple(
                CheckerFile(path, partial(shelf.take, sha256), executable)
                for path, sha256, executable in rows.values_list("path", "blob_id", "executable")
            ),
            protocol=Protocol(self.checker_protocol),
            interactive=self.interactive,
            time_ms=self.checker_time_limit_ms,
            memory_kib=self.checker_memory_limit_kib,
        )

    def cannot_be_judged(self) -> bool:
        """Whether no judge server can, as far as they have said what they can do."""
        return self.interactive and nobody_interacts()

    def judging_scoring(self) -> Scoring:
        return Scoring(ScoringMode(self.scoring))

    def revision(self, cases: Sequence["StoredCase"]) -> str:
        """sha256 over what decides a verdict: these cases in order, checker, limits, policy, scoring and groups.

        What a question does not use leaves no trace in it: by a release that can do more, nothing has changed.
        """
        decides = [
            [case.decides() for case in cases],
            [self.checker, self.absolute_tolerance, self.relative_tolerance],
            [self.time_limit_ms, self.memory_limit_kib, self.output_limit_kib],
            [self.run_policy, self.scoring],
            *self._deciding_rules(),
            *self._deciding_checker(),
        ]
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()

    def _deciding_rules(self) -> list[list[Any]]:
        rules = [self.groups, self.time_factors, self.total_runtime_s]
        return [rules] if any(rules) else []

    def _deciding_checker(self) -> list[list[Any]]:
        """What decides a verdict where the checker has arguments or is a program; nothing elsewhere."""
        if CheckerKind(self.checker) not in (CheckerKind.KATTIS, CheckerKind.PROGRAM):
            return []
        files = self.files.filter(kind=QuestionFile.Kind.CHECKER).order_by("path")
        return [
            [self.checker_arguments, self.checker_protocol, self.interactive],
            [self.checker_time_limit_ms, self.checker_memory_limit_kib],
            [list(row) for row in files.values_list("path", "blob_id", "executable")],
        ]


def _of_a_solution(model: type[models.Model]) -> dict[str, bool]:
    """Looks up the rows of the model that belong to a reference solution; all, where none can: none is excluded."""
    names = [field.name for field in model._meta.concrete_fields if field.related_model is ReferenceSolution]
    return {f"{name}__isnull": False for name in names}


class TestCaseQuerySet(models.QuerySet["TestCase"]):
    def public(self) -> Self:
        return self.filter(visibility=TestCase.Visibility.PUBLIC)

    def shown(self) -> Self:
        """Those whose input and answer learners may see: of an interactive question they are for its checker."""
        return self.public().filter(question__interactive=False)

    def in_order(self) -> Self:
        """Public cases first, then by the author's order: learners see the cases they know judged first."""
        return self.order_by("-visibility", "order", "pk")

    def with_previews(self) -> Self:
        """With `input_size` and `answer_size` in bytes and the first bytes of both; no blob is loaded."""
        return self.annotate(
            input_size=F("input__size"),
            answer_size=F("answer__size"),
            input_preview=_first_bytes("input__data", PREVIEW_BYTES),
            answer_preview=_first_bytes("answer__data", PREVIEW_BYTES),
        )

    def blob_ids(self) -> set[str]:
        """Hashes of the data they refer to."""
        return {pk for pair in self.values_list("input_id", "answer_id") for pk in pair}

    def values_for_judging(self) -> list["StoredCase"]:
        """As values, indexes from 1; data is read from its blob only when a case is run."""
        rows = list(
            self.in_order().values_list(
                "input_id",
                "input__size",
                "answer_id",
                "answer__size",
                "group",
                "points",
                "visibility",
                "name",
                "arguments",
            )
        )
        shelf = BlobShelf(pair for row in rows for pair in (row[0:2], row[2:4]))
        return [
            StoredCase(
                index=index,
                input=partial(shelf.take, input_sha256),
                answer=partial(shelf.take, answer_sha256),
                group=group,
                points=points,
                public=visibility == TestCase.Visibility.PUBLIC,
                input_sha256=input_sha256,
                answer_sha256=answer_sha256,
                input_bytes=size,
                name=name,
                arguments=None if arguments is None else tuple(arguments),
            )
            for index, (
                input_sha256,
                size,
                answer_sha256,
                _,
                group,
                points,
                visibility,
                name,
                arguments,
            ) in enumerate(rows, 1)
        ]


@dataclass(frozen=True)
class StoredCase(Case):
    """A case together with the names of its blobs."""

    input_sha256: str = ""
    answer_sha256: str = ""
    input_bytes: int = 0

    def decides(self) -> list[Any]:
        """What of it decides a verdict, as values of JSON."""
        cents = self.points.quantize(HUNDREDTH)
        points = cents if cents == self.points else self.points.normalize()
        row = [self.public, self.group, str(points), self.input_sha256, self.answer_sha256]
        return row if self.arguments is None else [*row, list(self.arguments)]


class BlobShelf:
    """Reads blobs when they are asked for, small ones together with those that will be asked for next.

    `wanted` are hashes and sizes in the order of use. At most SHELF_BYTES are kept.
    """

    def __init__(self, wanted: Iterable[tuple[str, int]]) -> None:
        self._wanted = list(dict.fromkeys(wanted))
        self._places = {sha256: place for place, (sha256, _) in enumerate(self._wanted)}
        self._kept: dict[str, bytes] = {}

    def take(self, sha256: str) -> bytes:
        """Raises Blob.DoesNotExist where it is gone: the author has replaced a case."""
        if sha256 in self._kept:
            return self._kept[sha256]
        together = self._from(self._places[sha256])
        if not together:
            return bytes(Blob.objects.values_list("data", flat=True).get(pk=sha256))
        rows = Blob.objects.filter(pk__in=together).values_list("pk", "data")
        self._kept = {pk: bytes(data) for pk, data in rows}
        if sha256 not in self._kept:
            raise Blob.DoesNotExist(sha256)
        return self._kept[sha256]

    def _from(self, place: int) -> list[str]:
        """As many from this place on as fit on the shelf; none where the first is too large."""
        names: list[str] = []
        total = 0
        for name, size in self._wanted[place : place + SHELF_BLOBS]:
            total += size
            if total > SHELF_BYTES:
                break
            names.append(name)
        return names


class TestCase(models.Model):
    __test__ = False  # not a class for pytest

    class Visibility(models.TextChoices):
        PUBLIC = "public"
        HIDDEN = "hidden"

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="testcases")
    visibility = models.CharField(max_length=10, choices=Visibility.choices, default=Visibility.HIDDEN)
    order = models.PositiveIntegerField(default=0, help_text="Cases are judged in this order.")
    name = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="In a package its path without ending, such as secret/small/01.",
    )
    group = models.CharField(max_length=200, blank=True, help_text="A path: a/b is a group within a.")
    points = models.DecimalField(
        max_digits=16, decimal_places=6, default=Decimal(1), validators=[MinValueValidator(0)]
    )
    arguments = models.JSONField(
        null=True,
        blank=True,
        help_text="Words for the checker in place of the question's; empty: the question's.",
    )
    input = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    answer = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(
        max_length=200,
        blank=True,
        help_text="Shown with a public case; for authors on a hidden one.",
    )

    objects = TestCaseQuerySet.as_manager()

    class Meta:
        verbose_name = "testcase"
        ordering = ["question", "-visibility", "order", "pk"]
        indexes = [models.Index(fields=["question", "visibility", "order"], name="testcase_in_order")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(visibility__in=["public", "hidden"]),
                name="testcase_visibility_known",
            ),
            models.CheckConstraint(condition=models.Q(points__gte=0), name="testcase_points_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.visibility} case {self.order}"

    @property
    def is_public(self) -> bool:
        return self.visibility == self.Visibility.PUBLIC


class QuestionFileQuerySet(models.QuerySet["QuestionFile"]):
    def attachments(self) -> Self:
        return self.filter(kind=QuestionFile.Kind.ATTACHMENT)


class QuestionFile(models.Model):
    """A file of a question that is neither statement nor testcase nor reference solution."""

    class Kind(models.TextChoices):
        CHECKER = "checker"  # of the author's checker; path within its directory
        ATTACHMENT = "attachment"  # for learners to download
        PICTURE = "picture"  # of the statement
        KEPT = "kept"  # of its package, for export only; path within the package

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="files")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    path = models.CharField(max_length=300)
    executable = models.BooleanField(default=False)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")

    objects = QuestionFileQuerySet.as_manager()

    class Meta:
        ordering = ["question", "kind", "path"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["checker", "attachment", "picture", "kept"]),
                name="question_file_kind_known",
            ),
            models.UniqueConstraint(fields=["question", "kind", "path"], name="question_file_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"


class StarterCode(models.Model):
    """What the editor shows first in one language."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="starter_codes")
    language = models.CharField(max_length=30, choices=languages.choices)
    source = models.TextField()

    class Meta:
        ordering = ["language"]
        constraints = [
            models.UniqueConstraint(fields=["question", "language"], name="one_starter_a_language")
        ]

    def __str__(self) -> str:
        return self.language


class ReferenceSolution(models.Model):
    """A program whose verdict the author knows. Never shown to learners."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="reference_solutions")
    name = models.CharField(
        max_length=200, help_text="In a package its path, such as submissions/accepted/a.py."
    )
    language = models.CharField(max_length=30, choices=languages.choices, blank=True)
    source = models.TextField(blank=True)
    expected = models.JSONField(
        db_default=Value([Verdict.AC.value], models.JSONField()),
        default=accepted,
        help_text="Verdicts, one of which judging it must give; empty: any.",
    )
    score_low = models.DecimalField(
        max_digits=16,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="Least score it must get, on the question's own scale; empty: any.",
    )
    score_high = models.DecimalField(
        max_digits=16, decimal_places=6, null=True, blank=True, help_text="Most score it may get; empty: any."
    )
    rules = models.JSONField(
        db_default=Value([], models.JSONField()),
        default=list,
        blank=True,
        help_text="What single testcases must show, as `questions.expectations` writes it.",
    )
    bounds_time_limit = models.CharField(
        default="",
        db_default="",
        max_length=5,
        blank=True,
        choices=[("lower", "lower"), ("upper", "upper")],
        help_text="Whether the time limit must be above or below what it takes; empty: neither.",
    )
    skipped = models.CharField(
        default="",
        db_default="",
        max_length=200,
        blank=True,
        help_text="Why it cannot be judged here; empty where it can.",
    )

    class Meta:
        ordering = ["question", "name"]
        constraints = [
            models.UniqueConstraint(fields=["question", "name"], name="reference_solution_named_once")
        ]

    def __str__(self) -> str:
        return self.name
