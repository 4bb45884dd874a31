"""The users that the platform itself acts as. No password fits them: they cannot sign in."""

from django.contrib.auth.hashers import make_password
from django.db import migrations

SERVICE_USERS = ("code-exec", "system")


def make(apps, schema_editor):
    user_model = apps.get_model("accounts", "User")
    for username in SERVICE_USERS:
        user_model.objects.using(schema_editor.connection.alias).create(
            username=username, password=make_password(None)
        )


def remove(apps, schema_editor):
    user_model = apps.get_model("accounts", "User")
    user_model.objects.using(schema_editor.connection.alias).filter(username__in=SERVICE_USERS).delete()


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(make, remove)]
