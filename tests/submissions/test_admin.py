"""Authors look at submissions in the admin; nobody changes them there."""

import pytest
from django.test import Client
from django.urls import reverse

from execution import languages
from submissions import judging
from submissions.models import Submission
from tests.factories import make_author, make_question, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def author():
    client = Client()
    client.force_login(make_author())
    return client


@pytest.fixture
def submission():
    return judging.submit(
        user=make_user("ada"),
        question=make_question(),
        language=languages.get("python"),
        source="print('<3')",
    )


def test_an_author_finds_the_submissions_of_a_question(author, submission):
    judging.submit(
        user=make_user("bob"), question=make_question(), language=languages.get("c"), source="int main(){}"
    )
    address = reverse("admin:submissions_submission_changelist")

    page = author.get(address, {"question__id__exact": str(submission.question_id)}).content.decode()

    assert "ada" in page
    assert "bob" not in page


def test_an_author_reads_a_submission_with_its_program_and_results(author, submission, engine, work):
    work()

    page = author.get(reverse("admin:submissions_submission_change", args=[submission.pk])).content.decode()

    assert "print(&#x27;&lt;3&#x27;)" in page
    assert "value" in page
    for words in ("Wrong answer", "1, public", "0 of 1", "exit code 0", "0 of 100"):
        assert words in page
    before, technical = page.split("Technical", 1)
    assert "http://127.0.0.1" in technical
    assert "http://127.0.0.1" not in before


def test_nobody_changes_adds_or_deletes_one_by_hand(submission):
    """S0.18"""
    client = Client()
    client.force_login(make_author("root", is_superuser=True))
    address = reverse("admin:submissions_submission_change", args=[submission.pk])

    assert client.post(address, {"verdict": "AC"}).status_code == 403
    assert client.post(reverse("admin:submissions_submission_add"), {}).status_code == 403
    assert (
        client.post(reverse("admin:submissions_submission_delete", args=[submission.pk])).status_code == 403
    )
    assert Submission.objects.get().verdict is None


def test_a_learner_does_not_get_in(submission):
    client = Client()
    client.force_login(submission.user)

    assert client.get(reverse("admin:submissions_submission_changelist")).status_code == 302
