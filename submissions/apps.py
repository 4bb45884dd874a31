"""Who tried what, and how it went: rows, lifecycle, queue, events, API, solve page."""

from django.apps import AppConfig


class SubmissionsConfig(AppConfig):
    name = "submissions"

    def ready(self) -> None:
        """Authors are asked once more before they publish what was not verified."""
        from questions import publishing
        from submissions import verification

        publishing.DOUBTS.append(verification.doubts)
