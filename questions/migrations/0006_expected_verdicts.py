"""A reference solution may be expected to get one of several verdicts."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def widen(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    solutions = apps.get_model("questions", "ReferenceSolution").objects.using(schema_editor.connection.alias)
    for verdict in solutions.order_by().values_list("expected_verdict", flat=True).distinct():
        solutions.filter(expected_verdict=verdict).update(expected=[verdict])


def narrow(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Where there were several, the first; where there was none, AC."""
    solutions = apps.get_model("questions", "ReferenceSolution").objects.using(schema_editor.connection.alias)
    for solution in solutions.only("pk", "expected").iterator():
        solutions.filter(pk=solution.pk).update(expected_verdict=(solution.expected or ["AC"])[0])


class Migration(migrations.Migration):
    dependencies = [("questions", "0005_packages")]

    operations = [
        migrations.RunPython(widen, narrow),
    ]
