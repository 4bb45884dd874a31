"""Submissions as authors look at them: read only. What changes one is judging, never a form."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from submissions.models import CaseResult, Submission


class ReadOnly:
    """Nobody adds, changes or deletes these rows by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class CaseResultInline(ReadOnly, admin.TabularInline):
    model = CaseResult
    fields = (
        "index",
        "group",
        "public",
        "verdict",
        "earned",
        "points",
        "time_ms",
        "memory_kib",
        "exit_code",
        "signal",
        "difference",
        "backend",
    )
    readonly_fields = fields

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("submissions.view_submission")


@admin.register(Submission)
class SubmissionAdmin(ReadOnly, admin.ModelAdmin):
    list_display = (
        "created_at",
        "question",
        "user",
        "language",
        "kind",
        "status",
        "verdict",
        "score",
        "time_ms",
    )
    list_filter = ("kind", "status", "verdict", "language", ("question", admin.RelatedOnlyFieldListFilter))
    search_fields = ("user__username", "question__title", "=id")
    list_select_related = ("question", "user")
    date_hierarchy = "created_at"
    show_full_result_count = False
    inlines = (CaseResultInline,)
    fields = (
        "page",
        ("question", "user", "kind"),
        ("status", "verdict", "score"),
        ("reason", "message"),
        ("time_ms", "memory_kib", "cases_judged", "cases_total"),
        ("attempt", "interruptions", "revision"),
        ("created_at", "started_at", "finished_at"),
        "language",
        "program",
        "compile_output",
    )
    readonly_fields = ("page", "program")

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

    @admin.display(description="program")
    def program(self, submission: Submission) -> SafeString:
        return format_html("<pre>{}</pre>", submission.source)
