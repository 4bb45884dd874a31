"""Which static files there are, and how they are kept. Not how they are served: that is WhiteNoise.

Ace comes in hundreds of files and the API framework brings pages that nobody sees: what is not collected need
not be hashed and compressed at every start.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django_ace  # type: ignore[import-untyped]
import drf_spectacular_sidecar
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

SWAGGER = "swagger-ui"
SWAGGER_DIR = Path(drf_spectacular_sidecar.__file__).parent / "static/drf_spectacular_sidecar/swagger-ui-dist"
SWAGGER_FILES = {"swagger-ui-bundle.js", "swagger-ui.css", "swagger-ui.css.map"}

APPS_WITHOUT_PAGES = {"rest_framework", "django_rq", "drf_spectacular"}


class HashedFiles(CompressedManifestStaticFilesStorage):
    """Hashed, compressed names; `import … from "./x.js";` in our modules follows them."""

    support_js_module_import_aggregation = True


class AppFilesFinder(AppDirectoriesFinder):
    """The apps' files, without those of apps whose pages are switched off."""

    def __init__(self) -> None:
        super().__init__([app.name for app in apps.get_app_configs() if app.name not in APPS_WITHOUT_PAGES])


class PackageFinder(FileSystemFinder):
    """Some of the files in a package's `directory`, as `<prefix>/…`."""

    prefix: str
    directory: Path

    def __init__(self) -> None:
        self.locations = [(self.prefix, str(self.directory))]
        storage = FileSystemStorage(location=self.directory)
        # the protocol between finders and collectstatic
        storage.prefix = self.prefix  # type: ignore[attr-defined]
        self.storages = {str(self.directory): storage}

    def offers(self, path: str) -> bool:
        raise NotImplementedError

    def check(self, **kwargs: Any) -> list[Any]:
        """Nothing: its place is not a setting."""
        return []

    def find_location(self, root: str, path: str, prefix: str | None = None) -> str | None:
        is_offered = self.offers(path.removeprefix(f"{self.prefix}/"))
        return super().find_location(root, path, prefix) if is_offered else None

    def list(self, ignore_patterns: Any) -> Iterator[Any]:
        return (found for found in super().list(ignore_patterns) if self.offers(found[0]))


class EditorFinder(PackageFinder):
    """Of Ace, as `ace/…`: the core, the modes of our languages, two themes, and their pictures."""

    prefix = ACE
    directory = ACE_DIR

    def offers(self, path: str) -> bool:
        return path in ACE_FILES or path.startswith(ACE_IMAGES)


class SwaggerFinder(PackageFinder):
    """Of Swagger UI, as `swagger-ui/…`: what the page that shows the API's description needs."""

    prefix = SWAGGER
    directory = SWAGGER_DIR

    def offers(self, path: str) -> bool:
        return path in SWAGGER_FILES
