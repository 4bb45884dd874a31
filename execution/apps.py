"""Judging as a library, and the system checks for its settings."""

from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    name = "execution"

    def ready(self) -> None:
        from execution import checks  # noqa: F401 (importing them registers them)
