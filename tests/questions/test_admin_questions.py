"""Authoring a question in Django admin, as an author without superuser's rights does it."""

import re
from html.parser import HTMLParser

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from execution.languages import LANGUAGES
from execution.types import CheckerKind, RunPolicy, ScoringMode
from questions.models import Blob, Question, QuestionFile
from submissions.models import Submission
from tests.factories import make_author, make_case, make_question, make_solution, make_user

pytestmark = pytest.mark.django_db

LIST = "/admin/questions/question/"
NO_INLINES = {f"starter_codes-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL")}
FIELDS = {
    "title": "Double it",
    "slug": "double-it",
    "summary": "Print twice the number.",
    "difficulty": "easy",
    "statement": "Print $2 n$.",
    "time_limit_ms": "1000",
    "memory_limit_kib": "262144",
    "output_limit_kib": "1024",
    "checker": "tokens",
    "absolute_tolerance": "1e-6",
    "relative_tolerance": "1e-6",
    "checker_protocol": "kattis",
    "checker_time_limit_ms": "20000",
    "checker_memory_limit_kib": "1048576",
    "run_policy": "fail_fast",
    "scoring": "weighted",
} | NO_INLINES


@pytest.fixture
def author(client):
    user = make_author()
    client.force_login(user)
    return user


@pytest.fixture
def draft() -> Question:
    return make_question(state=Question.State.DRAFT, title="Draft")


def page_of(question: Question) -> str:
    return reverse("admin:questions_question_change", args=[question.pk])


def submit_to(question: Question) -> Submission:
    return Submission.objects.create(
        user=make_user(),
        question=question,
        language="python",
        source="print(3)",
        source_bytes=8,
        status=Submission.Status.DONE,
        verdict="AC",
    )


SOLUTION = {"name": "slow.c", "language": "c", "source": "int main;", "expected": ["TLE", "RTE"]}


def add_solution_to(question: Question) -> str:
    return reverse("admin:questions_referencesolution_add") + f"?question={question.pk}"


def messages_of(answer) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


def test_an_author_makes_a_question_with_a_hidden_testcase_and_publishes_it(client, author) -> None:
    """S0.26"""
    made = client.post(f"{LIST}add/", FIELDS, follow=True)
    question = Question.objects.get(slug="double-it")
    assert made.redirect_chain == [(page_of(question), 302)]
    assert (question.state, question.author) == ("draft", author)

    address = reverse("admin:questions_testcase_add") + f"?question={question.pk}"
    case = {"question": question.pk, "visibility": "hidden", "order": 1, "points": 1}
    client.post(address, case | {"input_text": "21\r\n", "answer_text": "42\r\n"})
    hidden = question.testcases.get()
    assert (hidden.visibility, bytes(hidden.input.data), bytes(hidden.answer.data)) == (
        "hidden",
        b"21\n",
        b"42\n",
    )

    client.post(reverse("admin:questions_question_publish", args=[question.pk]))
    assert list(Question.objects.published()) == [question]


def test_a_question_is_saved_with_its_statement_rendered(client, author) -> None:
    client.post(f"{LIST}add/", FIELDS | {"statement": "Print $2 n$.\r\n\r\nPlease."})
    question = Question.objects.get()
    assert question.statement == "Print $2 n$.\n\nPlease."
    assert "<math" in question.statement_html
    client.post(page_of(question), FIELDS | {"statement": "**New**"})
    question.refresh_from_db()
    assert question.statement_html == "<p><strong>New</strong></p>\n"


def test_starter_code_and_solutions_keep_their_blanks_and_get_plain_line_ends(client, author) -> None:
    starter = {
        "starter_codes-TOTAL_FORMS": "1",
        "starter_codes-0-language": "python",
        "starter_codes-0-source": "    n = 1\r\n\r\n",
    }
    client.post(f"{LIST}add/", FIELDS | starter)
    question = Question.objects.get()
    assert question.starter_codes.get().source == "    n = 1\n\n"
    client.post(add_solution_to(question), SOLUTION | {"question": question.pk, "source": "\tint x;\r\n"})
    assert question.reference_solutions.get().source == "\tint x;\n"


