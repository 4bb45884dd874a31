from decimal import Decimal

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import execution.languages
import questions.models


class Migration(migrations.Migration):
    dependencies = [
        ("questions", "0004_offers_hints"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="QuestionFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("checker", "Checker"),
                            ("attachment", "Attachment"),
                            ("picture", "Picture"),
                            ("kept", "Kept"),
                        ],
                        max_length=10,
                    ),
                ),
                ("path", models.CharField(max_length=300)),
                ("executable", models.BooleanField(default=False)),
            ],
            options={
                "ordering": ["question", "kind", "path"],
            },
        ),
        migrations.AddField(
            model_name="question",
            name="checker_arguments",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="For the checkers “kattis” and “program”, such as “float_tolerance 1e-6”; cases may have their own.",
                max_length=1000,
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="checker_memory_limit_kib",
            field=models.PositiveIntegerField(
                db_default=1048576,
                default=1048576,
                validators=[
                    django.core.validators.MinValueValidator(4096),
                    django.core.validators.MaxValueValidator(4194304),
                ],
                verbose_name="checker's memory limit (KiB)",
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="checker_protocol",
            field=models.CharField(
                choices=[("kattis", "kattis"), ("testlib", "testlib")],
                db_default="kattis",
                default="kattis",
                help_text="How the checker “program” is called and answers.",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="checker_time_limit_ms",
            field=models.PositiveIntegerField(
                db_default=20000,
                default=20000,
                help_text="For one case.",
                validators=[
                    django.core.validators.MinValueValidator(50),
                    django.core.validators.MaxValueValidator(60000),
                ],
                verbose_name="checker's time limit (ms)",
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="credits",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="Who made it.", max_length=500
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="groups",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="Rules of its groups of testcases, as `questions.groups` writes them; empty: run policy and scoring.",
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="interactive",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="The checker “program” talks with the learner's program.",
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="licence",
            field=models.CharField(blank=True, db_default="", default="", max_length=60),
        ),
        migrations.AddField(
            model_name="question",
            name="origin",
            field=models.JSONField(
                blank=True,
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                editable=False,
                help_text="The package it came from: format, name, path, and what is kept of it for export.",
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="package_uuid",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="By which a package is known again, whatever its name.",
                max_length=64,
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="source",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="Where it was used first.", max_length=300
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="source_url",
            field=models.URLField(blank=True, db_default="", default="", max_length=500),
        ),
        migrations.AddField(
            model_name="question",
            name="statement_language",
            field=models.CharField(
                db_default="en", default="en", help_text="Such as en, sv or pt-BR.", max_length=10
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="time_factors",
            field=models.JSONField(
                blank=True,
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                help_text="Of its time limit, by language slug, “*” for all others; empty: those of the platform.",
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="time_limit_is_derived",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Verifying measures the reference solutions first, and sets the time limit by them.",
                verbose_name="time limit is a guess",
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="total_runtime_s",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="CPU time for all its testcases together; empty: MAX_TOTAL_RUNTIME.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(86400),
                ],
                verbose_name="total runtime (s)",
            ),
        ),
        migrations.AddField(
            model_name="referencesolution",
            name="bounds_time_limit",
            field=models.CharField(
                blank=True,
                choices=[("lower", "lower"), ("upper", "upper")],
                db_default="",
                default="",
                help_text="Whether the time limit must be above or below what it takes; empty: neither.",
                max_length=5,
            ),
        ),
        migrations.AddField(
            model_name="referencesolution",
            name="expected",
            field=models.JSONField(
                db_default=models.Value(["AC"], models.JSONField()),
                default=questions.models.accepted,
                help_text="Verdicts, one of which judging it must give; empty: any.",
            ),
        ),
        migrations.AddField(
            model_name="referencesolution",
            name="rules",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="What single testcases must show, as `questions.expectations` writes it.",
            ),
        ),
        migrations.AddField(
            model_name="referencesolution",
            name="score_high",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                help_text="Most score it may get; empty: any.",
                max_digits=16,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="referencesolution",
            name="score_low",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                help_text="Least score it must get, on the question's own scale; empty: any.",
                max_digits=16,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="referencesolution",
            name="skipped",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Why it cannot be judged here; empty where it can.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            model_name="testcase",
            name="arguments",
            field=models.JSONField(
                blank=True,
                help_text="Words for the checker in place of the question's; empty: the question's.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="testcase",
            name="name",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="In a package its path without ending, such as secret/small/01.",
                max_length=200,
            ),
        ),
        migrations.AlterField(
            model_name="question",
            name="checker",
            field=models.CharField(
                choices=[
                    ("exact", "exact"),
                    ("trailing_whitespace", "trailing whitespace"),
                    ("tokens", "tokens"),
                    ("case_insensitive", "case insensitive"),
                    ("floats", "floats"),
                    ("lines", "lines"),
                    ("float_lines", "float lines"),
                    ("unordered_lines", "unordered lines"),
                    ("kattis", "kattis"),
                    ("program", "program"),
                ],
                default="tokens",
                max_length=30,
            ),
        ),
        migrations.AlterField(
            model_name="question",
            name="absolute_tolerance",
            field=models.FloatField(
                default=1e-06,
                help_text="For the checkers “floats” and “float lines”.",
                validators=[django.core.validators.MinValueValidator(0)],
            ),
        ),
        migrations.AlterField(
            model_name="question",
            name="relative_tolerance",
            field=models.FloatField(
                default=1e-06,
                help_text="For the checkers “floats” and “float lines”.",
                validators=[django.core.validators.MinValueValidator(0)],
            ),
        ),
        migrations.AlterField(
            model_name="referencesolution",
            name="language",
            field=models.CharField(blank=True, choices=execution.languages.choices, max_length=30),
        ),
        migrations.AlterField(
            model_name="referencesolution",
            name="name",
            field=models.CharField(
                help_text="In a package its path, such as submissions/accepted/a.py.", max_length=200
            ),
        ),
        migrations.AlterField(
            model_name="referencesolution",
            name="source",
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name="testcase",
            name="group",
            field=models.CharField(blank=True, help_text="A path: a/b is a group within a.", max_length=200),
        ),
        migrations.AlterField(
            model_name="testcase",
            name="points",
            field=models.DecimalField(
                decimal_places=6,
                default=Decimal("1"),
                max_digits=16,
                validators=[django.core.validators.MinValueValidator(0)],
            ),
        ),
        migrations.AddConstraint(
            model_name="question",
            constraint=models.CheckConstraint(
                condition=models.Q(("interactive", False), ("checker", "program"), _connector="OR"),
                name="question_interactive_by_program",
            ),
        ),
        migrations.AddConstraint(
            model_name="question",
            constraint=models.UniqueConstraint(
                condition=models.Q(("package_uuid", ""), _negated=True),
                fields=("package_uuid",),
                name="question_package_once",
            ),
        ),
        migrations.AddField(
            model_name="questionfile",
            name="blob",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="questions.blob"
            ),
        ),
        migrations.AddField(
            model_name="questionfile",
            name="question",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="files", to="questions.question"
            ),
        ),
        migrations.AddConstraint(
            model_name="questionfile",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["checker", "attachment", "picture", "kept"])),
                name="question_file_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="questionfile",
            constraint=models.UniqueConstraint(
                fields=("question", "kind", "path"), name="question_file_once"
            ),
        ),
    ]
