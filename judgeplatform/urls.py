"""Every address of the platform."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from accounts.views import slowed_down
from judgeplatform import health
from submissions import api, backend_views, callbacks, consumers

api_urlpatterns = [
    path("submissions/", api.SubmissionList.as_view(), name="api-submissions"),
    path("submissions/<uuid:pk>/", api.SubmissionDetail.as_view(), name="api-submission"),
    path("submissions/<uuid:pk>/cancel/", api.SubmissionCancel.as_view(), name="api-submission-cancel"),
    path("submissions/<uuid:pk>/events/", api.SubmissionEvents.as_view(), name="api-submission-events"),
    path("runs/", api.RunList.as_view(), name="api-runs"),
    path("runs/<uuid:pk>/", api.RunDetail.as_view(), name="api-run"),
    path("backends/", backend_views.BackendList.as_view(), name="api-backends"),
    re_path(r"", api.NothingHere.as_view()),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="questions"), name="home"),
    path("", include("accounts.urls")),
    path("", include("submissions.urls")),
    path("api/v1/", include(api_urlpatterns)),
    path("admin/login/", slowed_down(admin.site.login)),
    path("admin/backends/", admin.site.admin_view(backend_views.page), name="admin-backends"),
    path("admin/", admin.site.urls),
    path("callbacks/judge0/<uuid:work_id>/<str:signature>/", callbacks.judge0, name="judge0-callback"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

handler400 = "judgeplatform.problems.bad_request"

websocket_urlpatterns = [
    path("ws/submissions/<uuid:pk>/", consumers.SubmissionConsumer.as_asgi(), name="ws-submission"),
    re_path(r"", consumers.NothingHere.as_asgi()),
]
