"""The learner's hints."""

from django.urls import path

from hints import streams, views

urlpatterns = [
    path("questions/<slug:slug>/hints/", views.hints, name="hints"),
    path("hints/<uuid:pk>/rating/", views.rate, name="hint-rating"),
    path("hints/<uuid:pk>/stream/", streams.HintStream.as_view(), name="hint-stream"),
]
