"""The rows of judging: submissions, what was sent to backends, case results, and events.

The row is the truth; the queue is a doorbell; events are hints. Only `lifecycle` writes a status.
"""

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import ExpressionWrapper, Q
from django.db.models.functions import Now

from accounts.credentials import Credential
from accounts.models import User
from accounts.scopes import Scope
from execution import languages
from execution.types import Verdict
from questions.models import Question, ReferenceSolution

VERDICTS = [verdict.value for verdict in Verdict if verdict is not Verdict.SK]


def is_solution(verdict: str | None, score: Decimal | None) -> bool:
    return verdict == Verdict.AC and (score is None or score == 100)


def _has_expired() -> Q:
    return Q(kind=Submission.Kind.RUN, created_at__lte=Now() - timedelta(seconds=settings.EXECUTION_TTL_S))


class SubmissionQuerySet(models.QuerySet["Submission"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """One's own; all for staff who may see submissions."""
        if user.is_staff and user.has_perm("submissions.view_submission"):
            return self.all()
        return self.filter(user_id=user.pk) if user.pk else self.none()

    def visible_with(self, credential: Credential) -> Self:
        """One's own; as `visible_to` where the credential has the scope `admin`."""
        if credential.has(Scope.ADMIN):
            return self.visible_to(credential.user)
        return self.filter(user=credential.user)

    def graded(self) -> Self:
        return self.filter(kind=Submission.Kind.GRADED)

    def unfinished(self) -> Self:
        return self.filter(status__in=Submission.UNFINISHED)

    def final(self) -> Self:
        return self.exclude(status__in=Submission.UNFINISHED)

    def waiting_in(self, lane: str) -> Self:
        return self.filter(kind__in=Submission.LANES[lane], status=Submission.Status.QUEUED)

    def movable(self) -> Self:
        """Without those that wait for a server: they stand outside the line, and hold nobody up."""
        return self.filter(unavailable_since__isnull=True)

    def awaiting_backend(self, language: str) -> Self:
        return self.filter(unavailable_since__isnull=False, language=language)

    def kept(self) -> Self:
        """Without runs that have outlived their time: whatever is left of one, it can no longer be asked for."""
        return self.exclude(_has_expired())

    def with_expiry(self) -> Self:
        """With `has_expired`: whether it is a run that has outlived its time."""
        return self.annotate(has_expired=ExpressionWrapper(_has_expired(), models.BooleanField()))

    def without_texts(self) -> Self:
        """With their questions; programs and statements are large, and seldom what is asked for."""
        of_question = ("question__statement", "question__statement_html", "question__origin")
        texts = ("source", "compile_output", *of_question)
        return self.select_related("question").defer(*texts)

    def overdue(self) -> Self:
        """Those at which somebody must look, by the database's clock."""
        return self.filter(overdue_at__lte=Now())


class Submission(models.Model):
    """One program to be judged.

        queued ──claim──▶ running ──finish──▶ done (with a verdict)
          ▲                 │  └────fail────▶ error (ours; with a code)
          └────give back────┘

        queued ──cancel, or no backend for long──▶ error

    `attempt` is a fencing number: it rises with each claim, and whoever writes names the attempt it claimed.
    `seq` rises by one with every change that a follower may want to see. A run (`kind=run`) keeps its code, input
    and output in Redis only; its row holds what the history shows.
    """

    class Kind(models.TextChoices):
        GRADED = "graded"
        RUN = "run"
        VERIFICATION = "verification"
        REJUDGE = "rejudge"

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        ERROR = "error"

    UNFINISHED = (Status.QUEUED, Status.RUNNING)
    LANES = {"default": (Kind.GRADED, Kind.RUN), "low": (Kind.VERIFICATION, Kind.REJUDGE)}

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.GRADED)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="submissions")
    question = models.ForeignKey(
        Question,
        on_delete=models.PROTECT,
        null=True,
        related_name="submissions",
        help_text="Empty for a run outside any question.",
    )
    language = models.CharField(max_length=30, choices=languages.choices)
    source = models.TextField(blank=True, help_text="Empty for runs: theirs is in Redis.")
    source_bytes = models.PositiveIntegerField()
    revision = models.CharField(
        max_length=64, blank=True, help_text="What it was judged against; empty until claimed."
    )

    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED)
    verdict = models.CharField(  # noqa: DJ001 (no verdict is not an empty verdict)
        max_length=3,
        choices=[(v, v) for v in VERDICTS],
        null=True,
        help_text="Present exactly when the status is done.",
    )
    score = models.DecimalField(
        max_digits=6,
        decimal_places=2,
        null=True,
        help_text="0–100, of the points of all cases; while it is judged, as far as it is. Empty without points.",
    )
    earned = models.DecimalField(
        max_digits=16,
        decimal_places=6,
        default=Decimal(0),
        help_text="Points on the question's own scale, as far as it is judged.",
    )
    obtainable = models.DecimalField(
        max_digits=16,
        decimal_places=6,
        null=True,
        help_text="The most points there are; empty where there is no bound, and until claimed.",
    )
    groups = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        help_text="How its groups of cases stand: path, verdict, earned, obtainable.",
    )
    reason = models.CharField(
        max_length=40, blank=True, help_text="Code of an error, or what explains a verdict."
    )
    message = models.CharField(max_length=300, blank=True, help_text="The reason, for people.")
    compile_output = models.TextField(blank=True)
    cases_total = models.PositiveIntegerField(default=0)
    cases_judged = models.PositiveIntegerField(default=0)
    cases_passed = models.PositiveIntegerField(default=0)
    time_ms = models.PositiveIntegerField(null=True, help_text="Slowest case; empty if none ran.")
    memory_kib = models.PositiveIntegerField(null=True, help_text="Largest case; empty if none ran.")

    seq = models.PositiveIntegerField(default=1)
    attempt = models.PositiveIntegerField(default=0)
    interruptions = models.PositiveIntegerField(default=0)
    overdue_at = models.DateTimeField(
        null=True, help_text="When the sweeper must look at it; empty once it is final."
    )
    unavailable_since = models.DateTimeField(
        null=True, help_text="Since when no backend could be used; empty while one can."
    )

    of = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        related_name="rejudges",
        help_text="The original, for a rejudge.",
    )
    applied_at = models.DateTimeField(null=True, help_text="When a rejudge was applied.")
    rejudge_set = models.ForeignKey(
        "RejudgeSet",
        on_delete=models.PROTECT,
        null=True,
        related_name="rejudges",
        help_text="The set that a rejudge belongs to.",
    )
    was_verdict = models.CharField(  # noqa: DJ001 (no verdict is not an empty verdict)
        max_length=3, null=True, help_text="Of a rejudge: the original's; empty where that was an error."
    )
    was_score = models.DecimalField(
        max_digits=6, decimal_places=2, null=True, help_text="Of a rejudge: the original's, as `score` is."
    )
    was_earned = models.DecimalField(
        max_digits=16, decimal_places=6, null=True, help_text="Of a rejudge: the original's, as `earned` is."
    )
    solution = models.ForeignKey(
        ReferenceSolution,
        on_delete=models.CASCADE,
        null=True,
        related_name="verifications",
        help_text="What a verification judges; empty for all others.",
    )
    decided_by = models.PositiveIntegerField(
        null=True, help_text="Index of the case that made the verdict; empty where none did."
    )

    metadata = models.JSONField(null=True, blank=True, help_text="What the client sent with it, for itself.")
    request_id = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",  # so that a web of the release before may still write while a new one starts
        help_text="Of the request that it came by; logs are searched for it.",
    )
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, help_text="First claim; empty before.")
    finished_at = models.DateTimeField(null=True, help_text="Empty until final.")

    texts_purged_at = models.DateTimeField(
        null=True, help_text="When outputs were deleted for their age; empty while they are kept."
    )

    has_expired: bool  # of rows that were asked for `with_expiry`

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            # the list of one's own, and a question's history on the solve page
            models.Index(fields=["user", "kind", "-created_at"], name="submission_own"),
            models.Index(fields=["question", "user", "-created_at"], name="submission_history"),
            # the sweeper
            models.Index(
                fields=["overdue_at"],
                name="submission_overdue",
                condition=Q(overdue_at__isnull=False),
            ),
            # how many wait, and who waits before whom
            models.Index(
                fields=["kind", "created_at"],
                name="submission_waiting",
                condition=Q(status="queued"),
            ),
            # retention: runs by their age, and whose outputs are to go
            models.Index(fields=["created_at"], name="submission_run_age", condition=Q(kind="run")),
            models.Index(
                fields=["finished_at"],
                name="submission_texts_age",
                condition=Q(finished_at__isnull=False, texts_purged_at__isnull=True) & ~Q(kind="run"),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running", "done", "error"]),
                name="submission_status_known",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["graded", "run", "verification", "rejudge"]),
                name="submission_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(status="done", verdict__isnull=False, verdict__in=VERDICTS)
                | (~Q(status="done") & Q(verdict__isnull=True)),
                name="submission_verdict_iff_done",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running"], overdue_at__isnull=False)
                | Q(status__in=["done", "error"], overdue_at__isnull=True),
                name="submission_overdue_iff_unfinished",
            ),
            models.CheckConstraint(
                condition=Q(score__isnull=True) | Q(score__gte=0, score__lte=100),
                name="submission_score_in_range",
            ),
            models.CheckConstraint(
                condition=~Q(kind="run") | Q(source="", compile_output=""),
                name="submission_run_keeps_no_code",
            ),
            models.CheckConstraint(
                condition=Q(kind="run") | Q(question__isnull=False),
                name="submission_question_unless_run",
            ),
            models.UniqueConstraint(fields=["rejudge_set", "of"], name="one_rejudge_a_set"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} ({self.status})"

    @property
    def lane(self) -> str:
        """The queue that it waits in: `low` comes after learners."""
        return "low" if self.kind in self.LANES["low"] else "default"

    @property
    def is_final(self) -> bool:
        return self.status not in self.UNFINISHED

    @property
    def outcome(self) -> str | None:
        """passed, failed or error; None until final. What is accepted for a part of the points has failed."""
        if self.status == self.Status.ERROR:
            return "error"
        if self.status == self.Status.DONE:
            return "passed" if self.is_solved else "failed"
        return None

    @property
    def is_partial(self) -> bool:
        """Accepted, and still not solved."""
        return self.verdict == Verdict.AC and not self.is_solved

    @property
    def is_solved(self) -> bool:
        """Accepted, with all the points where there is a most of them: what is accepted may have earned a part only."""
        return is_solution(self.verdict, self.score)


