"""Submissions as authors look at them: read only. What changes one is judging, never a form."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from execution.types import VERDICT_NAMES, Verdict
from questions import previews
from submissions import lifecycle, report
from submissions.models import CaseResult, CheckerNote, Submission, Webhook

NOTES_SHOWN = 50


class ReadOnly:
    """Nobody adds, changes or deletes these rows by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _moment(time: datetime | None) -> str:
    """As on learners' pages."""
    return date_format(timezone.localtime(time), "j M Y, H:i:s") if time else "–"


def _time(row: CaseResult | Submission) -> str:
    return "–" if row.time_ms is None else report.duration(row.time_ms)


def _memory(row: CaseResult | Submission) -> str:
    return "–" if row.memory_kib is None else report.memory(row.memory_kib)


def _note(note: CheckerNote) -> SafeString:
    """Whatever an author's checker wrote; it may be no text."""
    title = note.name if note.index is None else f"case {note.index}, {note.name}"
    return format_html("<p>{}</p><pre>{}</pre>", title, previews.shown(bytes(note.text)))


class CaseResultInline(ReadOnly, admin.TabularInline):
    model = CaseResult
    fields = (
        "case",
        "name",
        "group",
        "verdict_name",
        "points_earned",
        "time",
        "memory",
        "ending",
        "difference",
    )
    readonly_fields = fields

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("submissions.view_submission")

    @admin.display(description="case")
    def case(self, result: CaseResult) -> str:
        return f"{result.index}, {'public' if result.public else 'hidden'}"

    @admin.display(description="verdict")
    def verdict_name(self, result: CaseResult) -> str:
        return VERDICT_NAMES[Verdict(result.verdict)]

    @admin.display(description="points")
    def points_earned(self, result: CaseResult) -> str:
        return f"{result.earned.normalize():f} of {result.points.normalize():f}"

    @admin.display(description="time")
    def time(self, result: CaseResult) -> str:
        return _time(result)

    @admin.display(description="memory")
    def memory(self, result: CaseResult) -> str:
        return _memory(result)

    @admin.display(description="ended with")
    def ending(self, result: CaseResult) -> str:
        if result.signal:
            return f"signal {result.signal}"
        return "–" if result.exit_code is None else f"exit code {result.exit_code}"


