import uuid
from decimal import Decimal

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("questions", "0005_packages"),
        ("submissions", "0006_retention"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="caseresult",
            name="name",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="The author's; for authors.", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="submission",
            name="decided_by",
            field=models.PositiveIntegerField(
                help_text="Index of the case that made the verdict; empty where none did.", null=True
            ),
        ),
        migrations.AddField(
            model_name="submission",
            name="solution",
            field=models.ForeignKey(
                help_text="What a verification judges; empty for all others.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="verifications",
                to="questions.referencesolution",
            ),
        ),
        migrations.AlterField(
            model_name="caseresult",
            name="earned",
            field=models.DecimalField(decimal_places=6, max_digits=16),
        ),
        migrations.AlterField(
            model_name="caseresult",
            name="group",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AlterField(
            model_name="caseresult",
            name="points",
            field=models.DecimalField(decimal_places=6, help_text="Obtainable.", max_digits=16),
        ),
        migrations.AddField(
            model_name="submission",
            name="groups",
            field=models.JSONField(
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="How its groups of cases stand: path, verdict, earned, obtainable.",
            ),
        ),
        migrations.AddField(
            model_name="submission",
            name="obtainable",
            field=models.DecimalField(
                decimal_places=6,
                help_text="The most points there are; empty where there is no bound, and until claimed.",
                max_digits=16,
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="submission",
            name="earned",
            field=models.DecimalField(
                decimal_places=6,
                default=Decimal("0"),
                help_text="Points on the question's own scale, as far as it is judged.",
                max_digits=16,
            ),
        ),
        migrations.CreateModel(
            name="RejudgeSet",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "chosen",
                    models.JSONField(
                        default=dict,
                        help_text="By what its submissions were chosen, as `rejudging.Choice` writes it.",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("choosing", "Choosing"),
                            ("judging", "Judging"),
                            ("applying", "Applying"),
                            ("applied", "Applied"),
                            ("discarding", "Discarding"),
                            ("discarded", "Discarded"),
                        ],
                        default="choosing",
                        max_length=10,
                    ),
                ),
                ("total", models.PositiveIntegerField(default=0, help_text="Submissions that were chosen.")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(help_text="When it was applied or discarded.", null=True)),
                (
                    "question",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rejudge_sets",
                        to="questions.question",
                    ),
                ),
                (
                    "started_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.AddField(
            model_name="submission",
            name="rejudge_set",
            field=models.ForeignKey(
                help_text="The set that a rejudge belongs to.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rejudges",
                to="submissions.rejudgeset",
            ),
        ),
        migrations.CreateModel(
            name="CheckerNote",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "index",
                    models.PositiveIntegerField(
                        help_text="Of the case; empty: of none, as when compiling.", null=True
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("text", models.BinaryField()),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="checker_notes",
                        to="submissions.submission",
                    ),
                ),
            ],
            options={
                "ordering": ["submission", "index", "name"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("submission", "index", "name"), name="one_checker_note_a_name"
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="rejudgeset",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["choosing", "judging", "applying", "applied", "discarding", "discarded"])
                ),
                name="rejudge_set_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="rejudgeset",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["choosing", "judging", "applying", "discarding"])),
                fields=("question",),
                name="one_open_rejudge_set_a_question",
            ),
        ),
        migrations.AddField(
            model_name="submission",
            name="was_verdict",
            field=models.CharField(
                help_text="Of a rejudge: the original's; empty where that was an error.",
                max_length=3,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="submission",
            name="was_score",
            field=models.DecimalField(
                decimal_places=2,
                help_text="Of a rejudge: the original's, as `score` is.",
                max_digits=6,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="submission",
            name="was_earned",
            field=models.DecimalField(
                decimal_places=6,
                help_text="Of a rejudge: the original's, as `earned` is.",
                max_digits=16,
                null=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="submission",
            constraint=models.UniqueConstraint(fields=("rejudge_set", "of"), name="one_rejudge_a_set"),
        ),
    ]