class ExecutionManager(models.Manager["Execution"]):
    def get_queryset(self) -> models.QuerySet["Execution"]:
        return super().get_queryset().filter(kind=Submission.Kind.RUN)


class Execution(Submission):
    """A run: the row that the history shows of it; see `ephemeral` for what it keeps for a while."""

    objects = ExecutionManager()  # type: ignore[assignment, misc]  # fewer rows than its model's manager

    class Meta:
        proxy = True


class Receipt(models.Model):
    """What was answered to the first request with a user's Idempotency-Key; the next ones get the same."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="receipts")
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64, help_text="sha256 of address and body.")
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="receipts")
    answer = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="receipt_age")]
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_receipt_a_key")]

    def __str__(self) -> str:
        return f"{self.key} of {self.user_id}"


class Webhook(models.Model):
    """Whom to tell, once, that a submission has ended. `next_try_at` is null once nothing is to be tried any more."""

    submission = models.OneToOneField(Submission, on_delete=models.CASCADE, related_name="webhook")
    url = models.URLField(max_length=2000)
    origin = models.CharField(max_length=2000, help_text="The receiver, however the URL writes it.")
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, db_default=Now())
    delivered_at = models.DateTimeField(null=True)
    last_status = models.PositiveIntegerField(null=True, help_text="HTTP status of the last try.")
    last_error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["next_try_at"], name="webhook_due", condition=Q(next_try_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"webhook of {self.submission_id}"

    @property
    def address(self) -> str:
        """The URL without its query, which may hold a secret of the receiver."""
        return self.url.partition("#")[0].partition("?")[0]

    @property
    def state(self) -> str:
        if self.delivered_at is not None:
            return "delivered"
        return "waiting" if self.next_try_at is not None else "given_up"


class Placement(models.Model):
    """Cases that were handed to a backend, kept so that a restarted judging can ask there again."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="placements")
    attempt = models.PositiveIntegerField()
    indexes = models.JSONField()
    role = models.CharField(max_length=10)
    backend = models.CharField(max_length=300)
    tokens = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.role} of {len(self.indexes)} cases at {self.backend}"


