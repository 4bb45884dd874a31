"""No two users with names that differ only in spelling, at whatever moment they come."""

import logging

from django.db import migrations

import accounts.names

logger = logging.getLogger(__name__)


def fill(apps, schema_editor):
    """The one who came first has the name; the others keep theirs, without a folded one, until they are renamed."""
    user_model = apps.get_model("accounts", "User")
    users = user_model.objects.using(schema_editor.connection.alias)
    seen, clashing, batch = set(), [], []
    for user in users.only("username").order_by("pk").iterator(chunk_size=1000):
        name = accounts.names.folded(user.username)
        if name in seen:
            clashing.append(user.username)
            continue
        seen.add(name)
        user.folded_name = name
        batch.append(user)
    users.bulk_update(batch, ["folded_name"], batch_size=500)
    if clashing:
        logger.warning("names that somebody else has in another spelling: %s", ", ".join(clashing))


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_keys_identities_invitations")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="folded_name",
            field=accounts.names.FoldedName(
                help_text="The name in the spelling that nobody else may have.",
                max_length=150,
                unique=True,
                null=True,
                editable=False,
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
