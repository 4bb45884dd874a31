import django.core.validators
from django.db import migrations, models

import questions.models


class Migration(migrations.Migration):
    dependencies = [
        ("questions", "0002_languages_without_migrations"),
    ]

    operations = [
        migrations.AlterField(
            model_name="question",
            name="memory_limit_kib",
            field=models.PositiveIntegerField(
                default=questions.models.usual_memory_kib,
                validators=[
                    django.core.validators.MinValueValidator(4096),
                    django.core.validators.MaxValueValidator(2 * 1024 * 1024),
                ],
                verbose_name="memory limit (KiB)",
            ),
        ),
    ]
