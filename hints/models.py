"""What was asked for and what came of it: the learner reads it again, authors see what hints are used for.

No program, error message or prompt is kept here (while it is worked on they are in Redis, see `hints.kept`), nor
anything of an answer that was refused but why.
"""

import uuid
from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from execution import languages
from execution.types import Verdict
from hints.answers import Kind, Level
from questions.models import Question
from submissions.models import VERDICTS, Submission


class HintRequestQuerySet(models.QuerySet["HintRequest"]):
    def hints(self) -> Self:
        return self.filter(kind=Kind.HINT)

    def of(self, user: User) -> Self:
        return self.filter(user=user)

    def answered(self) -> Self:
        return self.filter(status=HintRequest.Status.DONE)

    def given(self) -> Self:
        """That told of a failure: a word on a program that passed gives nothing away."""
        return self.answered().exclude(verdict=Verdict.AC)

    def newest_of_each_level(self) -> dict[int | None, "HintRequest"]:
        return {one.level: one for one in reversed(self)}

    def lost(self) -> Self:
        """Those that nobody will answer any more, though nothing says so yet."""
        return self.filter(status__in=HintRequest.UNFINISHED, created_at__lte=Now() - HintRequest.LOST_AFTER)

    def counting(self) -> Self:
        """Those that were answered or may yet be."""
        is_coming = Q(status__in=HintRequest.UNFINISHED, created_at__gt=Now() - HintRequest.LOST_AFTER)
        return self.filter(Q(status=HintRequest.Status.DONE) | is_coming)


class HintRequest(models.Model):
    """One hint, review or analysis.

        queued ──▶ working ──▶ done (with an answer)
          └──────────┴───────▶ failed (with a code)

    Whoever is waited for longer than LOST_AFTER is lost: nothing of it counts, and one may ask again.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        WORKING = "working"
        DONE = "done"
        FAILED = "failed"

    UNFINISHED = (Status.QUEUED, Status.WORKING)
    LOST_AFTER = timedelta(seconds=120)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=[(kind.value, kind.value) for kind in Kind])
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="hint_requests")
    question = models.ForeignKey(
        Question,
        on_delete=models.CASCADE,
        null=True,
        related_name="hint_requests",
        help_text="Empty for code outside any question.",
    )
    submission = models.ForeignKey(
        Submission,
        on_delete=models.SET_NULL,
        null=True,
        related_name="hint_requests",
        help_text="The judging that it is about; runs are gone after a while.",
    )
    level = models.PositiveSmallIntegerField(
        null=True, choices=[(level.value, level.name.lower()) for level in Level], help_text="Of hints."
    )
    language = models.CharField(max_length=30, choices=languages.choices)
    source_sha256 = models.CharField(max_length=64, help_text="Of the program, to know it again.")

    verdict = models.CharField(
        max_length=3,
        blank=True,
        choices=[(verdict, verdict) for verdict in VERDICTS],
        help_text="Of that judging, once it is answered; empty where nothing was judged.",
    )

    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED)
    code = models.CharField(max_length=40, blank=True, help_text="Why it failed.")
    answer = models.JSONField(null=True, help_text="As it was shown; empty until done.")
    rule = models.CharField(max_length=60, blank=True, help_text="The rule that answered, if one did.")
    provider = models.CharField(
        max_length=20, blank=True, help_text="Whose model was asked; empty: nobody's."
    )
    model = models.CharField(max_length=100, blank=True)
    refused = models.JSONField(
        default=list,
        help_text="Why no answer of a model was taken, in order: by guard or schema, or the provider's failure.",
    )
    tokens_in = models.PositiveIntegerField(
        default=0, help_text="As the provider counted them; of an answer that was cut off there are none."
    )
    tokens_out = models.PositiveIntegerField(default=0)
    took_ms = models.PositiveIntegerField(null=True)
    was_helpful = models.BooleanField(null=True, help_text="What its reader said; empty: nothing.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True)

    objects = HintRequestQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["user", "question", "-created_at"], name="hint_own"),
            models.Index(fields=["question", "-created_at"], name="hint_of_question"),
            models.Index(fields=["created_at"], name="hint_age"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="hint", level__isnull=False) | (~Q(kind="hint") & Q(level__isnull=True)),
                name="hint_level_iff_hint",
            ),
            models.CheckConstraint(
                condition=Q(status="done", answer__isnull=False)
                | (~Q(status="done") & Q(answer__isnull=True)),
                name="hint_answer_iff_done",
            ),
            models.UniqueConstraint(
                fields=["submission", "level"],
                condition=Q(kind="hint") & ~Q(status="failed"),
                name="one_hint_a_level_of_a_judging",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} ({self.status})"

    @property
    def told_level(self) -> Level | None:
        """How much a hint gives away: of a program that turned out to pass it is a nudge, whatever was asked for."""
        if self.level is None:
            return None
        return Level.NUDGE if self.verdict == Verdict.AC else Level(self.level)

    @property
    def is_awaited(self) -> bool:
        """Whether an answer may still come."""
        is_over = self.status in (self.Status.DONE, self.Status.FAILED)
        return not is_over and timezone.now() < self.created_at + self.LOST_AFTER

    @property
    def is_by_model(self) -> bool:
        """Whether a language model wrote the answer: no rule did, though a model may have been asked in vain."""
        return self.status == self.Status.DONE and bool(self.model) and not self.rule

    @property
    def written_by(self) -> str:
        """`rules`, or the provider and its model; of an answer."""
        return f"{self.provider}, {self.model}" if self.is_by_model else "rules"
