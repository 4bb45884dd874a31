"""Questions, their testcases and reference solutions; testcase data as content-addressed bytes."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Self

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
from execution.types import (
    Case,
    Checker,
    CheckerKind,
    Limits,
    RunPolicy,
    Scoring,
    ScoringMode,
    Verdict,
)
from questions import statements

PREVIEW_BYTES = 60
SHELF_BYTES = 1024 * 1024
SHELF_BLOBS = 200


def _first_bytes(field: str, count: int) -> Coalesce:
    """Cut off by the database; SQLite gives NULL for no bytes at all."""
    return Coalesce(Substr(field, 1, count), Value(b""), output_field=models.BinaryField())


class BlobQuerySet(models.QuerySet["Blob"]):
    def unused(self) -> Self:
        """Those that no testcase refers to."""
        return self.exclude(
            Exists(TestCase.objects.filter(input=OuterRef("pk"))),
        ).exclude(
            Exists(TestCase.objects.filter(answer=OuterRef("pk"))),
        )

    def first_bytes(self, sha256: str, count: int) -> bytes:
        """The first `count` bytes of one blob, cut off by the database."""
        return bytes(self.values_list(_first_bytes("data", count), flat=True).get(pk=sha256))

    def beginnings(self, among: Iterable[str], count: int) -> dict[str, bytes]:
        """The first `count` bytes of each, by hash; hashes that are not stored are left out."""
        rows = self.filter(pk__in=set(among)).values_list("pk", _first_bytes("data", count))
        return {pk: bytes(data) for pk, data in rows}

    def delete_unused(self, among: Iterable[str]) -> None:
        """Delete those of the hashes `among` that no testcase refers to any more.

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
        validators=[MinValueValidator(50), MaxValueValidator(20_000)],
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
        default=1e-6, validators=[MinValueValidator(0)], help_text="For the checker “floats”."
    )
    relative_tolerance = models.FloatField(
        default=1e-6, validators=[MinValueValidator(0)], help_text="For the checker “floats”."
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
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("solve", args=[self.slug])

    def write_statement(self, markdown: str) -> None:
        """Set the statement and its HTML, not saved yet; raises StatementRefused when it is too large."""
        text = markdown.replace("\r\n", "\n")
        self.statement_html = statements.render(text)
        self.statement = text

    def is_referred_to(self) -> bool:
        """Whether something outside refers to it that must not lose it, as a submission does."""
        return any(
            relation.related_model._base_manager.filter(**{relation.field.name: self}).exists()
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
            total_ms=settings.MAX_TOTAL_RUNTIME_S * 1000,
        )

    def judging_checker(self) -> Checker:
        return Checker(CheckerKind(self.checker), self.absolute_tolerance, self.relative_tolerance)

    def judging_scoring(self) -> Scoring:
        return Scoring(ScoringMode(self.scoring))

    def revision(self, cases: Sequence["StoredCase"]) -> str:
        """sha256 over what decides a verdict: these cases in order, checker, limits, policy and scoring."""
        decides = [
            [
                [case.public, case.group, str(case.points), case.input_sha256, case.answer_sha256]
                for case in cases
            ],
            [self.checker, self.absolute_tolerance, self.relative_tolerance],
            [self.time_limit_ms, self.memory_limit_kib, self.output_limit_kib],
            [self.run_policy, self.scoring],
        ]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()


class TestCaseQuerySet(models.QuerySet["TestCase"]):
    def public(self) -> Self:
        return self.filter(visibility=TestCase.Visibility.PUBLIC)

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
                "input_id", "input__size", "answer_id", "answer__size", "group", "points", "visibility"
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
            )
            for index, (input_sha256, size, answer_sha256, _, group, points, visibility) in enumerate(rows, 1)
        ]


@dataclass(frozen=True)
class StoredCase(Case):
    """A case together with the names of its blobs."""

    input_sha256: str = ""
    answer_sha256: str = ""
    input_bytes: int = 0


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
    group = models.CharField(max_length=60, blank=True)
    points = models.DecimalField(
        max_digits=8, decimal_places=2, default=Decimal(1), validators=[MinValueValidator(0)]
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
    name = models.CharField(max_length=80)
    language = models.CharField(max_length=30, choices=languages.choices)
    source = models.TextField()
    expected_verdict = models.CharField(
        max_length=3,
        choices=[(v.value, v.value) for v in Verdict if v is not Verdict.SK],
        default=Verdict.AC.value,
    )

    class Meta:
        ordering = ["question", "name"]
        constraints = [
            models.UniqueConstraint(fields=["question", "name"], name="reference_solution_named_once")
        ]

    def __str__(self) -> str:
        return self.name
