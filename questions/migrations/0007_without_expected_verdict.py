"""Nobody asks for the one expected verdict any more, but the release before does, which goes on during an upgrade.

So the column stays, and fills itself; the next release drops it.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("questions", "0006_expected_verdicts")]

    operations = [
        migrations.AlterField(
            model_name="referencesolution",
            name="expected_verdict",
            field=models.CharField(db_default="AC", default="AC", max_length=3),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField("referencesolution", "expected_verdict")]
        ),
    ]
