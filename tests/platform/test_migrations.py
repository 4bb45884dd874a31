"""The database's shape is Django's business alone."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.django_db
def test_every_model_has_its_migration_and_no_other_tool_makes_any():
    """S4.7"""
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    ours = {"accounts", "questions", "submissions"}
    assert {
        model._meta.app_label for model in apps.get_models() if model.__module__.split(".")[0] in ours
    } == ours
    requirements = (ROOT / "requirements.txt").read_text() + (ROOT / "requirements-dev.txt").read_text()
    assert not re.search(r"(?im)^(alembic|sqlalchemy)\b", requirements)
