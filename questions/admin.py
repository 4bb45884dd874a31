"""Authoring in Django admin: questions, and their testcases on pages of their own.

A question's page never lists its testcases, for there may be hundreds of megabytes of them; it says how many there
are and leads to their list, which loads the first bytes of each and nothing more.
"""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.db.models import Count, ProtectedError, Q, QuerySet, Sum
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from execution import languages
from questions import publishing, statements, testcases
from questions.forms import CodeField, QuestionForm, TestCaseForm
from questions.models import Blob, Question, ReferenceSolution, StarterCode, Tag, TestCase
from questions.previews import as_line

KEPT = (
    "“{}” has submissions, so it cannot be deleted. Archive it instead: learners no longer see it, "
    "and nothing is lost."
)
EMPTY_ANSWER = "The answer of {} is empty: a program passes it by printing nothing."


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin[Tag]):
    search_fields = ("name",)


class StarterCodeInline(admin.StackedInline[StarterCode, Question]):
    model = StarterCode
    extra = 0
    max_num = len(languages.LANGUAGES)
    verbose_name_plural = "starter code"
    formfield_overrides = {models.TextField: {"form_class": CodeField}}


class ReferenceSolutionInline(admin.StackedInline[ReferenceSolution, Question]):
    model = ReferenceSolution
    extra = 0
    verbose_name_plural = "reference solutions (kept for you; publishing does not run them yet)"
    formfield_overrides = {models.TextField: {"form_class": CodeField}}


@admin.register(Question)
class QuestionAdmin(admin.ModelAdmin[Question]):
    form = QuestionForm
    inlines = (StarterCodeInline, ReferenceSolutionInline)
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
        (
            "Limits",
            {"fields": (("time_limit_ms", "memory_limit_kib", "output_limit_kib"), "allowed_languages")},
        ),
        (
            "Judging",
            {
                "fields": (
                    "checker",
                    ("absolute_tolerance", "relative_tolerance"),
                    "run_policy",
                    "scoring",
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
        self._take_all(request, "publish", questions)

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

    def state_view(self, request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        question = get_object_or_404(Question, pk=pk)
        if not self.has_change_permission(request, question):
            raise PermissionDenied
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
        return [preview, *steps, *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """The statement in the request as {"html"}, or {"error"} with what is wrong with it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not (self.has_change_permission(request) or self.has_add_permission(request)):
            raise PermissionDenied
        try:
            return JsonResponse({"html": statements.render(request.POST.get("statement", ""))})
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
        if "_publish" not in request.POST:
            return answer
        self._take(request, "publish", question)
        return redirect("admin:questions_question_change", question.pk)

    # --- deletion ---

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
    # 100 rows of 6 fields stay below DATA_UPLOAD_MAX_NUMBER_FIELDS
    list_per_page = 100
    list_max_show_all = 150
    show_full_result_count = False
    actions = ("make_public", "make_hidden", "renumber", "delete_selected")
    fieldsets = (
        (None, {"fields": ("question", ("visibility", "order"), ("group", "points"), "note")}),
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
        question = self._question(request.GET.get("question__id__exact", ""))
        if question is None:
            return redirect("admin:questions_question_changelist")
        context = {"title": f"Testcases of “{question}”", "question": question} | (extra_context or {})
        return super().changelist_view(request, context)

    def _question(self, key: str) -> Question | None:
        try:
            return Question.objects.only("title", "slug").get(pk=key)
        except (Question.DoesNotExist, ValidationError):
            return None

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

    def data_view(self, request: HttpRequest, pk: int, part: str) -> HttpResponse:
        """The input or the answer as it is, to be saved as a file."""
        case = get_object_or_404(TestCase.objects.select_related("question"), pk=pk)
        if not self.has_view_permission(request, case):
            raise PermissionDenied
        endings = {"input": "in", "answer": "ans"}
        blob = get_object_or_404(Blob, pk=getattr(case, f"{part}_id") if part in endings else "")
        name = f"{case.question.slug}-{case.order}.{endings[part]}"
        return HttpResponse(
            bytes(blob.data),
            content_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        question = self._question(request.GET.get("question") or request.POST.get("question", ""))
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