class CaseResult(models.Model):
    """How one case went. What the case was (group, points, visibility) is kept as it was then.

    Output, stderr, exit code and the checker's words are kept for public cases only (of runs in Redis): a program can
    put its input into any of them, so nothing that it chooses is kept of a hidden case.
    """

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="case_results")
    index = models.PositiveIntegerField(help_text="From 1, in the order of judging.")
    group = models.CharField(max_length=200, blank=True)
    name = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="The author's; for authors."
    )
    points = models.DecimalField(max_digits=16, decimal_places=6, help_text="Obtainable.")
    earned = models.DecimalField(max_digits=16, decimal_places=6)
    public = models.BooleanField()
    verdict = models.CharField(max_length=3, choices=[(v.value, v.value) for v in Verdict])
    time_ms = models.PositiveIntegerField(null=True, help_text="Empty if it was not run.")
    memory_kib = models.PositiveIntegerField(null=True, help_text="Empty if it was not run.")
    exit_code = models.IntegerField(null=True, help_text="Empty if it did not exit, and on hidden cases.")
    signal = models.PositiveIntegerField(
        null=True, help_text="Empty if no signal ended it, and on hidden cases."
    )
    difference = models.CharField(max_length=20, blank=True)
    difference_message = models.TextField(blank=True)
    output = models.BinaryField(default=b"")
    stderr = models.BinaryField(default=b"")
    truncated = models.BooleanField(default=False)
    backend = models.CharField(max_length=300, blank=True)
    input_sha256 = models.CharField(max_length=64, blank=True)
    answer_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["index"]
        constraints = [
            models.UniqueConstraint(fields=["submission", "index"], name="one_result_a_case"),
            models.CheckConstraint(
                condition=Q(public=True)
                | Q(output=b"", stderr=b"", difference_message="", exit_code=None, signal=None),
                name="case_result_hidden_keeps_no_bytes",
            ),
        ]

    def __str__(self) -> str:
        return f"case {self.index}: {self.verdict}"


