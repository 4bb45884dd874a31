"""The API of questions: what a client may find, and what of a question it is told."""

import pytest

from accounts.scopes import Scope
from execution.types import Verdict
from questions.models import Question, Tag
from questions.previews import TEXT_CAP
from tests.asking import V1, Api, key
from tests.factories import make_author, make_case, make_question, make_solution, make_user, service_user

pytestmark = pytest.mark.django_db

QUESTIONS = f"{V1}questions/"


@pytest.fixture
def learner():
    return Api(make_user())


@pytest.fixture
def author():
    return Api(make_author())


def slugs(answer) -> list[str]:
    return [one["slug"] for one in answer.json()["results"]]


def tagged(question: Question, *names: str) -> Question:
    for name in names:
        question.tags.add(Tag.objects.get_or_create(name=name)[0])
    return question


def test_the_list_tells_published_questions_newest_first_in_pages(learner, django_assert_max_num_queries):
    made = [tagged(make_question(), "one", "two").slug for _ in range(5)]
    make_question(state="draft")
    make_question(state="archived")

    with django_assert_max_num_queries(5):
        first = learner.get(QUESTIONS, {"page_size": 3})
    second = learner.get(first.json()["next"])

    assert slugs(first) + slugs(second) == made[::-1]
    assert second.json()["next"] is None
    assert first.json()["results"][0]["tags"] == ["one", "two"]
    assert "statement" not in first.json()["results"][0]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "apples"}, ["apples"]),
        ({"q": "a APPLES"}, ["apples"]),
        ({"tag": "graphs"}, ["paths"]),
        ({"difficulty": "hard"}, ["paths"]),
        ({"language": "c"}, ["apples", "paths"]),
        ({"language": "python3"}, ["apples"]),
        ({"q": "apples", "difficulty": "hard"}, []),
        ({"unheard": "of"}, ["apples", "paths"]),
    ],
)
def test_the_list_is_filtered_by_words_tag_difficulty_and_language(learner, query, found):
    make_question(slug="apples", title="Counting apples")
    paths = make_question(slug="paths", title="Paths", difficulty="hard", allowed_languages=["c", "cpp"])
    tagged(paths, "graphs")

    assert sorted(slugs(learner.get(QUESTIONS, query))) == found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tag", "secret"),
        ("tag", "x" * 41),
        ("difficulty", "impossible"),
        ("language", "cobol"),
        ("q", "x" * 121),
        ("q", "\0"),
        ("page_size", "0"),
        ("page_size", "101"),
    ],
)
def test_a_filter_that_nothing_can_fit_is_400_naming_it(learner, name, value):
    """A tag that only drafts have is none."""
    tagged(make_question(state="draft"), "secret")

    answer = learner.get(QUESTIONS, {name: value})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, [name])


def test_a_question_is_told_with_all_that_one_needs_to_solve_it(learner, django_assert_max_num_queries):
    question = make_question(
        slug="sum",
        statement="Print **the** sum.",
        cases=[("1 2\n", "3\n", True), ("4 5\n", "9\n", True), ("7\n", "hidden\n", False)],
        time_limit_ms=700,
        checker="floats",
    )
    question.testcases.filter(order=2).update(note="larger")
    question.starter_codes.create(language="python", source="# here\n")
    make_solution(question, "print('the way to do it')", expected=Verdict.AC)

    with django_assert_max_num_queries(10):
        answer = learner.get(f"{QUESTIONS}sum/")
    told = answer.json()

    assert (told["statement"], "<strong>the</strong>" in told["statement_html"]) == (
        "Print **the** sum.",
        True,
    )
    assert told["public_cases"] == [
        {"index": 1, "input": "1 2\n", "answer": "3\n", "truncated": False, "note": ""},
        {"index": 2, "input": "4 5\n", "answer": "9\n", "truncated": False, "note": "larger"},
    ]
    assert told["hidden_cases"] == 1
    assert '"hidden' not in answer.content.decode().replace('"hidden_cases"', "")
    assert "the way to do it" not in answer.content.decode()
    python, cpp, *_ = told["languages"]
    assert (python["slug"], python["limits"]["time_ms"], python["starter"]) == ("python", 2100, "# here\n")
    assert (cpp["limits"]["time_ms"], cpp["starter"], told["limits"]["time_ms"]) == (700, "", 700)
    assert told["checker"] == {"kind": "floats", "absolute_tolerance": 1e-6, "relative_tolerance": 1e-6}
    assert (told["run_policy"], told["scoring"], told["url"]) == ("fail_fast", "weighted", "/questions/sum/")
    assert learner.get(f"{QUESTIONS}{question.pk}/").json() == told


