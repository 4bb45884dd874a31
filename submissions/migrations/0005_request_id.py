from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("submissions", "0004_languages_without_migrations"),
    ]

    operations = [
        migrations.AddField(
            model_name="submission",
            name="request_id",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Of the request that it came by; logs are searched for it.",
                max_length=64,
            ),
        ),
    ]
