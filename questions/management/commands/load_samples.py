"""`manage.py load_samples [--demo-users]`: the questions that come with the platform, and two accounts to try it."""

import secrets
from typing import Any

from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from accounts.models import AUTHORS, User
from questions import samples, testcases
from questions.models import Question, Tag, TestCase


class Command(BaseCommand):
    help = "Create the sample questions, published. What exists already is left as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--demo-users",
            action="store_true",
            help="also create the users “author” and “learner”; their passwords are printed once",
        )

    def handle(self, *args: Any, demo_users: bool, **options: Any) -> None:
        for sample in samples.read_all():
            if Question.objects.filter(slug=sample.slug).exists():
                self.stdout.write(f"{sample.slug}: exists, left as it is")
            else:
                create_question(sample)
                self.stdout.write(f"{sample.slug}: created, {len(sample.cases)} testcases")
        if demo_users:
            self.create_user("author", is_staff=True)
            self.create_user("learner", is_staff=False)

    def create_user(self, username: str, *, is_staff: bool) -> None:
        """Nothing if the user exists; else the password is shown here and nowhere else."""
        if User.objects.filter(username=username).exists():
            self.stdout.write(f"{username}: exists, password unchanged")
            return
        password = secrets.token_urlsafe(9)
        with transaction.atomic():
            user = User.objects.create_user(username, password=password, is_staff=is_staff)
            if is_staff:
                user.groups.add(Group.objects.get(name=AUTHORS))
        self.stdout.write(f"{username}: created, password {password}")


@transaction.atomic
def create_question(sample: samples.Sample) -> Question:
    """The sample as a published question."""
    question = Question(slug=sample.slug, state=Question.State.PUBLISHED, **sample.fields)
    question.write_statement(sample.statement)
    question.full_clean(exclude=["author"])
    question.save(force_insert=True)
    question.tags.set([Tag.objects.get_or_create(name=name)[0] for name in sample.tags])
    for order, case in enumerate(sample.cases, start=1):
        testcases.save(
            TestCase(
                question=question,
                visibility=TestCase.Visibility.PUBLIC if case.public else TestCase.Visibility.HIDDEN,
                order=order,
                group=case.group,
                points=case.points,
                note=case.note,
            ),
            input=case.input,
            answer=case.answer,
        )
    for starter in sample.starters:
        question.starter_codes.create(language=starter.language, source=starter.source)
    for program in sample.solutions:
        question.reference_solutions.create(
            name=program.name,
            language=program.language,
            source=program.source,
            expected=[program.verdict],
        )
    return question
