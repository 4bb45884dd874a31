"""The learner's pages."""

from django.urls import path

from submissions import takeout_views, views

urlpatterns = [
    path("questions/", views.question_list, name="questions"),
    path("questions/<slug:slug>/", views.solve, name="solve"),
    path("questions/<slug:slug>/history/", views.history, name="solve-history"),
    path("run/", views.playground, name="playground"),
    path("submissions/", views.submission_list, name="submissions"),
    path("submissions/<uuid:pk>/", views.submission_page, name="submission"),
    path("submissions/<uuid:pk>/cancel/", views.cancel, name="submission-cancel"),
    path("account/export/", takeout_views.export, name="account-export"),
]