def test_long_texts_of_public_cases_are_cut_and_say_so(learner):
    question = make_question(cases=[(b"\0\xff" + b"1" * TEXT_CAP, "3\n", True), ("2" * TEXT_CAP, "", True)])

    cut, whole = learner.get(f"{QUESTIONS}{question.slug}/").json()["public_cases"]

    assert (len(cut["input"]), cut["input"][:3], cut["truncated"]) == (TEXT_CAP, "\ufffd\ufffd1", True)
    assert (len(whole["input"]), whole["truncated"]) == (TEXT_CAP, False)


def test_a_question_that_has_not_changed_is_304(learner):
    address = f"{QUESTIONS}{make_question().slug}/"
    etag = learner.get(address)["ETag"]

    assert learner.get(address, headers={"If-None-Match": etag}).status_code == 304
    make_case(Question.objects.get(), "9 9\n", public=True)
    assert learner.get(address, headers={"If-None-Match": etag}).status_code == 200
    assert learner.head(address).status_code == 200


def test_drafts_are_for_authors_whose_credential_is_for_more_than_solving(learner, author):
    question = make_question(state="draft")
    archived = make_question(state="archived")

    assert author.get(f"{QUESTIONS}{question.slug}/").json()["state"] == "draft"
    assert author.get(f"{QUESTIONS}{archived.slug}/").status_code == 404
    assert learner.get(f"{QUESTIONS}{question.slug}/").status_code == 404
    assert slugs(learner.get(QUESTIONS)) == []
    service_user("code-exec")
    machine = Api(**key())
    assert machine.get(f"{QUESTIONS}{question.slug}/").status_code == 404


@pytest.mark.parametrize("name", ["no-such", "00000000-0000-0000-0000-000000000000", "a b", "é"])
def test_an_unknown_question_is_404(learner, name):
    answer = learner.get(f"{QUESTIONS}{name}/")

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_all_testcases_are_told_to_authors_with_their_answers(author):
    """S0.17 (in part), S0.19 (in part)"""
    question = make_question(
        cases=[("1 2\n", "3\n", True), ("7 7\n", "14\n", False), ("0 0\n", "0\n", False)]
    )
    address = f"{QUESTIONS}{question.slug}/testcases/"

    first = author.get(address, {"page_size": 2}).json()
    rest = author.get(first["next"]).json()["results"]

    told = [(one["index"], one["public"], one["input"], one["answer"]) for one in first["results"] + rest]
    assert told == [
        (1, True, "1 2\n", "3\n"),
        (2, False, "7 7\n", "14\n"),
        (3, False, "0 0\n", "0\n"),
    ]
    assert (first["count"], first["results"][0]["input_bytes"], rest[0]["points"]) == (3, 4, 1.0)


def test_testcases_need_the_scope_and_the_right_to_change_questions(learner):
    """S0.17 (in part)"""
    address = f"{QUESTIONS}{make_question().slug}/testcases/"
    no_author = Api(make_user(is_staff=True))
    service_user("code-exec")

    assert Api().get(address).status_code == 401
    refused = learner.get(address)
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    assert str(Scope.TESTS_READ) in refused.json()["detail"]
    assert no_author.get(address).json()["code"] == "permission_denied"
    assert Api(**key()).get(address).json()["code"] == "missing_scope"
