"""What authors see of hints: one by one, and in numbers for a question; never whose they are."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from hints import admin
from hints.models import HintRequest
from tests.factories import make_author, make_hint, make_question, make_user

pytestmark = pytest.mark.django_db

LIST = "admin:hints_hintrequest_changelist"
A_MODEL = {"rule": "", "provider": "anthropic", "model": "some-model", "tokens_in": 900, "tokens_out": 80}


@pytest.fixture
def author():
    client = Client()
    client.force_login(make_author())
    return client


@pytest.fixture
def learner():
    return make_user("ada-the-learner")


def usage_page(author, question):
    return author.get(reverse("admin:hints_hintrequest_usage", args=[question.pk])).content.decode()


def row(page, name):
    """The words of a table's row."""
    (line,) = [line for line in page.splitlines() if f'<th scope="row">{name}</th>' in line]
    return line.replace('<td class="number">', " ").replace("</td>", "").split("</th>")[1].split("</tr>")[0]


def test_an_author_switches_hints_off_in_the_questions_form(author):
    question = make_question()
    address = reverse("admin:questions_question_change", args=[question.pk])
    shown = author.get(address).context["adminform"].form
    fields = {name: shown[name].value() for name in shown.fields}
    inlines = {
        f"{kind}-{part}": "0"
        for kind in ("starter_codes", "reference_solutions")
        for part in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    sent = {name: value for name, value in fields.items() if value not in (None, False)} | inlines
    assert fields["offers_hints"] is True
    del sent["offers_hints"]

    answer = author.post(address, sent)

    question.refresh_from_db()
    assert (answer.status_code, question.offers_hints) == (302, False)
    assert "Hints are switched off for this question." in usage_page(author, question)


def test_a_questions_page_leads_to_the_use_of_its_hints(author):
    question = make_question()
    page = author.get(reverse("admin:questions_question_change", args=[question.pk])).content.decode()
    assert reverse("admin:hints_hintrequest_usage", args=[question.pk]) in page
    assert "Nobody has asked for one yet." in usage_page(author, question)


def test_the_use_of_hints_is_told_by_level_by_who_answered_and_by_whether_they_helped(author, learner):
    question = make_question()
    make_hint(learner, make_question())  # another question's
    make_hint(learner, question, was_helpful=True)
    make_hint(learner, question, was_helpful=False, took_ms=40)
    make_hint(learner, question, level=2, **A_MODEL, was_helpful=True, took_ms=3000)
    make_hint(learner, question, level=2, **A_MODEL | {"rule": "nothing_printed"}, refused=["code", "hidden"])
    make_hint(learner, question, kind="review", level=None, status="failed", answer=None, code="hint_lost")

    page = usage_page(author, question)

    assert row(page, "Level 1, nudge").split() == ["2", "2", "0", "1", "1"]
    assert row(page, "Level 2, concept").split() == ["2", "1", "1", "1", "0"]
    assert row(page, "Reviews").split() == ["1", "0", "0", "0", "0"]
    assert row(page, "All").split() == ["5", "3", "1", "2", "1"]
    assert row(page, "anthropic, some-model").split() == ["1", "3.0", "s", "1", "0"]
    assert row(page, "rules").split() == ["3", "20", "ms", "1", "1"]
    assert row(page, "<code>nothing_printed</code>").split() == ["3", "1", "1"]
    assert "1800 read, 160 written" in page
    assert "code 1, hidden 1" in page
    assert "hint_lost 1" in page
    assert learner.username not in page


def test_the_page_of_a_much_used_question_costs_no_more_queries(
    author, learner, django_assert_max_num_queries
):
    question = make_question()
    one = make_hint(learner, question)
    rows = [HintRequest(**fields_of(one), pk=None) for _ in range(5001)]
    for copy in rows:
        copy.pk = HintRequest().pk
    HintRequest.objects.bulk_create(rows, batch_size=500)
    with django_assert_max_num_queries(6):
        page = usage_page(author, question)
    assert "the newest 5000" in page
    with django_assert_max_num_queries(6):
        listed = author.get(reverse(LIST)).content.decode()
    assert f"{admin.WITHIN_REACH} hint requests" in listed


def fields_of(request):
    names = ("kind", "user", "question", "level", "language", "source_sha256", "status", "answer", "rule")
    return {name: getattr(request, name) for name in names}


def test_an_author_finds_hints_by_question_rule_and_who_answered(author, learner):
    mine = make_question(title="Of mine")
    make_hint(learner, mine, rule="overflow")
    make_hint(learner, make_question(title="Of another"), **A_MODEL)

    def found(**query):
        page = author.get(reverse(LIST), query).content.decode().partition('id="changelist-form"')[2]
        return [title for title in ("Of mine", "Of another") if title in page]

    assert found() == ["Of mine", "Of another"]
    assert found(q="Of mine") == ["Of mine"]
    assert found(q="overflow") == ["Of mine"]
    assert found(by="model") == ["Of another"]
    assert found(by="rules") == ["Of mine"]
    assert found(question__id__exact=str(mine.pk)) == ["Of mine"]


def test_an_author_reads_what_was_shown_and_not_to_whom(author, learner):
    hint = make_hint(learner, make_question(), answer={"hint": "Is <b> read?"}, refused=["solution"])
    address = reverse("admin:hints_hintrequest_change", args=[hint.pk])

    page = author.get(address).content.decode()

    for words in (escape('"hint": "Is <b> read?"'), "solution", "nothing_printed", "20 ms"):
        assert words in page
    assert learner.username not in page
    assert author.post(address, {"rule": "another"}).status_code == 403


def test_whoever_may_not_see_hints_gets_neither_list_nor_numbers(learner):
    question = make_question()
    staff = Client()
    staff.force_login(make_user(is_staff=True))
    for address in (reverse(LIST), reverse("admin:hints_hintrequest_usage", args=[question.pk])):
        assert staff.get(address).status_code == 403


def test_the_api_tells_whether_hints_are_offered(client, learner):
    client.force_login(learner)
    question = make_question(offers_hints=False)
    assert client.get(f"/api/v1/questions/{question.slug}/").json()["offers_hints"] is False
