"""The project itself: settings and their checks, addresses, health, problem documents, `up`."""

from django.apps import AppConfig


class JudgePlatformConfig(AppConfig):
    name = "judgeplatform"

    def ready(self) -> None:
        from judgeplatform import checks  # noqa: F401 (importing them registers them)