@admin.register(Submission)
class SubmissionAdmin(ReadOnly, admin.ModelAdmin):
    list_display = (
        "sent",
        "question",
        "user",
        "language",
        "kind",
        "status",
        "verdict_name",
        "score",
        "time",
    )
    list_filter = ("kind", "status", "verdict", "language", ("question", admin.RelatedOnlyFieldListFilter))
    search_fields = ("user__username", "question__title", "=id")
    list_select_related = ("question", "user")
    date_hierarchy = "created_at"
    show_full_result_count = False
    inlines = (CaseResultInline,)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "page",
                    ("question_link", "learner", "kind"),
                    ("status", "verdict_name", "points"),
                    "message_shown",
                    ("cases", "time", "memory"),
                    ("sent", "started", "finished"),
                    "language",
                    "program",
                    "compiler_output",
                    "checker_said",
                )
            },
        ),
        (
            "Technical",
            {
                "classes": ("collapse",),
                "fields": ("id", "request_id", "reason_code", "attempts", "judged_with", "judged_against"),
            },
        ),
    )
    readonly_fields = (
        "page",
        "question_link",
        "learner",
        "verdict_name",
        "points",
        "message_shown",
        "cases",
        "time",
        "memory",
        "sent",
        "started",
        "finished",
        "program",
        "compiler_output",
        "checker_said",
        "reason_code",
        "attempts",
        "judged_with",
        "judged_against",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Submission]:
        rows: QuerySet[Submission] = super().get_queryset(request)
        return rows.defer("source", "compile_output")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "question__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="page")
    def page(self, submission: Submission) -> SafeString:
        return format_html(
            '<a href="{}">as the learner sees it</a>', reverse("submission", args=[submission.pk])
        )

    @admin.display(description="question")
    def question_link(self, submission: Submission) -> str:
        if submission.question is None:
            return "none"
        address = reverse("admin:questions_question_change", args=[submission.question.pk])
        return format_html('<a href="{}">{}</a>', address, submission.question)

    @admin.display(description="learner")
    def learner(self, submission: Submission) -> str:
        return submission.user.get_username()

    @admin.display(description="verdict", ordering="verdict")
    def verdict_name(self, submission: Submission) -> str:
        return VERDICT_NAMES[Verdict(submission.verdict)] if submission.verdict else "–"

    @admin.display(description="score")
    def points(self, submission: Submission) -> str:
        if submission.score is None:
            return f"{report.points(submission.earned)} points" if submission.earned else "–"
        return f"{submission.score.normalize():f} of 100"

    @admin.display(description="message")
    def message_shown(self, submission: Submission) -> str:
        return submission.message or "–"

    @admin.display(description="cases")
    def cases(self, submission: Submission) -> str:
        passed, total = submission.cases_passed, submission.cases_total
        return f"{submission.cases_judged} of {total} decided, {passed} passed"

    @admin.display(description="time", ordering="time_ms")
    def time(self, submission: Submission) -> str:
        return _time(submission)

    @admin.display(description="memory", ordering="memory_kib")
    def memory(self, submission: Submission) -> str:
        return _memory(submission)

    @admin.display(description="sent", ordering="created_at")
    def sent(self, submission: Submission) -> str:
        return _moment(submission.created_at)

    @admin.display(description="started")
    def started(self, submission: Submission) -> str:
        return _moment(submission.started_at)

    @admin.display(description="finished")
    def finished(self, submission: Submission) -> str:
        return _moment(submission.finished_at)

    @admin.display(description="program")
    def program(self, submission: Submission) -> SafeString:
        return format_html("<pre>{}</pre>", submission.source)

    @admin.display(description="compiler output")
    def compiler_output(self, submission: Submission) -> SafeString:
        return format_html("<pre>{}</pre>", submission.compile_output or "–")

    @admin.display(description="checker")
    def checker_said(self, submission: Submission) -> str:
        """Of an author's own checker: why it failed, then what it left behind of the first cases."""
        notes = list(submission.checker_notes.order_by("index", "name")[: NOTES_SHOWN + 1])
        failures = submission.checker_notes.filter(name=lifecycle.FAILURE)
        others = [note for note in notes[:NOTES_SHOWN] if note.name != lifecycle.FAILURE]
        shown = [_note(note) for note in (*failures, *others)]
        if len(notes) > NOTES_SHOWN:
            shown.append(format_html("<p>and more</p>"))
        return format_html_join("", "{}", ((one,) for one in shown)) or "–"

    @admin.display(description="reason")
    def reason_code(self, submission: Submission) -> str:
        return submission.reason or "–"

    @admin.display(description="attempts")
    def attempts(self, submission: Submission) -> str:
        return f"{submission.attempt}, of which {submission.interruptions} were interrupted"

    @admin.display(description="judged with")
    def judged_with(self, submission: Submission) -> str:
        backends = set(submission.case_results.exclude(backend="").values_list("backend", flat=True))
        return ", ".join(sorted(backends)) or "–"

    @admin.display(description="judged against")
    def judged_against(self, submission: Submission) -> str:
        return f"revision {submission.revision}" if submission.revision else "–"


@admin.register(Webhook)
class WebhookAdmin(ReadOnly, admin.ModelAdmin):
    """Whom the platform tells that submissions have ended, and whether it got through."""

    list_display = (
        "submission_id",
        "user",
        "address",
        "state",
        "attempts",
        "last_status",
        "last_error",
        "next",
    )
    list_display_links = None
    list_filter = (
        ("delivered_at", admin.EmptyFieldListFilter),
        ("next_try_at", admin.EmptyFieldListFilter),
        "last_status",
    )
    search_fields = ("submission__user__username", "=submission__id")
    list_select_related = ("submission__user",)
    ordering = ("-created_at", "-pk")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        rows: QuerySet[Webhook] = super().get_queryset(request)
        return rows.defer("submission__source", "submission__compile_output")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_view_permission(request)  # the list says all that there is

    @admin.display(description="user")
    def user(self, webhook: Webhook) -> str:
        return webhook.submission.user.get_username()

    @admin.display(description="state")
    def state(self, webhook: Webhook) -> str:
        return webhook.state.replace("_", " ")

    @admin.display(description="next try")
    def next(self, webhook: Webhook) -> str:
        return _moment(webhook.next_try_at)