class CheckerNote(models.Model):
    """What an author's checker left behind: for authors alone, since it may quote hidden data.

    `name` is that of a file in its feedback directory, `printed` for what it printed, or `failure` for why it failed.
    """

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="checker_notes")
    index = models.PositiveIntegerField(
        null=True, help_text="Of the case; empty: of none, as when compiling."
    )
    name = models.CharField(max_length=100)
    text = models.BinaryField()

    class Meta:
        ordering = ["submission", "index", "name"]
        constraints = [
            models.UniqueConstraint(fields=["submission", "index", "name"], name="one_checker_note_a_name")
        ]

    def __str__(self) -> str:
        return f"{self.name} of case {self.index}"


class RejudgeSet(models.Model):
    """Submissions of one question that are judged again, and then applied or discarded, all together.

    choosing ──▶ judging ──apply──▶ applying ──▶ applied        (the originals get what their rejudges found)
       └────────────┴──discard──▶ discarding ──▶ discarded      (the rejudges are deleted)
    """

    class State(models.TextChoices):
        CHOOSING = "choosing"
        JUDGING = "judging"
        APPLYING = "applying"
        APPLIED = "applied"
        DISCARDING = "discarding"
        DISCARDED = "discarded"

    ENDED = (State.APPLIED, State.DISCARDED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="rejudge_sets")
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    chosen = models.JSONField(
        default=dict, help_text="By what its submissions were chosen, as `rejudging.Choice` writes it."
    )
    reason = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.CHOOSING)
    total = models.PositiveIntegerField(default=0, help_text="Submissions that were chosen.")
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, help_text="When it was applied or discarded.")

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=["choosing", "judging", "applying", "applied", "discarding", "discarded"]
                ),
                name="rejudge_set_state_known",
            ),
            models.UniqueConstraint(
                fields=["question"],
                condition=Q(state__in=["choosing", "judging", "applying", "discarding"]),
                name="one_open_rejudge_set_a_question",
            ),
        ]

    def __str__(self) -> str:
        return f"rejudge set of {self.question_id} ({self.state})"


class Event(models.Model):
    """One change that followers see. `payload` never holds code, input, answer or output."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    type = models.CharField(max_length=10)
    payload = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["submission", "seq"]
        indexes = [models.Index(fields=["created_at"], name="event_age")]
        constraints = [models.UniqueConstraint(fields=["submission", "seq"], name="event_seq_once")]

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"
