"""What `collectstatic` collects, and that hashed modules find each other."""

import re

import pytest
from django.core.management import call_command


@pytest.fixture
def collected(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "judgeplatform.staticfiles.HashedFiles"}
    }
    call_command("collectstatic", "--noinput", verbosity=0)
    return tmp_path


def test_modules_import_each_other_under_their_hashed_names(collected):
    (solve,) = collected.glob("js/solve.????????????.js")

    imported = re.findall(r'from "\./([^"]+)"', solve.read_text())

    assert len(imported) > 4
    assert all(re.fullmatch(r"\w+\.[0-9a-f]{12}\.js", name) for name in imported)
    assert all((collected / "js" / name).exists() for name in imported)


def test_of_the_editor_only_what_is_offered_is_collected(collected):
    names = {path.name for path in (collected / "ace").iterdir()}

    assert {"ace.js", "mode-python.js", "mode-c_cpp.js", "theme-github_dark.js"} <= names
    assert "mode-abap.js" not in names
    assert not (collected / "rest_framework").exists()


def test_of_swagger_ui_only_what_its_page_needs_is_collected(collected):
    names = {path.name.split(".")[0] for path in (collected / "swagger-ui").iterdir()}

    assert names == {"swagger-ui", "swagger-ui-bundle"}
    assert not (collected / "drf_spectacular_sidecar").exists()
