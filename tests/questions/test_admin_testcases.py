"""Testcases in Django admin: bytes are kept as they came, lists load previews only, limits are named."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from questions.forms import MAX_EDITABLE_BYTES
from questions.models import Blob, Question, TestCase
from tests.factories import make_author, make_case, make_question

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def author(client):
    user = make_author()
    client.force_login(user)
    return user


@pytest.fixture
def question() -> Question:
    return make_question([("1 2\n", "3\n", True)])


def list_of(question: Question) -> str:
    return f"/admin/questions/testcase/?question__id__exact={question.pk}"


def add(client, question: Question, **fields):
    address = f"/admin/questions/testcase/add/?question={question.pk}"
    values = {"question": question.pk, "visibility": "hidden", "order": 2, "points": 1} | fields
    return client.post(address, values, follow=True)


def change(client, case: TestCase, **fields):
    values = {"visibility": case.visibility, "order": case.order, "points": case.points} | fields
    return client.post(reverse("admin:questions_testcase_change", args=[case.pk]), values, follow=True)


def data_of(case: TestCase) -> tuple[bytes, bytes]:
    case = TestCase.objects.select_related("input", "answer").get(pk=case.pk)
    return bytes(case.input.data), bytes(case.answer.data)


def messages_of(answer) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


# --- one testcase ---


def test_typed_text_gets_the_line_ends_of_the_judges(client, question) -> None:
    add(client, question, input_text="\r\n a\r\nb \r\n", answer_text="  c")
    assert data_of(question.testcases.get(order=2)) == (b"\n a\nb \n", b"  c")


def test_a_file_is_kept_byte_for_byte(client, question) -> None:
    given = b"\xff\x00\r\n\r \n"
    add(
        client,
        question,
        input_file=SimpleUploadedFile("a.in", given),
        answer_file=SimpleUploadedFile("a.ans", b""),
    )
    assert data_of(question.testcases.get(order=2)) == (given, b"")


@pytest.mark.parametrize("part", ["input", "answer"])
def test_text_and_a_file_for_the_same_part_are_refused_at_the_file(client, question, part: str) -> None:
    given = {f"{part}_text": "typed", f"{part}_file": SimpleUploadedFile("a", b"file")}
    refused = add(client, question, **given)
    [message] = refused.context["adminform"].form.errors[f"{part}_file"]
    assert message == f"The {part} is given twice, as text and as a file: take one of them away."
    assert question.testcases.count() == 1


def test_a_file_replaces_text_that_the_page_showed(client, question) -> None:
    case = make_case(question, "two\nlines\n", "3\n")
    new = SimpleUploadedFile("a.in", b"file")
    change(client, case, input_text="two\r\nlines\r\n", input_file=new, answer_text="3\r\n")
    assert data_of(case) == (b"file", b"3\n")


def test_an_empty_answer_is_taken_with_a_warning(client, question) -> None:
    answer = add(client, question, input_text="1", answer_text="")
    assert data_of(question.testcases.get(order=2)) == (b"1", b"")
    assert "The answer of hidden case 2 is empty" in messages_of(answer)
    assert "is empty" not in messages_of(add(client, question, order=3, input_text="", answer_text="1"))


def test_saving_a_case_without_touching_its_text_changes_no_byte(client, question) -> None:
    case = make_case(question, "\n two\nlines \n", "x\n\n")
    page = client.get(reverse("admin:questions_testcase_change", args=[case.pk]))
    shown = page.context["adminform"].form
    typed = {
        f"{part}_text": shown[f"{part}_text"].value().replace("\n", "\r\n") for part in ("input", "answer")
    }
    change(client, case, **typed, note="changed")
    assert data_of(case) == (b"\n two\nlines \n", b"x\n\n")
    assert TestCase.objects.get(pk=case.pk).note == "changed"


@pytest.mark.parametrize("data", [b"x" * (MAX_EDITABLE_BYTES + 1), b"a\r\nb\r\n", b"\xff\xfe", b"a\0b"])
def test_what_a_textarea_would_change_is_shown_read_only_and_kept(client, question, data: bytes) -> None:
    case = make_case(question, data, "3\n")
    page = client.get(reverse("admin:questions_testcase_change", args=[case.pk]))
    field = page.context["adminform"].form.fields["input_text"]
    assert field.disabled
    assert f"{len(data)} bytes" in field.help_text
    assert len(page.content) < 60_000
    change(client, case, input_text="typed all the same", answer_text="4\r\n")
    assert data_of(case) == (data, b"4\n")


def test_text_at_the_size_of_the_editor_is_still_editable(client, question) -> None:
    case = make_case(question, b"x" * MAX_EDITABLE_BYTES)
    page = client.get(reverse("admin:questions_testcase_change", args=[case.pk]))
    assert not page.context["adminform"].form.fields["input_text"].disabled


def test_a_large_case_is_replaced_by_a_file_and_the_old_data_goes(client, question) -> None:
    case = make_case(question, b"x" * 100_000, "3\n")
    change(client, case, input_file=SimpleUploadedFile("new.in", b"small"), answer_text="3\r\n")
    assert data_of(case) == (b"small", b"3\n")
    assert not Blob.objects.filter(size=100_000).exists()


@pytest.mark.parametrize("part", ["input", "answer"])
@pytest.mark.parametrize("way", ["text", "file"])
def test_data_over_the_limit_is_refused_at_its_field_and_at_the_limit_accepted(
    client, question, settings, part, way
) -> None:
    """S2.7"""
    settings.MAX_STDIN_BYTES = 1000

    def given(size: int):
        return "x" * size if way == "text" else SimpleUploadedFile("a", b"x" * size)

    refused = add(client, question, **{f"{part}_{way}": given(1001)})
    [message] = refused.context["adminform"].form.errors[f"{part}_{way}"]
    assert message == f"The {part} has 1001 bytes; at most 1000 are allowed."
    assert question.testcases.count() == 1
    add(client, question, **{f"{part}_{way}": given(1000)})
    assert question.testcases.count() == 2


def test_a_testcase_beyond_the_limit_is_refused_and_at_the_limit_accepted(client, question, settings) -> None:
    """S2.6"""
    settings.MAX_TESTCASES = 2
    add(client, question, input_text="a")
    assert question.testcases.count() == 2
    refused = add(client, question, input_text="b")
    assert refused.context["adminform"].form.non_field_errors() == [
        "A question may have at most 2 testcases."
    ]
    assert question.testcases.count() == 2


def test_a_new_case_follows_the_last_one(client, question) -> None:
    page = client.get(f"/admin/questions/testcase/add/?question={question.pk}")
    assert page.context["adminform"].form.initial["order"] == 2


def test_save_and_add_another_stays_with_the_question(client, question) -> None:
    answer = add(client, question, input_text="a", _addanother="1")
    assert answer.status_code == 200
    assert answer.context["question"] == question


def test_a_case_cannot_be_moved_to_another_question(client, question) -> None:
    case = question.testcases.get()
    change(client, case, question=make_question().pk, input_text="1", answer_text="1")
    case.refresh_from_db()
    assert case.question == question


@pytest.mark.parametrize("key", ["", "?question=nonsense", "?question=00000000-0000-4000-8000-000000000000"])
def test_without_a_question_there_is_no_testcase(client, key: str) -> None:
    answer = client.get(f"/admin/questions/testcase/add/{key}")
    assert (answer.status_code, answer.url) == (302, "/admin/questions/question/")


def test_data_is_downloaded_as_it_is(client, question) -> None:
    case = make_case(question, b"\xff\r\n", b"out", order=7)
    answer = client.get(reverse("admin:questions_testcase_data", args=[case.pk, "input"]))
    assert answer.getvalue() == b"\xff\r\n"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{question.slug}-7.in"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(reverse("admin:questions_testcase_data", args=[case.pk, "note"])).status_code == 404


def test_deleting_a_case_removes_its_data_and_leads_back_to_the_list(client, question) -> None:
    case = make_case(question, "only here", "and here")
    answer = client.post(reverse("admin:questions_testcase_delete", args=[case.pk]), {"post": "yes"})
    assert answer.url == list_of(question)
    assert {bytes(blob.data) for blob in Blob.objects.all()} == {b"1 2\n", b"3\n"}


def test_the_last_case_of_a_published_question_cannot_be_deleted(client, question) -> None:
    case = question.testcases.get()
    address = reverse("admin:questions_testcase_delete", args=[case.pk])
    assert "unpublish it first" in messages_of(client.post(address, {"post": "yes"}, follow=True))
    chosen = {"action": "delete_selected", "_selected_action": [case.pk], "post": "yes"}
    assert "unpublish it first" in messages_of(client.post(list_of(question), chosen, follow=True))
    assert question.testcases.count() == 1


# --- the list ---


def test_the_list_shows_sizes_and_first_bytes_and_never_loads_the_data(
    client, question, django_assert_max_num_queries
) -> None:
    make_case(question, b"first line\n" + b"x" * 2_000_000 + b"THE END", b"\xff\x00\t")
    with django_assert_max_num_queries(15) as captured:
        page = client.get(list_of(question)).content.decode()
    assert "first line↵xxx" in page
    assert "1.9\xa0MB" in page
    assert r"\xff\x00\t" in page
    assert "THE END" not in page
    for query in captured:
        assert not re.search(r'(?<!SUBSTR\()(?<!SUBSTRING\()"\w+"\."data"', query["sql"])
    assert len(page) < 100_000


def test_a_row_of_the_list_has_its_previews_and_no_blob(question) -> None:
    row: Any = TestCase.objects.with_previews().get()
    assert (row.input_size, bytes(row.input_preview)) == (4, b"1 2\n")
    assert not TestCase.input.is_cached(row)


def test_the_number_of_queries_does_not_grow_with_the_number_of_cases(client, question) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(list_of(question)).status_code == 200
        return len(captured)

    few = queries()
    for number in range(60):
        make_case(question, f"case {number}")
    assert queries() == few


def test_the_list_without_a_question_leads_to_the_questions(client) -> None:
    answer = client.get("/admin/questions/testcase/")
    assert (answer.status_code, answer.url) == (302, "/admin/questions/question/")


def test_the_list_shows_the_cases_of_one_question_in_the_order_of_judging(client, question) -> None:
    make_question([("of another", "x", True)])
    make_case(question, "hidden one", order=1)
    make_case(question, "public one", public=True, order=2)
    rows = client.get(list_of(question)).context["cl"].result_list
    assert [bytes(row.input_preview) for row in rows] == [b"1 2\n", b"public one", b"hidden one"]


def test_order_visibility_group_and_points_are_edited_in_the_list_and_the_data_stays(
    client, question
) -> None:
    case = question.testcases.get()
    row = {"id": case.pk, "order": "5", "visibility": "hidden", "group": "large", "points": "2.5"}
    form = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "_save": "Save"}
    client.post(list_of(question), form | {f"form-0-{name}": value for name, value in row.items()})
    case.refresh_from_db()
    assert (case.order, case.visibility, case.group, case.points) == (5, "hidden", "large", Decimal("2.5"))
    assert 'value="2.5"' in client.get(list_of(question)).content.decode()
    assert data_of(case) == (b"1 2\n", b"3\n")


def test_a_full_page_of_the_list_can_be_saved(client, question) -> None:
    for number in range(110):
        make_case(question, f"case {number}")
    rows = list(TestCase.objects.in_order()[:100])
    form: dict[str, Any] = {"form-TOTAL_FORMS": "100", "form-INITIAL_FORMS": "100", "_save": "Save"}
    for index, case in enumerate(rows):
        values: dict[str, Any] = {
            "id": case.pk,
            "order": case.order,
            "visibility": "public",
            "group": "all",
            "points": 1,
        }
        form |= {f"form-{index}-{name}": value for name, value in values.items()}
    answer = client.post(list_of(question), form, follow=True)
    assert answer.status_code == 200
    assert TestCase.objects.filter(group="all").count() == 100


@pytest.mark.parametrize(("action", "visibility"), [("make_public", "public"), ("make_hidden", "hidden")])
def test_actions_show_and_hide_cases(client, question, action: str, visibility: str) -> None:
    chosen = [make_case(question, f"{n}", public=bool(n)).pk for n in (0, 1)]
    client.post(list_of(question), {"action": action, "_selected_action": chosen})
    assert set(TestCase.objects.filter(pk__in=chosen).values_list("visibility", flat=True)) == {visibility}
    assert TestCase.objects.get(input__size=4).visibility == "public"


def test_an_action_numbers_the_cases_anew(client, question) -> None:
    chosen = [make_case(question, f"{n}", order=n).pk for n in (30, 20)]
    client.post(list_of(question), {"action": "renumber", "_selected_action": chosen[:1]})
    assert [case.order for case in question.testcases.in_order()] == [1, 2, 3]
    assert question.testcases.get(pk=chosen[1]).order == 2


def test_an_action_deletes_cases_with_their_data(client, question) -> None:
    chosen = [make_case(question, f"in {n}", f"out {n}").pk for n in (1, 2)]
    client.post(list_of(question), {"action": "delete_selected", "_selected_action": chosen, "post": "yes"})
    assert (question.testcases.count(), Blob.objects.count()) == (1, 2)


# --- names and arguments ---


def test_authors_find_a_case_by_the_name_that_its_package_gave_it(client, question) -> None:
    case = make_case(question, order=2)
    TestCase.objects.filter(pk=case.pk).update(name="secret/large/07")

    listed = client.get(list_of(question)).content.decode()
    found = client.get(f"{list_of(question)}&q=large%2F07").context["cl"].result_list
    page = client.get(reverse("admin:questions_testcase_change", args=[case.pk])).content.decode()

    assert "secret/large/07" in listed
    assert [one.pk for one in found] == [case.pk]
    assert 'value="secret/large/07"' in page


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("", None), ("[]", []), ('["float_tolerance", "1e-6"]', ["float_tolerance", "1e-6"])],
)
def test_a_cases_arguments_for_the_checker_are_kept_as_they_are(client, question, typed, kept) -> None:
    [case] = question.testcases.all()
    change(client, case, input_text="1", answer_text="2", arguments=typed)

    case.refresh_from_db()
    shown = client.get(reverse("admin:questions_testcase_change", args=[case.pk]))

    assert case.arguments == kept
    assert shown.context["adminform"].form["arguments"].value() == typed


@pytest.mark.parametrize("typed", ["float_tolerance 1e-6", "[1]", '{"a": 1}', '["float_tolerance", "x"]'])
def test_arguments_that_cannot_be_are_refused(client, question, typed) -> None:
    Question.objects.filter(pk=question.pk).update(checker="kattis")
    [case] = question.testcases.all()

    refused = change(client, case, input_text="1", answer_text="2", arguments=typed)

    assert refused.context["adminform"].form.errors["arguments"]


def test_a_reference_solutions_page_leads_back_to_those_of_its_question(client, question) -> None:
    solution = question.reference_solutions.create(name="ok.py", language="python", source="print(3)")
    page = client.get(
        reverse("admin:questions_referencesolution_change", args=[solution.pk])
    ).content.decode()
    new = client.get(f"{reverse('admin:questions_referencesolution_add')}?question={question.pk}")

    for html in (page, new.content.decode()):
        assert f'href="{reverse("admin-verification", args=[question.pk])}">Reference solutions</a>' in html
        assert f'href="{reverse("admin:questions_question_change", args=[question.pk])}"' in html
