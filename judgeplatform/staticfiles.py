"""Which static files there are, and how they are kept. Not how they are served: that is WhiteNoise.

Ace comes in hundreds of files and the API framework brings pages that nobody sees: what is not collected need
not be hashed and compressed at every start.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django_ace  # type: ignore[import-untyped]
from django.apps import apps
from django.contrib.staticfiles.finders import AppDirectoriesFinder, FileSystemFinder
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

from execution.languages import LANGUAGES

ACE = "ace"
ACE_THEMES = ("github_light_default", "github_dark")
ACE_DIR = Path(django_ace.__file__).parent / "static/django_ace/ace"
ACE_FILES = {
    "ace.js",
    "ext-searchbox.js",
    "css/ace.css",
    *(f"mode-{language.editor_mode}.js" for language in LANGUAGES),
    *(f"theme-{theme}.js" for theme in ACE_THEMES),
    *(f"css/theme/{theme}.css" for theme in ACE_THEMES),
}
ACE_IMAGES = tuple(f"css/{stem}-" for stem in ("main", *ACE_THEMES))

APPS_WITHOUT_PAGES = {"rest_framework", "django_rq"}


class HashedFiles(CompressedManifestStaticFilesStorage):
    """Hashed, compressed names; `import … from "./x.js";` in our modules follows them."""

    support_js_module_import_aggregation = True


class AppFilesFinder(AppDirectoriesFinder):
    """The apps' files, without those of apps whose pages are switched off."""

    def __init__(self) -> None:
        super().__init__([app.name for app in apps.get_app_configs() if app.name not in APPS_WITHOUT_PAGES])


class EditorFinder(FileSystemFinder):
    """Of Ace, as `ace/…`: the core, the modes of our languages, two themes, and their pictures."""

    def __init__(self) -> None:
        self.locations = [(ACE, str(ACE_DIR))]
        storage = FileSystemStorage(location=ACE_DIR)
        storage.prefix = ACE  # type: ignore[attr-defined]  # the protocol between finders and collectstatic
        self.storages = {str(ACE_DIR): storage}

    def check(self, **kwargs: Any) -> list[Any]:
        """Nothing: its place is not a setting."""
        return []

    def find_location(self, root: str, path: str, prefix: str | None = None) -> str | None:
        return super().find_location(root, path, prefix) if _offered(path.removeprefix(f"{ACE}/")) else None

    def list(self, ignore_patterns: Any) -> Iterator[Any]:
        return (found for found in super().list(ignore_patterns) if _offered(found[0]))


def _offered(path: str) -> bool:
    return path in ACE_FILES or path.startswith(ACE_IMAGES)
