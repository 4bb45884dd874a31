"""Who tried what, and how it went: rows, lifecycle, queue, events, API, solve page."""

from django.apps import AppConfig


class SubmissionsConfig(AppConfig):
    name = "submissions"
