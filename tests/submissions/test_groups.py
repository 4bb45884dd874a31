"""A question that is judged by groups: what is stored of it, and what its learner is told, live and afterwards."""

import pytest

from accounts.models import User
from execution import languages
from questions.models import Question
from submissions import disclosure, events, judging
from submissions.models import Submission
from tests.asking import Api
from tests.factories import make_case, make_question, make_user
from tests.fakes import FakeJudge0, printed

pytestmark = pytest.mark.django_db(transaction=True)

SUBMISSIONS = "/api/v1/submissions/"
GROUPS = [
    {"path": "", "stops": False, "verdict": "always_accept", "ignores_sample": True},
    {"path": "secret", "stops": False, "verdict": "always_accept", "maximum": "100"},
    {"path": "secret/small", "points": "min", "maximum": "30"},
    {"path": "secret/large", "points": "min", "maximum": "70"},
]
SMALL = {"path": "secret/small", "verdict": "AC", "earned": 30.0, "obtainable": 30.0}


@pytest.fixture
def learner() -> User:
    return make_user()


@pytest.fixture
def client(learner) -> Api:
    return Api(learner)


@pytest.fixture(autouse=True)
def judge0(backends):
    """A judge whose every program prints its input."""
    with FakeJudge0(lambda source, stdin: printed(stdin), looks=0) as server:
        backends(server.url)
        yield server


def question_with(large_answer: str = "wrong", **fields) -> Question:
    question = make_question([("1", "1", True)], groups=GROUPS, title="Grouped", **fields)
    question.testcases.update(group="sample", points=0)
    make_case(question, "2", "2", group="secret/small", points=30)
    make_case(question, "3", "3", group="secret/small", points=30)
    make_case(question, "4", large_answer, group="secret/large", points=70)
    make_case(question, "5", "5", group="secret/large", points=70)
    return question


def judged(question: Question, learner: User) -> Submission:
    python = languages.get("python")
    submission = judging.submit(user=learner, question=question, language=python, source="print(input())")
    judging.judge_submission(str(submission.pk))
    submission.refresh_from_db()
    return submission


def test_points_of_groups_are_told_live_and_kept_and_a_part_of_them_is_not_solved(client, learner):
    """S1.29 (in part)"""
    question = question_with()
    submission = judged(question, learner)

    told = client.get(f"{SUBMISSIONS}{submission.pk}/").json()
    running = [event["points"]["earned"] for event in events.after(submission, 0) if event["type"] == "case"]
    page = client.get(f"/submissions/{submission.pk}/").content.decode()
    questions = client.get("/questions/").content.decode()

    assert [(case["verdict"], case["earned"]) for case in told["results"]] == [
        ("AC", 0), ("AC", 30), ("AC", 30), ("WA", 0), ("SK", 0),
    ]  # fmt: skip
    assert running == [0, 0, 30, 30, 30]
    assert (told["verdict"], told["outcome"], told["score"]) == ("AC", "failed", 30)
    assert told["points"] == {"earned": 30, "obtainable": 100}
    assert SMALL in told["groups"]
    assert {"path": "secret/large", "verdict": "WA", "earned": 0, "obtainable": 70} in told["groups"]
    assert submission.decided_by is None
    assert "~ Accepted in part, 30 of 100 points" in page
    assert "on case 4" not in page
    assert "Group small <span>30/30 points</span>" in page
    assert 'aria-label="Attempted"' in questions


def test_all_points_solve_it(client, learner):
    submission = judged(question_with(large_answer="4"), learner)

    assert (submission.outcome, submission.score, submission.earned) == ("passed", 100, 100)
    assert 'aria-label="Solved"' in client.get("/questions/").content.decode()


def test_a_pass_fail_question_with_groups_goes_by_the_verdict_and_names_the_case_that_made_it(
    client, learner
):
    question = question_with(scoring="all_or_nothing")
    question.groups = [{"path": "", "stops": False}, {"path": "secret", "stops": False}]
    question.save(update_fields=["groups"])

    submission = judged(question, learner)

    assert (submission.verdict, submission.score, submission.decided_by) == ("WA", 0, 4)
    assert "/70 points" not in client.get(f"/submissions/{submission.pk}/").content.decode()


def test_where_nothing_bounds_the_points_they_stand_without_a_score(client, learner):
    question = question_with()
    submission = judged(question, learner)
    Submission.objects.filter(pk=submission.pk).update(score=None, obtainable=None)

    submission.refresh_from_db()

    assert disclosure.state(submission)["points"] == {"earned": 30, "obtainable": None}
    assert "30 points" in client.get(f"/submissions/{submission.pk}/").content.decode()
    assert submission.is_solved


def test_the_question_tells_its_groups_and_the_limits_as_its_own_factors_make_them(client):
    question = question_with(time_factors={"python": 2.0, "*": 1.0}, total_runtime_s=7)

    told = client.get(f"/api/v1/questions/{question.slug}/").json()
    page = client.get(question.get_absolute_url()).content.decode()

    limits = {one["slug"]: one["limits"]["time_ms"] for one in told["languages"]}
    assert (limits["python"], limits["java"], told["limits"]["total_ms"]) == (2000, 1000, 7000)
    assert {"path": "secret/large", "obtainable": 70.0} in told["groups"]
    assert "Groups: small <b>30</b>, large <b>70</b> points" in page