def test_a_program_at_the_limit_is_accepted_and_one_byte_more_is_refused(client, author, settings) -> None:
    """S2.5"""
    settings.MAX_SOURCE_BYTES = 100
    starter = {
        "starter_codes-TOTAL_FORMS": "1",
        "starter_codes-0-language": "python",
        "starter_codes-0-source": "x" * 101,
    }
    refused = client.post(f"{LIST}add/", FIELDS | starter)
    assert "at most 100 bytes" in refused.content.decode()
    client.post(f"{LIST}add/", FIELDS | starter | {"starter_codes-0-source": "x" * 100})
    assert Question.objects.get().starter_codes.get().source == "x" * 100


def test_languages_are_ticked_and_none_means_all(client, author) -> None:
    client.post(f"{LIST}add/", FIELDS | {"allowed_languages": ["python", "c"]})
    question = Question.objects.get()
    assert [language.slug for language in question.languages()] == ["python", "c"]
    assert re.search(r'<input[^>]*value="c"[^>]*checked', client.get(page_of(question)).content.decode())
    client.post(page_of(question), FIELDS)
    question.refresh_from_db()
    assert question.languages() == list(LANGUAGES)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("statement", "", "required"),
        ("statement", "x" * (256 * 1024 + 1), "256 KiB"),
        ("statement", f"${'x' * 2001}$", "2001 characters"),
        ("time_limit_ms", "49", "greater than or equal to 50"),
        ("memory_limit_kib", "4095", "greater than or equal to 4096"),
        ("memory_limit_kib", "-1", "greater than or equal to 4096"),
        ("time_limit_ms", "20001", "less than or equal to 20000"),
        ("slug", "not a slug", "valid"),
        ("allowed_languages", "cobol", "not one of the available choices"),
        ("absolute_tolerance", "-1", "greater than or equal to 0"),
        ("checker", "none", "not one of the available choices"),
    ],
)
def test_what_a_question_cannot_be_is_said_at_its_field(client, author, field, value, message) -> None:
    answer = client.post(f"{LIST}add/", FIELDS | {field: value})
    assert answer.status_code == 200
    assert message in " ".join(answer.context["adminform"].form.errors[field])
    assert not Question.objects.exists()


def test_the_form_explains_every_choice_of_judging_and_begins_at_the_title(client, author) -> None:
    page = client.get(f"{LIST}add/")
    fields = page.context["adminform"].form.fields
    for name, kinds in (("checker", CheckerKind), ("run_policy", RunPolicy), ("scoring", ScoringMode)):
        help_text = str(fields[name].help_text)
        assert [kind for kind in kinds if f"<b>{kind.value.replace('_', ' ')}</b>:" not in help_text] == []
    assert "AC 100, WA 30, else 0" in fields["scoring"].help_text
    assert fields["title"].widget.attrs["autofocus"]
    assert fields["memory_limit_kib"].widget.attrs["min"] == 4096
    assert "Save first; then add testcases" in page.content.decode()


def test_a_question_may_declare_more_memory_than_new_ones_get(client, author) -> None:
    client.post(f"{LIST}add/", FIELDS | {"memory_limit_kib": str(1024 * 1024)})
    assert Question.objects.get().memory_limit_kib == 1024 * 1024


def test_the_page_says_how_many_testcases_there_are_and_loads_none_of_them(
    client, author, django_assert_max_num_queries
) -> None:
    question = make_question([])
    make_case(question, "x" * 3_000_000, "y" * 1_194_304, public=True)
    make_case(question, "SECRET", "")
    with django_assert_max_num_queries(20) as captured:
        page = client.get(page_of(question)).content.decode()
    assert "Testcases: 2 (1 public), 4.0\xa0MB" in page
    assert "SECRET" not in page
    assert not [query for query in captured if '"questions_blob"."data"' in query["sql"]]


def test_the_page_leads_to_testcases_to_the_learners_view_and_to_submissions(client, author) -> None:
    question = make_question()
    page = client.get(page_of(question)).content.decode()
    assert f'href="/admin/questions/testcase/?question__id__exact={question.pk}"' in page
    assert f'href="/admin/questions/testcase/add/?question={question.pk}"' in page
    assert f'href="{reverse("solve", args=[question.slug])}"' in page


def test_saving_a_question_keeps_a_change_of_state_made_meanwhile(client, author) -> None:
    question = make_question(slug="double-it")
    client.get(page_of(question))
    Question.objects.update(state=Question.State.ARCHIVED)
    client.post(page_of(question), FIELDS)
    question.refresh_from_db()
    assert (question.title, question.state) == ("Double it", "archived")


