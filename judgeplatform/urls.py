"""Every address of the platform."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from accounts.api import TicketList
from accounts.views import own_name, slowed_down
from hints import api as hints
from judgeplatform import health
from judgeplatform.contents import Contents
from judgeplatform.metrics import metrics
from judgeplatform.openapi import views as openapi
from questions import api as questions
from questions import files
from submissions import (
    api,
    backend_views,
    callbacks,
    consumers,
    offers,
    overview_views,
    rejudge_views,
    streams,
    verification_views,
    webhook_views,
)
from submissions.dialects.urls import both

api_urlpatterns = [
    path("", Contents.as_view(), name="api-contents"),
    path("questions/", questions.QuestionList.as_view(), name="api-questions"),
    path("questions/<slug:name>/", questions.QuestionDetail.as_view(), name="api-question"),
    path("questions/<slug:name>/testcases/", questions.TestCaseList.as_view(), name="api-testcases"),
    path("languages/", offers.LanguageList.as_view(), name="api-languages"),
    path("limits/", offers.LimitList.as_view(), name="api-limits"),
    path("submissions/", api.SubmissionList.as_view(), name="api-submissions"),
    path("submissions/<uuid:pk>/", api.SubmissionDetail.as_view(), name="api-submission"),
    path("submissions/<uuid:pk>/cancel/", api.SubmissionCancel.as_view(), name="api-submission-cancel"),
    path("submissions/<uuid:pk>/events/", api.SubmissionEvents.as_view(), name="api-submission-events"),
    path("submissions/<uuid:pk>/stream/", streams.SubmissionStream.as_view(), name="api-submission-stream"),
    path("runs/", api.RunList.as_view(), name="api-runs"),
    path("runs/<uuid:pk>/", api.RunDetail.as_view(), name="api-run"),
    path("receipts/<path:key>/", api.ReceiptDetail.as_view(), name="api-receipt"),
    path("webhooks/", webhook_views.WebhookList.as_view(), name="api-webhooks"),
    path("backends/", backend_views.BackendList.as_view(), name="api-backends"),
    path("tickets/", TicketList.as_view(), name="api-tickets"),
    path("schema/", openapi.Schema.as_view(), name="api-schema"),
    path("docs/", openapi.docs, name="api-docs"),
    path("<path:rest>", api.NothingHere.as_view()),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="questions"), name="home"),
    path("", include("accounts.urls")),
    path("questions/<uuid:pk>/pictures/<path:path>", files.picture, name="question-picture"),
    path("questions/<uuid:pk>/attachments/<path:path>", files.attachment, name="question-attachment"),
    path("", include("submissions.urls")),
    path("", include("hints.urls")),
    path("", include("submissions.dialects.urls")),
    path("api/v1/", include(api_urlpatterns)),
    *both("api/stream/<uuid:pk>", streams.JobStream, "s1-stream"),
    *both("api/ai/hint", hints.Hint, "ai-hint"),
    *both("api/ai/hints", hints.Hints, "ai-hints"),
    *both("api/ai/review", hints.Review, "ai-review"),
    *both("api/ai/analyze", hints.Analyze, "ai-analyze"),
    *both("api/ai/requests/<uuid:pk>", hints.OneRequest, "ai-request"),
    *both("api/ai/requests/<uuid:pk>/rating", hints.Rating, "ai-rating"),
    path("admin/login/", slowed_down(admin.site.login)),
    path(
        "admin/password_change/",
        admin.site.admin_view(slowed_down(admin.site.password_change, own_name), True),
    ),
    path("admin/status/", admin.site.admin_view(overview_views.page), name="admin-status"),
    path("admin/backends/", admin.site.admin_view(backend_views.page), name="admin-backends"),
    path(
        "admin/questions/question/<uuid:pk>/verification/",
        admin.site.admin_view(verification_views.page),
        name="admin-verification",
    ),
    path(
        "admin/questions/question/<uuid:pk>/verification/start/",
        admin.site.admin_view(verification_views.start),
        name="admin-verification-start",
    ),
    path(
        "admin/questions/question/<uuid:pk>/verification/limit/",
        admin.site.admin_view(verification_views.set_limit),
        name="admin-verification-limit",
    ),
    path(
        "admin/questions/question/<uuid:pk>/rejudge/",
        admin.site.admin_view(rejudge_views.page),
        name="admin-rejudge",
    ),
    path(
        "admin/questions/question/<uuid:pk>/rejudge/<uuid:rejudge_set>/",
        admin.site.admin_view(rejudge_views.one_set),
        name="admin-rejudge-set",
    ),
    path(
        "admin/questions/question/<uuid:pk>/rejudge/<uuid:rejudge_set>/apply/",
        admin.site.admin_view(rejudge_views.apply),
        name="admin-rejudge-apply",
    ),
    path(
        "admin/questions/question/<uuid:pk>/rejudge/<uuid:rejudge_set>/discard/",
        admin.site.admin_view(rejudge_views.discard),
        name="admin-rejudge-discard",
    ),
    path("admin/", admin.site.urls),
    path("callbacks/judge0/<uuid:work_id>/<str:signature>/", callbacks.judge0, name="judge0-callback"),
    path("metrics", metrics, name="metrics"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    # S4's names for them
    path("health", health.healthz),
    path("health/", health.healthz, name="s4-health"),
    path("health/ready", health.readyz),
    path("health/ready/", health.readyz, name="s4-ready"),
]

handler400 = "judgeplatform.problems.bad_request"
handler403 = "judgeplatform.problems.not_allowed"
handler404 = "judgeplatform.problems.not_found"
handler500 = "judgeplatform.problems.server_error"

websocket_urlpatterns = [
    path("ws/submissions/<uuid:pk>/", consumers.submission, name="ws-submission"),
    path("ws/executions/", consumers.executions, name="ws-executions"),
    path("api/v1/executions/ws/<uuid:pk>", consumers.execution, name="ws-execution"),
    path("api/v1/executions/ws/<uuid:pk>/", consumers.execution),
    re_path(r"", consumers.nothing_here),
]
