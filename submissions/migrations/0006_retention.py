"""How old runs and outputs are found, and which outputs have gone."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("submissions", "0005_request_id")]

    operations = [
        migrations.AddField(
            model_name="submission",
            name="texts_purged_at",
            field=models.DateTimeField(
                help_text="When outputs were deleted for their age; empty while they are kept.", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(condition=Q(kind="run"), fields=["created_at"], name="submission_run_age"),
        ),
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(
                condition=Q(finished_at__isnull=False, texts_purged_at__isnull=True) & ~Q(kind="run"),
                fields=["finished_at"],
                name="submission_texts_age",
            ),
        ),
    ]
