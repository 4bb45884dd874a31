"""“Status” in the admin: how the installation is, as whoever may see submissions sees it."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from submissions.backend_views import IsStaffWhoSeeSubmissions
from submissions.overview import overview


def page(request: HttpRequest) -> HttpResponse:
    """For the admin, which has let in staff only."""
    if not IsStaffWhoSeeSubmissions().has_permission(request):
        raise PermissionDenied
    found = overview()
    context = {"title": "Status", "now": timezone.now(), "found": found, "troubles": found.troubles}
    return TemplateResponse(request, "admin/status.html", admin.site.each_context(request) | context)
