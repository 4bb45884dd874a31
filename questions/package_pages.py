"""Pages of the admin for a package as a zip: what it would change is shown first, then it is done.

Nothing is kept between the two: the browser sends the file again, so that it does not matter which web process gets
it, and no testcase lies around.
"""

from pathlib import PurePath
from tempfile import TemporaryFile
from typing import IO, Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from accounts.models import User
from questions import exporting, importing, packages
from questions.importing import Plan
from questions.models import Question
from questions.packages.tree import opened
from questions.packages.values import Format, PackageRefused

REMARKS_TOLD = 20


class PackageForm(forms.Form):
    package = forms.FileField(
        label="Package",
        widget=forms.FileInput(attrs={"accept": ".zip,application/zip"}),
        help_text="A zip: Kattis/ICPC, Polygon, DMOJ, or a plain folder of testcases.",
    )
    partial = forms.BooleanField(
        label="Leave out what is broken",
        required=False,
        help_text="Otherwise a package with faults is not imported at all.",
    )


class UpdateForm(PackageForm):
    only_cases = forms.BooleanField(
        label="Only the testcases",
        required=False,
        help_text="Statement, limits, checker, files and reference solutions stay as they are.",
    )


LABELS = {
    Format.KATTIS_LEGACY: "Kattis/ICPC, legacy",
    Format.KATTIS_2023_07: "Kattis/ICPC, 2023-07",
}


def _offer(question: Question, version: Format) -> dict[str, Any]:
    """A format for the page: its label, remarks, and why it cannot be had, None where it can."""
    offer: dict[str, Any] = {
        "format": version.value,
        "label": LABELS[version],
        "remarks": (),
        "refused": None,
    }
    try:
        offer["remarks"] = exporting.remarks(question, version)
    except PackageRefused as refused:
        offer["refused"] = refused
    return offer


def _package_of(question: Question, version: Format) -> FileResponse:
    """Written to a file first: there may be hundreds of megabytes of testcases."""
    file = TemporaryFile()  # noqa: SIM115  (the response closes it)
    exporting.export(question, version, file)
    file.seek(0)
    return FileResponse(
        file, as_attachment=True, filename=exporting.file_name(question), content_type="application/zip"
    )


class PackagePages(admin.ModelAdmin[Question]):
    """What `QuestionAdmin` has for packages."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("import/", view(self.import_view), name="questions_question_import"),
            path("<uuid:pk>/import/", view(self.update_view), name="questions_question_update"),
            path("<uuid:pk>/export/", view(self.export_view), name="questions_question_export"),
            *super().get_urls(),
        ]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """A new question; or the one that came from this package before, as the plan says."""
        if not (self.has_add_permission(request) and self.has_change_permission(request)):
            raise PermissionDenied
        return self._package_page(request, PackageForm, None)

    def update_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The same for one question, whatever it came from."""
        question = get_object_or_404(Question, pk=pk)
        if not self.has_change_permission(request, question):
            raise PermissionDenied
        return self._package_page(request, UpdateForm, question)

    def export_view(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        """The formats it can be had in, with what each cannot say; the package itself where one is asked for."""
        question = get_object_or_404(Question, pk=pk)
        if not self.has_change_permission(request, question):
            raise PermissionDenied
        wanted = next((one for one in exporting.FORMATS if one == request.GET.get("format")), None)
        offers = [_offer(question, version) for version in ([wanted] if wanted else exporting.FORMATS)]
        if wanted and offers[0]["refused"] is None:
            return _package_of(question, wanted)
        context = self.admin_site.each_context(request) | {
            "title": f"Download “{question}” as a package",
            "opts": self.opts,
            "question": question,
            "offers": offers,
        }
        return TemplateResponse(request, "admin/questions/question/export.html", context)

    def _package_page(
        self, request: HttpRequest, kind: type[PackageForm], question: Question | None
    ) -> HttpResponse:
        form = kind(request.POST or None, request.FILES or None)
        plan, refused = None, None
        if request.method == "POST" and form.is_valid():
            try:
                plan, done = self._take_package(request, form, question)
            except PackageRefused as error:
                refused = error
            else:
                if done is not None:
                    return redirect("admin:questions_question_change", done.pk)
        context = self.admin_site.each_context(request) | {
            "title": f"Upload package to “{question}”" if question else "Import package",
            "opts": self.opts,
            "form": form,
            "question": question,
            "plan": plan,
            "refused": refused,
        }
        return TemplateResponse(request, "admin/questions/question/import.html", context)

    def _take_package(
        self, request: HttpRequest, form: PackageForm, question: Question | None
    ) -> tuple[Plan, Question | None]:
        """The plan, and the question where it has been carried out. Raises PackageRefused."""
        upload: UploadedFile[Any] = form.cleaned_data["package"]
        name = PurePath(upload.name or "package.zip").name
        with opened(cast(IO[bytes], upload.file), PurePath(name).stem) as tree:
            plan = importing.plan(
                packages.read(tree),
                path=name,
                question=question,
                only_cases=form.cleaned_data.get("only_cases", False),
            )
            if request.POST.get("action") != "import":
                return plan, None
            author = cast(User, request.user)  # staff have signed in
            done = importing.apply(plan, author=author, partial=form.cleaned_data["partial"])
        self._tell(request, plan, done)
        return plan, done

    def _tell(self, request: HttpRequest, plan: Plan, question: Question) -> None:
        if plan.question is None:
            self.log_addition(request, question, f"Imported from {plan.path}.")
        else:
            self.log_change(request, question, f"Brought up to date from {plan.path}.")
        for remark in plan.remarks[:REMARKS_TOLD]:
            # The admin writes the first letter large, which would make another name of a file's.
            self.message_user(request, f"{plan.path}: {remark}", messages.WARNING)
        if (more := len(plan.remarks) - REMARKS_TOLD) > 0:
            self.message_user(request, f"… and {more} more remarks.", messages.WARNING)
        self.message_user(request, f"“{question}” is imported from {plan.path}.", messages.SUCCESS)
