"""The sample questions: complete, loaded once, and useful to somebody who has just arrived."""

import re
from io import StringIO

import pytest
from django.core.management import call_command

from accounts.models import User
from execution.types import Verdict
from questions import publishing, samples
from questions.models import Question, TestCase

ALL = samples.read_all()


def load(*arguments: str) -> str:
    out = StringIO()
    call_command("load_samples", *arguments, stdout=out)
    return out.getvalue()


def test_there_are_five_of_them_and_sum_is_one() -> None:
    assert len(ALL) == 5
    assert "sum" in [sample.slug for sample in ALL]


def test_they_show_different_checkers_policies_scorings_and_difficulties() -> None:
    assert len({sample.fields["checker"] for sample in ALL}) == 5
    assert len({sample.fields["run_policy"] for sample in ALL}) > 1
    assert len({sample.fields["scoring"] for sample in ALL}) > 1
    assert {sample.fields["difficulty"] for sample in ALL} == {"easy", "medium", "hard"}


@pytest.mark.parametrize("sample", ALL, ids=lambda sample: sample.slug)
def test_each_has_public_and_hidden_cases_and_starter_code_and_a_solution_in_what_every_engine_offers(
    sample,
) -> None:
    every = {"python", "cpp", "c"}
    assert {case.public for case in sample.cases} == {True, False}
    assert {starter.language for starter in sample.starters} == every
    assert {program.language for program in sample.solutions if program.verdict == Verdict.AC} == every
    assert any(program.verdict != Verdict.AC for program in sample.solutions)


@pytest.mark.django_db
def test_loading_publishes_them_with_cases_statement_starter_code_and_solutions() -> None:
    load()
    question = Question.objects.get(slug="sum")
    assert question.state == Question.State.PUBLISHED
    assert publishing.missing(question) == []
    assert "<math" in question.statement_html
    assert question.testcases.filter(visibility=TestCase.Visibility.HIDDEN).count() == 6
    assert question.starter_codes.count() == 3
    expected = question.reference_solutions.values_list("expected", flat=True)
    assert {verdict for verdicts in expected for verdict in verdicts} == {"AC", "WA", "RTE"}


@pytest.mark.django_db
def test_every_formula_in_them_is_rendered() -> None:
    load()
    assert not Question.objects.filter(statement_html__contains="math-error").exists()
    assert not Question.objects.exclude(statement_html__contains="<math").exists()


@pytest.mark.django_db
def test_loading_again_changes_nothing_not_even_what_an_author_edited() -> None:
    load("--demo-users")
    Question.objects.filter(slug="sum").update(title="My sum")
    passwords = set(User.objects.values_list("username", "password"))
    second = load("--demo-users")
    assert Question.objects.get(slug="sum").title == "My sum"
    assert (Question.objects.count(), TestCase.objects.count()) == (5, sum(len(one.cases) for one in ALL))
    assert set(User.objects.values_list("username", "password")) == passwords
    assert "created" not in second


@pytest.mark.django_db
def test_demo_users_sign_in_with_the_passwords_that_are_printed(client) -> None:
    printed = dict(re.findall(r"^(\w+): created, password (\S+)$", load("--demo-users"), re.MULTILINE))
    assert set(printed) == {"author", "learner"}
    assert client.login(username="learner", password=printed["learner"])
    assert client.get("/admin/").status_code == 302
    assert client.login(username="author", password=printed["author"])
    assert client.get("/admin/questions/question/").status_code == 200


@pytest.mark.django_db
def test_without_being_asked_no_user_is_made() -> None:
    before = User.objects.count()
    load()
    assert User.objects.count() == before
