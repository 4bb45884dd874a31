"""The project itself: settings, addresses, health, problem documents, `up`."""

from django.apps import AppConfig


class JudgePlatformConfig(AppConfig):
    name = "judgeplatform"