def test_a_published_question_may_be_changed(client, author) -> None:
    question = make_question(slug="double-it")
    client.post(page_of(question), FIELDS | {"time_limit_ms": "2000"})
    question.refresh_from_db()
    assert (question.time_limit_ms, question.state) == (2000, "published")


# --- reference solutions ---


def test_a_solution_may_have_one_of_several_verdicts_and_bounds_of_its_score(client, author) -> None:
    question = make_question()
    wanted = SOLUTION | {"question": question.pk, "score_low": "10", "score_high": "20.5"}
    answer = client.post(add_solution_to(question), wanted)
    assert answer.headers["Location"] == reverse("admin-verification", args=[question.pk])
    solution = question.reference_solutions.get()
    assert (solution.expected, solution.score_low, solution.score_high) == (["TLE", "RTE"], 10, 20.5)
    page = client.get(
        reverse("admin:questions_referencesolution_change", args=[solution.pk])
    ).content.decode()
    assert len(re.findall(r'name="expected" value="(?:TLE|RTE)"[^>]*checked', page)) == 2


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("language", "", "cannot be judged"),
        ("source", "", "cannot be judged"),
        ("expected", ["SK"], "not one of the available choices"),
        ("score_high", "9", "less than the least"),
    ],
)
def test_what_a_solution_cannot_be_is_said_at_its_field(client, author, field, value, message) -> None:
    question = make_question()
    wanted = SOLUTION | {"question": question.pk, "score_low": "10"} | {field: value}
    answer = client.post(add_solution_to(question), wanted)
    assert message in " ".join(answer.context["adminform"].form.errors[field])
    assert not question.reference_solutions.exists()


def test_what_was_skipped_is_judged_once_it_has_another_program(client, author) -> None:
    solution = make_solution(make_question())
    type(solution).objects.update(skipped="It is written in Whitespace.", source="", language="")
    address = reverse("admin:questions_referencesolution_change", args=[solution.pk])
    unchanged = {"name": "spaces.ws", "language": "", "source": "", "expected": ["AC"]}
    client.post(address, unchanged)
    solution.refresh_from_db()
    assert (solution.name, solution.skipped) == ("spaces.ws", "It is written in Whitespace.")
    client.post(address, unchanged | {"language": "python", "source": "print()"})
    solution.refresh_from_db()
    assert (solution.source, solution.skipped) == ("print()", "")


def test_the_page_of_a_question_holds_none_of_its_solutions_programs(client, author) -> None:
    question = make_question()
    for number in range(3):
        make_solution(question, f"# {'CANARY' * 1000}{number}")
    page = client.get(page_of(question)).content.decode()
    assert "CANARY" not in page
    assert reverse("admin-verification", args=[question.pk]) in page


# --- the author's checker ---


def checker_page(question: Question) -> str:
    return reverse("admin:questions_question_checker", args=[question.pk])


