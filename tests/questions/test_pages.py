"""The list of questions: who sees which, how one finds them, what one has done."""

import pytest
from django.test import Client

from execution.types import Verdict
from questions.models import Question, Tag
from submissions.models import Submission
from tests.factories import make_author, make_question, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def learner():
    return make_user()


@pytest.fixture
def client(learner):
    client = Client()
    client.force_login(learner)
    return client


def titles(answer) -> list[str]:
    return [question.title for question, _ in answer.context["rows"]]


def marks(answer) -> dict[str, str]:
    return {question.title: mark for question, mark in answer.context["rows"]}


def judged(user, question: Question, verdict: Verdict) -> None:
    Submission.objects.create(
        user=user, question=question, language="python", source_bytes=1, status="done", verdict=verdict.value
    )


def test_anybody_reads_the_list_and_is_asked_to_sign_in():
    make_question(title="Sum", summary="Add two numbers.")

    page = Client().get("/questions/").content.decode()

    assert "Sum" in page
    assert "Add two numbers." in page
    assert 'href="/login/"' in page


def test_the_start_page_leads_to_the_list():
    assert Client().get("/").headers["Location"] == "/questions/"


def test_drafts_are_for_authors_and_archived_questions_for_nobody(client):
    make_question(title="Open")
    make_question(title="Secret", state=Question.State.DRAFT)
    make_question(title="Old", state=Question.State.ARCHIVED)
    as_author = Client()
    as_author.force_login(make_author())

    assert titles(client.get("/questions/")) == ["Open"]
    assert titles(as_author.get("/questions/")) == ["Open", "Secret"]


def test_questions_are_found_by_words_difficulty_and_tag(client):
    graph = make_question(title="Shortest way", summary="In a graph.", difficulty="hard")
    make_question(title="Shortest word", difficulty="easy")
    graph.tags.add(Tag.objects.create(name="graphs"))

    assert titles(client.get("/questions/?q=shortest")) == ["Shortest word", "Shortest way"]
    assert titles(client.get("/questions/?q=graph+way")) == ["Shortest way"]
    assert titles(client.get("/questions/?difficulty=easy")) == ["Shortest word"]
    assert titles(client.get("/questions/?tag=graphs")) == ["Shortest way"]
    assert titles(client.get("/questions/?q=nothing+like+it")) == []


def test_the_easiest_questions_come_first_then_by_title(client):
    for title, difficulty in (("A", "hard"), ("B", "easy"), ("C", "medium"), ("D", "easy")):
        make_question(title=title, difficulty=difficulty)

    assert titles(client.get("/questions/")) == ["B", "D", "C", "A"]


def test_a_search_that_is_not_understood_is_no_error(client):
    make_question(title="Sum")

    answer = client.get("/questions/?difficulty=impossible&tag=%00&page=x&q=" + "a" * 500)

    assert answer.status_code == 200
    assert titles(answer) == ["Sum"]


def test_the_list_shows_what_the_learner_has_solved_and_attempted(client, learner):
    solved, attempted, untouched, uncompiled = (make_question(title=t) for t in "ABCD")
    judged(learner, solved, Verdict.WA)
    judged(learner, solved, Verdict.AC)
    judged(learner, attempted, Verdict.TLE)
    judged(learner, uncompiled, Verdict.CE)
    judged(make_user(), untouched, Verdict.AC)

    answer = client.get("/questions/")

    assert marks(answer) == {"A": "solved", "B": "attempted", "C": "", "D": ""}
    assert 'aria-label="Solved"' in answer.content.decode()
    assert set(marks(Client().get("/questions/")).values()) == {""}


def test_the_list_costs_the_same_however_many_questions_there_are(client, django_assert_num_queries):
    for _ in range(3):
        make_question().tags.add(Tag.objects.get_or_create(name="some")[0])
    with django_assert_num_queries(7):
        client.get("/questions/")
    for _ in range(20):
        make_question().tags.add(Tag.objects.get_or_create(name="some")[0])
    with django_assert_num_queries(7):
        client.get("/questions/")


def test_a_long_list_has_pages(client):
    for _ in range(51):
        make_question()

    first, second = client.get("/questions/?q=question"), client.get("/questions/?q=question&page=2")

    assert (len(titles(first)), len(titles(second))) == (50, 1)
    assert "?q=question&amp;page=2" in first.content.decode()
