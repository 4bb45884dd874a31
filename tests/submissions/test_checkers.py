"""Questions with a checker of their author's own: what is stored, who sees it, and what a failing checker ends in."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from execution import languages
from execution.errors import CheckerFailed
from questions.models import Blob, Question, QuestionFile
from submissions import disclosure, judging, lifecycle, retention
from submissions.models import CheckerNote, Submission
from tests.factories import make_author, make_question, make_user

pytestmark = pytest.mark.django_db(transaction=True)

CHECKER = b"""
import sys
given, answer, feedback = sys.argv[1:]
with open(feedback + "judgemessage.txt", "w") as file: file.write("hidden <b>answer</b> " + open(answer).read())
with open(feedback + "teammessage.txt", "w") as file: file.write("too small")
print("on standard output")
sys.exit(%s)
"""
BY_ANSWER = b"42 if sys.stdin.read() == open(answer).read() else 43"
CASES = [("1\n", "1\n", True), ("2\n", "3\n", True), ("4\n", "5\n", False)]
WITH_ALL = {"checker": "program", "run_policy": "run_all", "explain_hidden": True}


def judged(work, *, says=BY_ANSWER, cases=CASES, **fields):
    question = make_question(cases, **WITH_ALL | fields)
    blob = Blob.store(CHECKER % says)
    QuestionFile.objects.create(question=question, kind="checker", path="check.py", blob=blob)
    submission = judging.submit(
        user=make_user("ada"), question=question, language=languages.get("python"), source="print(input())"
    )
    work()
    submission.refresh_from_db()
    return submission


def notes(submission):
    return {(one.index, one.name): bytes(one.text) for one in submission.checker_notes.all()}


def page_for(user, address):
    client = Client()
    client.force_login(user)
    return client.get(address).content.decode()


def test_what_a_checker_leaves_behind_is_for_authors_alone(engine, work):
    """Learners hear no more than its message for them, on public cases, and the kind of difference elsewhere."""
    submission = judged(work)

    assert (submission.status, submission.verdict) == ("done", "WA")
    assert notes(submission)[3, "judgemessage.txt"] == b"hidden <b>answer</b> 5\n"
    assert notes(submission)[3, "printed"].strip() == b"on standard output"
    shown = disclosure.detail(submission)
    assert [case["verdict"] for case in shown["results"]] == ["AC", "WA", "WA"]
    assert [case["difference"] for case in shown["results"]] == [None, "checker", "checker"]
    assert shown["results"][1]["difference_message"] == "too small"
    assert "difference_message" not in shown["results"][2]
    page = page_for(submission.user, reverse("submission", args=[submission.pk]))
    assert "too small" in page
    assert "&lt;b&gt;answer" not in page
    assert "on standard output" not in page + str(shown)
    admin = page_for(make_author(), reverse("admin:submissions_submission_change", args=[submission.pk]))
    assert "case 3, judgemessage.txt" in admin
    assert "hidden &lt;b&gt;answer&lt;/b&gt; 5" in admin


def test_a_checker_that_fails_ends_in_an_error_that_is_nobodys_wrong_answer(engine, work, caplog):
    submission = judged(work, says=b"1 / 0")

    assert (submission.status, submission.verdict, submission.reason) == ("error", None, "checker_failed")
    assert submission.message == "The question's checker failed. This is not your fault."
    assert b"ZeroDivisionError" in notes(submission)[1, "failure"]
    assert "ZeroDivisionError" not in caplog.text
    page = page_for(submission.user, reverse("submission", args=[submission.pk]))
    assert "The question&#x27;s checker failed." in page
    assert "This is not your fault" not in page  # as it says already that it is ours
    admin = page_for(make_author(), reverse("admin:submissions_submission_change", args=[submission.pk]))
    assert "case 1, failure" in admin
    assert "ZeroDivisionError" in admin


def claimed(question):
    submission = judging.submit(
        user=make_user("bob"), question=question, language=languages.get("python"), source="print(1)"
    )
    claim = lifecycle.claim(submission, revision="first", cases_total=1)
    assert claim
    return submission, claim


def test_notes_are_forgotten_with_the_revision_that_they_are_about():
    submission, claim = claimed(make_question())
    CheckerNote.objects.create(submission=submission, index=1, name="judgemessage.txt", text=b"old")
    lifecycle.give_back(claim)

    lifecycle.claim(Submission.objects.get(pk=submission.pk), revision="second", cases_total=1)

    assert not submission.checker_notes.exists()


def test_a_fenced_worker_leaves_no_note_and_a_note_has_an_end():
    submission, claim = claimed(make_question())
    lifecycle.fail_by_checker(claim, CheckerFailed("It failed.", notes="x" * 200_000), message="Sorry.")

    with pytest.raises(lifecycle.Fenced):
        lifecycle.fail_by_checker(claim, CheckerFailed("Again.", case=1), message="Sorry.")

    assert list(notes(submission)) == [(None, "failure")]
    assert len(notes(submission)[None, "failure"]) == 64 * 1024


def test_notes_go_with_the_outputs(settings):
    _, claim = claimed(make_question())
    lifecycle.fail_by_checker(claim, CheckerFailed("It failed."), message="Sorry.")
    Submission.objects.update(finished_at=Now() - timedelta(days=400))
    settings.RETENTION_DAYS = settings.RETENTION_DAYS | {"outputs": 30}

    assert retention.purge_only("outputs") == 1
    assert not CheckerNote.objects.exists()


def test_the_page_shows_the_blanks_by_which_kattis_rule_tells_lines_apart(engine, work):
    cases = [("a  b\n", "a b\n", True)]
    kattis = judged(
        work, cases=cases, checker="kattis", checker_arguments="space_change_sensitive", explain_hidden=False
    )
    page = page_for(kattis.user, reverse("submission", args=[kattis.pk]))

    assert "only blanks differ; blanks and line ends count here" in page
    assert "<mark><i>·</i></mark>" in page


@pytest.mark.parametrize(
    "unreadable", [{"checker_arguments": "a 'b"}, {"groups": [{"path": "", "nonsense": 1}]}]
)
def test_what_no_form_would_have_taken_ends_in_an_error_with_a_note_for_its_author(engine, work, unreadable):
    question = make_question()
    Question.objects.filter(pk=question.pk).update(**unreadable)
    submission = judging.submit(
        user=make_user("bob"), question=question, language=languages.get("python"), source="print(1)"
    )

    work()

    submission.refresh_from_db()
    assert (submission.status, submission.reason) == ("error", "checker_failed")
    assert b"cannot be read" in notes(submission)[None, "failure"]