def uploaded(name: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def test_a_checkers_files_are_added_replaced_read_and_deleted(client, author) -> None:
    question = make_question(checker="program")
    files = [uploaded("check.cpp", b"old"), uploaded("run", b"#!/bin/sh")]
    assert client.post(checker_page(question), {"added": files}).status_code == 302
    client.post(checker_page(question), {"added": [uploaded("check.cpp", b"new")]})
    client.post(checker_page(question), {"added": [uploaded("a.h", b"header")], "folder": "include/"})
    rows = {file.path: file for file in question.files.all()}
    assert {path: (bytes(row.blob.data), row.executable) for path, row in rows.items()} == {
        "check.cpp": (b"new", False),
        "include/a.h": (b"header", False),
        "run": (b"#!/bin/sh", True),
    }
    read = client.get(reverse("admin:questions_question_checkerfile", args=[question.pk, rows["run"].pk]))
    assert (read.getvalue(), read.headers["Content-Type"]) == (b"#!/bin/sh", "application/octet-stream")
    client.post(checker_page(question), {"delete": [rows["run"].pk, rows["include/a.h"].pk]})
    assert list(question.files.values_list("path", flat=True)) == ["check.cpp"]
    assert not Blob.objects.filter(pk__in=[rows["run"].blob_id, rows["include/a.h"].blob_id]).exists()


@pytest.mark.parametrize("name", [".bashrc", "a b.cpp", "-o.cpp"])
def test_a_file_of_a_checker_with_a_name_that_means_something_else_is_refused(client, author, name) -> None:
    question = make_question(checker="program")
    answer = client.post(checker_page(question), {"added": [uploaded(name, b"x")]})
    assert "is no path that checkers may have" in answer.content.decode()
    assert not question.files.exists()


def test_a_file_of_a_checker_stays_below_its_folder(client, author) -> None:
    question = make_question(checker="program")
    for folder in ("..", "a/../..", "a//b"):
        client.post(checker_page(question), {"added": [uploaded("x.h", b"x")], "folder": folder})
    assert not question.files.exists()


def test_a_question_whose_checker_cannot_be_compiled_is_not_published(client, author, draft) -> None:
    Question.objects.update(checker="program")
    assert "The checker has no files" in messages_of(take(client, draft, "publish"))
    client.post(checker_page(draft), {"added": [uploaded("check.cpp", b'#include "testlib.h"')]})
    assert "includes testlib.h, which is not among its files" in messages_of(take(client, draft, "publish"))
    QuestionFile.objects.all().delete()
    client.post(checker_page(draft), {"added": [uploaded("check.py", b"exit(42)")]})
    assert "is published" in messages_of(take(client, draft, "publish"))


@pytest.mark.parametrize(
    ("fields", "name", "message"),
    [
        (
            {"checker": "kattis", "checker_arguments": "float_tolerance"},
            "checker_arguments",
            "needs a number",
        ),
        ({"checker": "program", "checker_arguments": "'a"}, "checker_arguments", "No closing quotation"),
        ({"checker": "tokens", "interactive": "on"}, "interactive", "Only the checker “program”"),
    ],
)
def test_what_a_checker_cannot_be_is_said_at_its_field(client, author, fields, name, message) -> None:
    answer = client.post(f"{LIST}add/", FIELDS | fields)
    assert message in " ".join(answer.context["adminform"].form.errors[name])


# --- preview ---


def test_the_preview_shows_what_would_be_stored(client, author) -> None:
    answer = client.post(f"{LIST}preview/", {"statement": "$x^2$ <script>alert(1)</script>"})
    assert answer.status_code == 200
    assert "<math" in answer.json()["html"]
    assert "<script" not in answer.json()["html"]


def test_the_preview_says_what_is_too_large(client, author) -> None:
    answer = client.post(f"{LIST}preview/", {"statement": f"${'x' * 2001}$"})
    assert "2001 characters" in answer.json()["error"]


def test_the_preview_is_for_authors_and_for_posts(client, author) -> None:
    assert client.get(f"{LIST}preview/").status_code == 405
    client.force_login(make_user(is_staff=True))
    assert client.post(f"{LIST}preview/", {"statement": "x"}).status_code == 403


# --- states ---


def take(client, question: Question, step: str):
    return client.post(reverse(f"admin:questions_question_{step}", args=[question.pk]), follow=True)


def test_publishing_without_a_testcase_is_refused_and_says_what_is_missing(client, author) -> None:
    question = make_question([], state=Question.State.DRAFT, statement="  ")
    answer = take(client, question, "publish")
    question.refresh_from_db()
    assert question.state == "draft"
    assert "It has no statement. It has no testcase." in messages_of(answer)


def test_publishing_with_more_testcases_than_are_judged_is_refused(client, author, draft, settings) -> None:
    """S2.6"""
    settings.MAX_TESTCASES = 1
    assert "at most 1 are judged" in messages_of(take(client, draft, "publish"))
    settings.MAX_TESTCASES = 2
    assert "is published" in messages_of(take(client, draft, "publish"))


def test_publishing_without_points_is_refused(client, author, draft) -> None:
    draft.testcases.update(points=0)
    assert "No testcase carries points" in messages_of(take(client, draft, "publish"))


@pytest.mark.parametrize(
    ("before", "step", "after"),
    [
        ("draft", "publish", "published"),
        ("draft", "archive", "archived"),
        ("published", "unpublish", "draft"),
        ("published", "archive", "archived"),
        ("archived", "restore", "draft"),
    ],
)
def test_a_button_takes_a_question_from_state_to_state(client, author, before, step, after) -> None:
    question = make_question(state=before)
    address = reverse(f"admin:questions_question_{step}", args=[question.pk])
    assert f'action="{address}"' in client.get(page_of(question)).content.decode()
    assert client.post(address).status_code == 302
    question.refresh_from_db()
    assert question.state == after


@pytest.mark.parametrize(
    ("before", "step"),
    [("published", "publish"), ("archived", "publish"), ("draft", "unpublish"), ("draft", "restore")],
)
def test_a_step_that_does_not_fit_the_state_changes_nothing(client, author, before, step) -> None:
    question = make_question(state=before)
    answer = take(client, question, step)
    question.refresh_from_db()
    assert question.state == before
    assert f"stays {before}" in messages_of(answer)


def test_save_and_publish_does_both_and_when_it_cannot_publish_it_still_saves(client, author) -> None:
    ready = make_question(state=Question.State.DRAFT, slug="double-it")
    client.post(page_of(ready), FIELDS | {"_publish": "1"})
    ready.refresh_from_db()
    assert (ready.title, ready.state) == ("Double it", "published")
    answer = client.post(f"{LIST}add/", FIELDS | {"slug": "bare", "_publish": "1"}, follow=True)
    assert Question.objects.get(slug="bare").state == "draft"
    assert "It has no testcase." in messages_of(answer)


def test_states_change_by_post_only_and_with_the_right_only(client, author, draft) -> None:
    address = reverse("admin:questions_question_publish", args=[draft.pk])
    assert client.get(address).status_code == 405
    client.force_login(make_user(is_staff=True))
    assert client.post(address).status_code == 403
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_an_action_of_the_list_publishes_what_is_ready_and_names_what_is_not(client, author, draft) -> None:
    bare = make_question([], state=Question.State.DRAFT, title="Bare")
    answer = client.post(LIST, {"action": "publish", "_selected_action": [draft.pk, bare.pk]}, follow=True)
    assert list(Question.objects.published()) == [draft]
    assert "“Bare” stays draft. It has no testcase." in messages_of(answer)


# --- deletion ---


def test_a_question_without_submissions_is_deleted_with_its_testcases_and_their_data(client, author) -> None:
    question = make_question()
    make_solution(question)
    client.post(reverse("admin:questions_question_delete", args=[question.pk]), {"post": "yes"})
    assert (Question.objects.count(), Blob.objects.count()) == (0, 0)


def test_once_it_has_submissions_a_question_is_not_deleted_but_can_be_archived(client, author) -> None:
    question = make_question()
    submit_to(question)
    address = reverse("admin:questions_question_delete", args=[question.pk])
    for answer in (client.get(address, follow=True), client.post(address, {"post": "yes"}, follow=True)):
        assert "has submissions, so it cannot be deleted. Archive it instead" in messages_of(answer)
    assert Question.objects.get() == question
    take(client, question, "archive")
    assert Question.objects.get().state == "archived"
    assert Submission.objects.count() == 1


def test_of_several_questions_none_is_deleted_when_one_has_submissions(client, author) -> None:
    free, used = make_question(), make_question(title="Used")
    submit_to(used)
    chosen = {"action": "delete_selected", "_selected_action": [free.pk, used.pk]}
    for data in (chosen, chosen | {"post": "yes"}):
        assert "“Used” has submissions" in messages_of(client.post(LIST, data, follow=True))
    assert Question.objects.count() == 2
    client.post(LIST, {"action": "delete_selected", "_selected_action": [free.pk], "post": "yes"})
    assert list(Question.objects.all()) == [used]


# --- what a strict page forbids ---


class Strict(HTMLParser):
    """Collects what a Content-Security-Policy without unsafe-inline would block."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.blocked: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        inline_script = tag == "script" and "src" not in names and names.get("type") != "application/json"
        if inline_script or tag == "style" or any(name == "style" or name.startswith("on") for name in names):
            self.blocked.append(f"<{tag} {names}>")


def test_no_authoring_page_needs_what_the_content_security_policy_forbids(client, author) -> None:
    question = make_question([("1 2", "3", True), (b"\xff\x00", "4", False)])
    make_solution(question)
    case = question.testcases.get(visibility="public")
    for address in (
        "/admin/",
        LIST,
        f"{LIST}add/",
        page_of(question),
        f"/admin/questions/testcase/?question__id__exact={question.pk}",
        f"/admin/questions/testcase/add/?question={question.pk}",
        f"/admin/questions/testcase/{case.pk}/change/",
        f"/admin/questions/testcase/{case.pk}/delete/",
        f"/admin/questions/referencesolution/{question.reference_solutions.get().pk}/change/",
        reverse("admin-verification", args=[question.pk]),
        checker_page(question),
        "/admin/questions/tag/",
    ):
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert Strict(answer.content.decode()).blocked == [], address
