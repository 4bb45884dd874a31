"""Authoring in Django admin: questions, and their testcases on pages of their own.

A question's page never lists its testcases, for there may be hundreds of megabytes of them; it says how many there
are and leads to their list, which loads the first bytes of each and nothing more.
"""

import io
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.db.models import Count, ProtectedError, Q, QuerySet, Sum
from django.forms import ModelForm
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import get_object_or_404, redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from execution import languages
from execution.types import CheckerKind
from questions import publishing, statements, testcases
from questions.forms import (
    CheckerFilesForm,
    CodeField,
    PointsField,
    QuestionForm,
    ReferenceSolutionForm,
    TestCaseForm,
)
from questions.models import Blob, Question, QuestionFile, ReferenceSolution, StarterCode, Tag, TestCase
from questions.package_pages import PackagePages
from questions.previews import as_line

KEPT = (
    "“{}” has submissions, so it cannot be deleted. Archive it instead: learners no longer see it, "
    "and nothing is lost."
)
EMPTY_ANSWER = "The answer of {} is empty: a program passes it by printing nothing."


def _uuid(text: str) -> UUID:
    """One that is nothing's where it is none."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def as_download(data: bytes, name: str) -> FileResponse:
    """Bytes as they are; whatever they are, no browser shows them."""
    return FileResponse(
        io.BytesIO(data), as_attachment=True, filename=name, content_type="application/octet-stream"
    )


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin[Tag]):
    search_fields = ("name",)


class StarterCodeInline(admin.StackedInline[StarterCode, Question]):
    model = StarterCode
    extra = 0
    max_num = len(languages.LANGUAGES)
    verbose_name_plural = "starter code"
    formfield_overrides = {models.TextField: {"form_class": CodeField}}


@admin.register(Question)
class QuestionAdmin(PackagePages):
    form = QuestionForm
    inlines = (StarterCodeInline,)
    view_on_site = False  # drafts have no page on the site; the panel links to what authors see
    save_on_top = True
    list_display = ("title", "slug", "state", "difficulty", "testcase_count", "updated_at")
    list_filter = ("state", "difficulty", "tags")
    list_per_page = 50
    search_fields = ("title", "slug", "summary")
    prepopulated_fields = {"slug": ("title",)}
    filter_horizontal = ("tags",)
    actions = ("publish", "unpublish", "archive", "restore", "delete_selected")
    fieldsets = (
        (None, {"fields": ("title", "slug", "summary", "difficulty", "tags")}),
        ("Statement", {"fields": ("statement",)}),
        ("Where it comes from", {"fields": ("credits", "source", "source_url", "licence")}),
        (
            "Limits",
            {
                "fields": (
                    ("time_limit_ms", "time_limit_is_derived"),
                    ("memory_limit_kib", "output_limit_kib"),
                    ("time_factors", "total_runtime_s"),
                    "allowed_languages",
                )
            },
        ),
        (
            "Judging",
            {
                "fields": (
                    "checker",
                    ("absolute_tolerance", "relative_tolerance"),
                    "checker_arguments",
                    ("checker_protocol", "interactive"),
                    ("checker_time_limit_ms", "checker_memory_limit_kib"),
                    "run_policy",
                    "scoring",
                    "groups",
                    "explain_hidden",
                    "offers_hints",
                )
            },
        ),
    )

    class Media:
        css = {"all": ("admin-judge/authoring.css", "css/highlight.css")}

    # --- the list ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[Question]:
        return super().get_queryset(request).annotate(case_count=Count("testcases", distinct=True))

    @admin.display(description="testcases", ordering="case_count")
    def testcase_count(self, question: Question) -> int:
        return question.case_count  # type: ignore[attr-defined]  # annotated above

    @admin.action(permissions=["change"], description="Publish selected questions")
    def publish(self, request: HttpRequest, questions: QuerySet[Question]) -> None:
        """Those about which there is no doubt; the others are asked about one by one, on their pages."""
        for question in questions:
            if doubts := self._doubts(question):
                words = f"“{question}” stays {question.state}. {' '.join(doubts)} Publish it from its page."
                self.message_user(request, words, messages.WARNING)
            else:
                self._take(request, "publish", question)

    @admin.action(permissions=["change"], description="Make selected questions drafts again")
    def unpublish(self, request: HttpRequest, questions: QuerySet[Question]) -> None:
        self._take_all(request, "unpublish", questions)

    @admin.action(permissions=["change"], description="Archive selected questions")
    def archive(self, request: HttpRequest, questions: QuerySet[Question]) -> None:
        self._take_all(request, "archive", questions)

    @admin.action(permissions=["change"], description="Restore selected questions as drafts")
    def restore(self, request: HttpRequest, questions: QuerySet[Question]) -> None:
        self._take_all(request, "restore", questions)

    @admin.action(permissions=["delete"], description="Delete selected questions")
    def delete_selected(
        self, request: HttpRequest, questions: QuerySet[Question]
    ) -> HttpResponse | TemplateResponse | None:
        """All of them, or none when one must be kept."""
        kept = [question for question in questions if question.is_referred_to()]
        for question in kept:
            self.message_user(request, KEPT.format(question), messages.ERROR)
        return None if kept else delete_selected(self, request, questions)

    # --- states ---

    def _take_all(self, request: HttpRequest, name: str, questions: QuerySet[Question]) -> None:
        for question in questions:
            self._take(request, name, question)

    def _take(self, request: HttpRequest, name: str, question: Question) -> None:
        """One step, logged, with a message about how it went."""
        step = publishing.STEPS[name]
        try:
            publishing.take(step, question)
        except publishing.StepRefused as refused:
            reasons = " ".join(refused.reasons)
            self.message_user(request, f"“{question}” stays {question.state}. {reasons}", messages.ERROR)
        else:
            self.log_change(request, question, f"{step.label}.")
            self.message_user(request, f"“{question}” is {step.done}.", messages.SUCCESS)

    def _doubts(self, question: Question) -> list[str]:
        """None where it cannot be published anyway: what is missing comes first."""
        is_ready = question.state == Question.State.DRAFT and not publishing.missing(question)
        return publishing.doubts(question) if is_ready else []

    def _publish(self, request: HttpRequest, question: Question) -> HttpResponse:
        """Publish it, or ask whether that is meant."""
        if "anyway" not in request.POST and (doubts := self._doubts(question)):
            context = self.admin_site.each_context(request) | {
                "title": f"Publish “{question}”?",
                "question": question,
                "doubts": doubts,
            }
            return TemplateResponse(request, "admin/questions/question/publish.html", context)
        self._take(request, "publish", question)
        return redirect("admin:questions_question_change", question.pk)

    def state_view(self, request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        question = get_object_or_404(Question, pk=pk)
        if not self.has_change_permission(request, question):
            raise PermissionDenied
        if name == "publish":
            return self._publish(request, question)
        self._take(request, name, question)
        return redirect("admin:questions_question_change", pk)

    # --- the form ---

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        steps = [
            path(
                f"<uuid:pk>/{name}/", view(self.state_view), {"name": name}, name=f"questions_question_{name}"
            )
            for name in publishing.STEPS
        ]
        preview = path("preview/", view(self.preview_view), name="questions_question_preview")
        checker = [
            path("<uuid:pk>/checker/", view(self.checker_view), name="questions_question_checker"),
            path(
                "<uuid:pk>/checker/<int:file>/",
                view(self.checker_file_view),
                name="questions_question_checkerfile",
            ),
        ]
        return [preview, *steps, *checker, *super().get_urls()]

    def checker_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The files of the author's checker: which there are, more of them, fewer of them."""
        question = get_object_or_404(Question, pk=pk)
        if not self.has_change_permission(request, question):
            raise PermissionDenied
        form = CheckerFilesForm(request.POST or None, request.FILES or None, question=question)
        if request.method == "POST" and form.is_valid():
            form.save()
            self.log_change(request, question, "Changed the checker's files.")
            return redirect("admin:questions_question_checker", pk)
        context = self.admin_site.each_context(request) | {
            "title": f"Checker of “{question}”",
            "question": question,
            "form": form,
            "is_used": question.checker == CheckerKind.PROGRAM,
        }
        return TemplateResponse(request, "admin/questions/question/checker.html", context)

    def checker_file_view(self, request: HttpRequest, pk: UUID, file: int) -> FileResponse:
        """One of its files, to be saved."""
        question = get_object_or_404(Question, pk=pk)
        if not self.has_view_permission(request, question):
            raise PermissionDenied
        found = get_object_or_404(
            question.files.select_related("blob"), pk=file, kind=QuestionFile.Kind.CHECKER
        )
        return as_download(bytes(found.blob.data), PurePosixPath(found.path).name)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """The statement in the request as {"html"}, or {"error"} with what is wrong with it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not (self.has_change_permission(request) or self.has_add_permission(request)):
            raise PermissionDenied
        try:
            pictures = Question(pk=_uuid(request.GET.get("question", ""))).pictures_url()
            return JsonResponse(
                {"html": statements.render(request.POST.get("statement", ""), pictures=pictures)}
            )
        except statements.StatementRefused as refused:
            return JsonResponse({"error": str(refused)})  # while somebody types this is no bad request

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Question | None = None,
    ) -> HttpResponse:
        if obj is not None:
            steps = [
                (step.label, reverse(f"admin:questions_question_{step.name}", args=[obj.pk]))
                for step in publishing.steps_from(obj.state)
            ]
            context |= {"panel": self._panel(obj), "steps": steps}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _panel(self, question: Question) -> dict[str, Any]:
        """How many testcases of what size, for the page's head."""
        return question.testcases.aggregate(
            total=Count("pk"),
            public=Count("pk", filter=Q(visibility=TestCase.Visibility.PUBLIC)),
            size=Sum("input__size", default=0) + Sum("answer__size", default=0),
        )

    def save_model(
        self, request: HttpRequest, question: Question, form: ModelForm[Question], change: bool
    ) -> None:
        if not change:
            question.author = request.user  # type: ignore[assignment]  # staff have signed in
            question.save()
            return
        # Only what this form shows: the state may have changed since it was opened.
        shown = [field.name for field in Question._meta.concrete_fields if field.name in form.cleaned_data]
        question.save(update_fields=[*shown, "statement_html", "updated_at"])

    def response_add(
        self, request: HttpRequest, question: Question, post_url_continue: str | None = None
    ) -> HttpResponse:
        answer = super().response_add(request, question, post_url_continue)
        if "_publish" in request.POST:
            self._take(request, "publish", question)
        if {"_continue", "_addanother", IS_POPUP_VAR} & request.POST.keys():
            return answer
        # What comes next is its testcases, and the way to them is on its page.
        return redirect("admin:questions_question_change", question.pk)

    def response_change(self, request: HttpRequest, question: Question) -> HttpResponse:
        answer = super().response_change(request, question)
        return self._publish(request, question) if "_publish" in request.POST else answer

    # --- deletion ---

    def get_deleted_objects(
        self, objs: QuerySet[Question] | Sequence[Question], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Counted, not listed: there may be thousands of cases, and as many results of verifying."""
        keys = [question.pk for question in objs]
        counts = {
            "questions": len(keys),
            "testcases": TestCase.objects.filter(question__in=keys).count(),
            "reference solutions": ReferenceSolution.objects.filter(question__in=keys).count(),
        }
        return [str(question) for question in objs], counts, set(), []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        question = self.get_object(request, object_id)
        if question is None or not self.has_delete_permission(request, question):
            return super().delete_view(request, object_id, extra_context)
        try:
            if not question.is_referred_to():
                return super().delete_view(request, object_id, extra_context)
        except ProtectedError:  # somebody submitted a moment ago
            pass
        self.message_user(request, KEPT.format(question), messages.ERROR)
        return redirect("admin:questions_question_change", object_id)

    def delete_model(self, request: HttpRequest, question: Question) -> None:
        testcases.remove_question(question)

    def delete_queryset(self, request: HttpRequest, questions: QuerySet[Question]) -> None:
        for question in questions:
            testcases.remove_question(question)


@admin.register(TestCase)
class TestCaseAdmin(admin.ModelAdmin[TestCase]):
    """Reached from a question only: the list is always that of one question."""

    form = TestCaseForm
    list_display = (
        "__str__",
        "name",
        "order",
        "visibility",
        "group",
        "points",
        "input_size",
        "input_preview",
        "answer_size",
        "answer_preview",
    )
    list_editable = ("order", "visibility", "group", "points")
    search_fields = ("name", "group", "note")
    formfield_overrides = {models.DecimalField: {"form_class": PointsField}}
    # 100 rows of 6 fields stay below DATA_UPLOAD_MAX_NUMBER_FIELDS
    list_per_page = 100
    list_max_show_all = 150
    show_full_result_count = False
    actions = ("make_public", "make_hidden", "renumber", "delete_selected")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "question",
                    "name",
                    ("visibility", "order"),
                    ("group", "points"),
                    "arguments",
                    "note",
                )
            },
        ),
        ("Input", {"fields": ("input_text", "input_file")}),
        ("Answer", {"fields": ("answer_text", "answer_file")}),
    )

    class Media:
        css = {"all": ("admin-judge/authoring.css",)}

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """None: the index does not list testcases, questions lead to them."""
        return {}

    # --- the list ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[TestCase]:
        return TestCase.objects.in_order().with_previews()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        question = question_of(request.GET.get("question__id__exact", ""))
        if question is None:
            return redirect("admin:questions_question_changelist")
        context = {"title": f"Testcases of “{question}”", "question": question} | (extra_context or {})
        return super().changelist_view(request, context)

    @admin.display(description="input size")
    def input_size(self, case: TestCase) -> str:
        return filesizeformat(case.input_size)  # type: ignore[attr-defined]  # from with_previews

    @admin.display(description="answer size")
    def answer_size(self, case: TestCase) -> str:
        return filesizeformat(case.answer_size)  # type: ignore[attr-defined]

    @admin.display(description="input")
    def input_preview(self, case: TestCase) -> str:
        return as_line(case.input_preview)  # type: ignore[attr-defined]

    @admin.display(description="answer")
    def answer_preview(self, case: TestCase) -> str:
        return as_line(case.answer_preview)  # type: ignore[attr-defined]

    @admin.action(permissions=["change"], description="Make selected testcases public")
    def make_public(self, request: HttpRequest, cases: QuerySet[TestCase]) -> None:
        self._show(request, cases, TestCase.Visibility.PUBLIC)

    @admin.action(permissions=["change"], description="Hide selected testcases")
    def make_hidden(self, request: HttpRequest, cases: QuerySet[TestCase]) -> None:
        self._show(request, cases, TestCase.Visibility.HIDDEN)

    def _show(self, request: HttpRequest, cases: QuerySet[TestCase], visibility: TestCase.Visibility) -> None:
        count = TestCase.objects.filter(pk__in=cases.order_by().values("pk")).update(visibility=visibility)
        self.message_user(request, f"{count} testcases are {visibility} now.", messages.SUCCESS)

    @admin.action(permissions=["change"], description="Number all testcases 1, 2, 3 …")
    def renumber(self, request: HttpRequest, cases: QuerySet[TestCase]) -> None:
        for question in Question.objects.filter(testcases__in=cases.order_by().values("pk")).distinct():
            testcases.renumber(question)
        self.message_user(request, "The testcases are numbered in the order of judging.", messages.SUCCESS)

    @admin.action(permissions=["delete"], description="Delete selected testcases")
    def delete_selected(
        self, request: HttpRequest, cases: QuerySet[TestCase]
    ) -> HttpResponse | TemplateResponse | None:
        try:
            testcases.refuse_removal(TestCase.objects.filter(pk__in=cases.order_by().values("pk")))
        except testcases.TestCaseRefused as refused:
            self.message_user(request, str(refused), messages.ERROR)
            return None
        return delete_selected(self, request, cases)

    # --- one testcase ---

    def get_urls(self) -> list[URLPattern]:
        data = path(
            "<int:pk>/<str:part>/data/",
            self.admin_site.admin_view(self.data_view),
            name="questions_testcase_data",
        )
        return [data, *super().get_urls()]

    def data_view(self, request: HttpRequest, pk: int, part: str) -> FileResponse:
        """The input or the answer as it is, to be saved as a file."""
        case = get_object_or_404(TestCase.objects.select_related("question"), pk=pk)
        if not self.has_view_permission(request, case):
            raise PermissionDenied
        endings = {"input": "in", "answer": "ans"}
        blob = get_object_or_404(Blob, pk=getattr(case, f"{part}_id") if part in endings else "")
        return as_download(bytes(blob.data), f"{case.question.slug}-{case.order}.{endings[part]}")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        question = question_of(request.GET.get("question") or request.POST.get("question", ""))
        if question is None:
            self.message_user(request, "Choose the question that gets the testcase.", messages.WARNING)
            return redirect("admin:questions_question_changelist")
        context = {"title": f"Add testcase to “{question}”", "question": question} | (extra_context or {})
        try:
            return super().add_view(request, form_url, context)
        except testcases.TestCaseRefused as refused:  # somebody else added the last one a moment ago
            self.message_user(request, str(refused), messages.ERROR)
            return self._to_list(question.pk)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        case = self.get_object(request, object_id)
        question = case and Question.objects.only("title", "slug").get(pk=case.question_id)
        return super().change_view(
            request, object_id, form_url, {"question": question} | (extra_context or {})
        )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The case after the last one, like the last one."""
        key = UUID(request.GET["question"])  # add_view has found it
        last = TestCase.objects.filter(question=key).order_by("order").last()
        if last is None:
            return {"question": key, "order": 1, "visibility": TestCase.Visibility.PUBLIC}
        return {"question": key, "order": last.order + 1, "visibility": last.visibility, "group": last.group}

    def get_form(
        self, request: HttpRequest, obj: TestCase | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[TestCase]]:
        form = super().get_form(request, obj, change, **kwargs)
        if change and "question" in form.base_fields:
            form.base_fields["question"].disabled = True  # a case does not move to another question
        return form

    def save_model(
        self, request: HttpRequest, case: TestCase, form: ModelForm[TestCase], change: bool
    ) -> None:
        if isinstance(form, TestCaseForm):
            testcases.save(case, input=form.cleaned_data["input"], answer=form.cleaned_data["answer"])
            if form.cleaned_data["answer"] == b"":
                self.message_user(request, EMPTY_ANSWER.format(case), messages.WARNING)
        else:
            case.save(update_fields=form.changed_data)

    def response_post_save_add(self, request: HttpRequest, case: TestCase) -> HttpResponseRedirect:
        return self._to_list(case.question_id)

    def response_post_save_change(self, request: HttpRequest, case: TestCase) -> HttpResponseRedirect:
        return self._to_list(case.question_id)

    def _to_list(self, question_id: UUID) -> HttpResponseRedirect:
        address = reverse("admin:questions_testcase_changelist")
        return HttpResponseRedirect(f"{address}?question__id__exact={question_id}")

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        case = self.get_object(request, object_id)
        if case is None or not self.has_delete_permission(request, case):
            return super().delete_view(request, object_id, extra_context)
        try:
            testcases.refuse_removal(TestCase.objects.filter(pk=case.pk))
        except testcases.TestCaseRefused as refused:
            self.message_user(request, str(refused), messages.ERROR)
            return self._to_list(case.question_id)
        answer = super().delete_view(request, object_id, extra_context)
        return self._to_list(case.question_id) if request.method == "POST" else answer

    def delete_model(self, request: HttpRequest, case: TestCase) -> None:
        testcases.remove(TestCase.objects.filter(pk=case.pk))

    def delete_queryset(self, request: HttpRequest, cases: QuerySet[TestCase]) -> None:
        testcases.remove(TestCase.objects.filter(pk__in=list(cases.values_list("pk", flat=True))))


@admin.register(ReferenceSolution)
class ReferenceSolutionAdmin(admin.ModelAdmin[ReferenceSolution]):
    """Each on a page of its own: a question may have dozens, of 100 KB each. Their list is where they are verified."""

    form = ReferenceSolutionForm
    fieldsets = (
        (None, {"fields": ("question", "name", "language", "source")}),
        ("What it must show", {"fields": ("expected", ("score_low", "score_high"), "bounds_time_limit")}),
        ("From its package", {"classes": ("collapse",), "fields": ("rules_shown", "skipped")}),
    )
    readonly_fields = ("rules_shown", "skipped")
    formfield_overrides = {models.TextField: {"form_class": CodeField}}

    class Media:
        css = {"all": ("admin-judge/authoring.css",)}

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """None: the index does not list solutions, questions lead to them."""
        return {}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("admin:questions_question_changelist")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        key = request.GET.get("question") or request.POST.get("question", "")
        question = question_of(key)
        if question is None:
            self.message_user(request, "Choose the question that gets the solution.", messages.WARNING)
            return redirect("admin:questions_question_changelist")
        context = {"title": f"Add reference solution to “{question}”", "question": question}
        return super().add_view(request, form_url, context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        solution = self.get_object(request, object_id)
        question = solution and Question.objects.only("title", "slug").get(pk=solution.question_id)
        return super().change_view(
            request, object_id, form_url, {"question": question} | (extra_context or {})
        )

    def get_form(
        self, request: HttpRequest, obj: ReferenceSolution | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[ReferenceSolution]]:
        form = super().get_form(request, obj, change, **kwargs)
        if change and "question" in form.base_fields:
            form.base_fields["question"].disabled = True
        return form

    def save_model(
        self,
        request: HttpRequest,
        solution: ReferenceSolution,
        form: ModelForm[ReferenceSolution],
        change: bool,
    ) -> None:
        """What was skipped as it was may be judged as it is now."""
        if {"language", "source"} & set(form.changed_data):
            solution.skipped = ""
        solution.save()

    @admin.display(description="rules of single testcases")
    def rules_shown(self, solution: ReferenceSolution) -> str:
        return "; ".join(str(rule) for rule in solution.rules) or "none"

    def response_post_save_add(
        self, request: HttpRequest, solution: ReferenceSolution
    ) -> HttpResponseRedirect:
        return self._to_list(solution.question_id)

    def response_post_save_change(
        self, request: HttpRequest, solution: ReferenceSolution
    ) -> HttpResponseRedirect:
        return self._to_list(solution.question_id)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        self.message_user(request, f"“{obj_display}” was deleted.", messages.SUCCESS)
        return redirect("admin:questions_question_changelist")

    def get_deleted_objects(
        self, objs: QuerySet[ReferenceSolution] | Sequence[ReferenceSolution], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """With what verifying it found, which is of no use without it."""
        return [str(solution) for solution in objs], {"reference solutions": len(objs)}, set(), []

    def _to_list(self, question_id: UUID) -> HttpResponseRedirect:
        return redirect("admin-verification", question_id)


def question_of(key: str) -> Question | None:
    """With enough to name it."""
    try:
        return Question.objects.only("title", "slug").get(pk=key)
    except (Question.DoesNotExist, ValidationError):
        return None
