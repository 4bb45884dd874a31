"""The project itself: settings and their checks, addresses, health, problem documents, `up`."""

import gc

import django_stubs_ext
from django.apps import AppConfig

django_stubs_ext.monkeypatch()  # so that `ModelForm[Question]` means something at run time


class JudgePlatformConfig(AppConfig):
    name = "judgeplatform"

    def ready(self) -> None:
        """What was loaded by now is never garbage, and is not looked through for any."""
        from judgeplatform import checks  # noqa: F401 (importing them registers them)

        gc.freeze()
        gc.enable()
