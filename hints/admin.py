"""Hints as authors look at them: what was asked for and shown, read only; never whose it was, nor any program."""

import json
from typing import Any, cast
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from hints.models import HintRequest
from hints.usage import LOOKED_AT, usage
from questions.models import Question
from submissions import report
from submissions.admin import ReadOnly

WITHIN_REACH = 5_000


class NewestOnly(Paginator[HintRequest]):
    """Pages of the newest rows; older ones are found with filters and the search. Counting all would take long."""

    @cached_property
    def count(self) -> int:
        rows = cast(QuerySet[HintRequest], self.object_list)
        return rows.order_by()[:WITHIN_REACH].count()


class WrittenBy(admin.SimpleListFilter):
    title = "who answered"
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("rules", "Rules"), ("model", "A language model")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[HintRequest]) -> QuerySet[HintRequest]:
        by_model = ~Q(model="") & Q(rule="")
        done = queryset.filter(status=HintRequest.Status.DONE)
        return {"rules": done.exclude(by_model), "model": done.filter(by_model)}.get(
            self.value() or "", queryset
        )


@admin.register(HintRequest)
class HintRequestAdmin(ReadOnly, admin.ModelAdmin[HintRequest]):
    list_display = (
        "asked",
        "question",
        "kind",
        "level",
        "who",
        "status",
        "helped",
        "tokens",
        "took",
    )
    list_filter = ("kind", "level", "status", WrittenBy, "was_helpful")
    search_fields = ("question__title", "question__slug", "=rule")
    list_select_related = ("question",)
    sortable_by = ("asked",)  # the others have no index
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    paginator = NewestOnly
    fields = (
        "question_link",
        "kind",
        "level",
        "language",
        "status",
        "code",
        "who",
        "refusals",
        "answer_shown",
        "helped",
        "tokens",
        "took",
        "asked",
        "id",
    )
    readonly_fields = (
        "question_link",
        "who",
        "refusals",
        "answer_shown",
        "helped",
        "tokens",
        "took",
        "asked",
    )

    class Media:
        css = {"all": ("admin-judge/hints.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[HintRequest]:
        rows = super().get_queryset(request)
        # The list shows no answer, and a page of them is long.
        is_list = request.resolver_match is not None and request.resolver_match.url_name == LIST
        return rows.defer("answer") if is_list else rows

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "question__id__exact" or super().lookup_allowed(lookup, value, request)

    def get_urls(self) -> list[URLPattern]:
        of_question = path(
            "of/<uuid:question_id>/",
            self.admin_site.admin_view(self.usage_view),
            name="hints_hintrequest_usage",
        )
        return [of_question, *super().get_urls()]

    def usage_view(self, request: HttpRequest, question_id: UUID) -> HttpResponse:
        """Open to who may see the question and hints."""
        if not (self.has_view_permission(request) and request.user.has_perm("questions.view_question")):
            raise PermissionDenied
        question = get_object_or_404(Question, pk=question_id)
        context = {
            "title": f"Hints of “{question.title}”",
            "question": question,
            "found": usage(question),
            "looked_at": LOOKED_AT,
            "opts": self.opts,
        }
        return TemplateResponse(
            request, "admin/hints/usage.html", self.admin_site.each_context(request) | context
        )

    @admin.display(description="question")
    def question_link(self, request: HintRequest) -> str:
        if request.question is None:
            return "none"
        address = reverse("admin:questions_question_change", args=[request.question.pk])
        return format_html('<a href="{}">{}</a>', address, request.question)

    @admin.display(description="answered by")
    def who(self, request: HintRequest) -> str:
        if request.status != HintRequest.Status.DONE:
            return "–"
        return f"{request.written_by}: {request.rule}" if request.rule else request.written_by

    @admin.display(description="helped", boolean=True)
    def helped(self, request: HintRequest) -> bool | None:
        return request.was_helpful

    @admin.display(description="asked", ordering="created_at")
    def asked(self, request: HintRequest) -> str:
        return date_format(timezone.localtime(request.created_at), "j M Y, H:i:s")

    @admin.display(description="refused")
    def refusals(self, request: HintRequest) -> str:
        return ", ".join(request.refused) or "–"

    @admin.display(description="answer")
    def answer_shown(self, request: HintRequest) -> SafeString:
        text = json.dumps(request.answer, indent=2, ensure_ascii=False) if request.answer else "–"
        return format_html('<pre class="answer">{}</pre>', text)

    @admin.display(description="tokens")
    def tokens(self, request: HintRequest) -> str:
        return f"{request.tokens_in} + {request.tokens_out}" if request.model else "–"

    @admin.display(description="took")
    def took(self, request: HintRequest) -> str:
        return "–" if request.took_ms is None else report.duration(request.took_ms)


LIST = "hints_hintrequest_changelist"
