from django.apps import AppConfig


class HintsConfig(AppConfig):
    name = "hints"

    def ready(self) -> None:
        from hints import checks, keeping  # noqa: F401 (importing checks registers them)

        keeping.join()
