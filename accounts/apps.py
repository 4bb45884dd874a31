"""Who is who: users, credentials, and how often each may do what."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import checks  # noqa: F401 (importing them registers them)

        # After each app's migration, and after Django's own receiver has made that app's permissions.
        post_migrate.connect(grant_to_authors, dispatch_uid="accounts.authors")


def grant_to_authors(sender: AppConfig, using: str, **_: Any) -> None:
    from accounts import authors  # models exist only once every app is loaded

    authors.grant(sender, using)
