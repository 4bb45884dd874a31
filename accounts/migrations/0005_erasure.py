"""Since when a user is to be erased, and how workers find those who are."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_folded_names")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="erasure_asked_at",
            field=models.DateTimeField(
                editable=False, help_text="Since when workers are to erase all of this user.", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=Q(erasure_asked_at__isnull=False), fields=["erasure_asked_at"], name="user_to_erase"
            ),
        ),
    ]
