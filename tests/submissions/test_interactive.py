"""Interactive questions: what is told before anyone submits, what is never shown, and how they are judged."""

import json
import re

import pytest
from django.test import Client

from execution.ceilings import tell_interaction
from hints.hidden_data import HiddenData
from questions import publishing
from questions.models import Blob, Question, QuestionFile
from submissions import judging, report
from submissions.backends import visit
from submissions.connections import pool, redis_client
from submissions.models import Submission
from tests.asking import V1, Api
from tests.factories import make_question, make_user

pytestmark = pytest.mark.django_db(transaction=True)

CHECKER = """
import sys
number = int(open(sys.argv[1]).read())
for _ in range(12):
    line = sys.stdin.readline()
    if line and int(line) == number:
        print('correct', flush=True)
        sys.exit(42)
    print('lower' if line and int(line) > number else 'higher', flush=True)
open(sys.argv[3] + 'teammessage.txt', 'w').write('Too many guesses.')
sys.exit(43)
"""
BISECTION = """
low, high = 1, 1000
while True:
    middle = (low + high) // 2
    print(middle, flush=True)
    said = input()
    if said == 'correct':
        break
    low, high = (middle + 1, high) if said == 'higher' else (low, middle - 1)
"""
ALWAYS_FIVE = "import sys\nfor _ in range(99): print(5, flush=True); input()"
CASES = (("713\n", "qzx81720vk93wj\n", True), ("42\n", "hpd55081tr67bn\n", False))
SECRETS = ("713", "qzx81720vk93wj", "hpd55081tr67bn")


@pytest.fixture
def question() -> Question:
    question = make_question(CASES, checker="program", interactive=True, checker_time_limit_ms=500)
    blob = Blob.store(CHECKER.encode())
    QuestionFile.objects.create(question=question, kind="checker", path="checker.py", blob=blob)
    return question


@pytest.fixture
def learner():
    return make_user()


def page_of(learner, path: str) -> str:
    client = Client()
    client.force_login(learner)
    return client.get(path).content.decode()


def submit(question: Question, learner, source: str) -> Submission:
    return judging.submit(user=learner, question=question, language=question.languages()[0], source=source)


def nobody_can(settings) -> None:
    for url in settings.JUDGE0_URLS:
        tell_interaction(redis_client(), url, False)


def test_where_no_server_can_page_api_and_author_are_told_before_anyone_submits(settings, question, learner):
    path = f"/questions/{question.slug}/"
    assert "cannot be judged here" not in page_of(learner, path)
    assert Api(learner).get(f"{V1}questions/{question.slug}/").json()["available"] is True
    nobody_can(settings)
    assert "cannot be judged here" in page_of(learner, path)
    assert Api(learner).get(f"{V1}questions/{question.slug}/").json()["available"] is False
    assert publishing.NOBODY_INTERACTS in publishing.doubts(question)
    ordinary = make_question()
    assert publishing.NOBODY_INTERACTS not in publishing.doubts(ordinary)
    assert "cannot be judged here" not in page_of(learner, f"/questions/{ordinary.slug}/")


def test_a_visit_finds_out_whether_a_server_can(settings, engine, question):
    nobody_can(settings)
    visit(pool().servers[0])
    assert not question.cannot_be_judged()


def test_inputs_and_answers_of_public_cases_are_shown_nowhere(question, learner):
    told = Api(learner).get(f"{V1}questions/{question.slug}/")
    assert (told.json()["interactive"], told.json()["public_cases"], told.json()["hidden_cases"]) == (
        True,
        [],
        2,
    )
    everything = told.content.decode() + page_of(learner, f"/questions/{question.slug}/")
    everything += json.dumps(Api(learner).get("/api/challenges/").json())
    assert not [secret for secret in SECRETS if re.search(rf"\b{secret}\b", everything)]  # tokens have digits
    assert "1 public case, 1 hidden" in everything
    assert HiddenData(question, []).is_told_in("It expects qzx81720vk93wj there.")


def test_a_run_takes_no_input_of_ones_own(question, learner):
    sent = {"question": question.slug, "language": "python", "source": BISECTION, "input": "5"}
    answer = Api(learner).send(f"{V1}runs/", sent)
    assert answer.status_code == 400
    assert "no input of your own" in answer.content.decode()
    page = page_of(learner, f"/questions/{question.slug}/")
    assert "Custom input" not in page
    assert "on the public cases; it does not count" in page


def test_without_a_public_case_there_is_nothing_to_run_and_that_is_said_before(question, learner):
    question.testcases.update(visibility="hidden")
    page = page_of(learner, f"/questions/{question.slug}/")
    assert "There is nothing to <b>Run</b> it on" in page
    assert page.count('data-send="run" data-busy="Sending…" disabled') == 2
    sent = {"question": question.slug, "language": "python", "source": BISECTION}
    answer = Api(learner).send(f"{V1}runs/", sent)
    assert answer.status_code == 400
    assert "nothing to run it on" in answer.json()["errors"]["question"][0]


def test_of_an_ordinary_question_without_a_public_case_a_run_is_on_ones_own_input(learner):
    page = page_of(learner, f"/questions/{make_question([('1 2', '3', False)]).slug}/")
    assert "on your own input, for no case is public" in page
    assert 'data-busy="Sending…" disabled' not in page


def test_programs_are_judged_by_the_talk_and_learners_see_nothing_of_it_but_the_checkers_message(
    engine, work, question, learner
):
    right, wrong = submit(question, learner, BISECTION), submit(question, learner, ALWAYS_FIVE)
    work()
    right.refresh_from_db()
    wrong.refresh_from_db()
    assert (right.status, right.verdict, right.score) == ("done", "AC", 100)
    assert (wrong.status, wrong.verdict) == ("done", "WA")
    told = Api(learner).get(f"{V1}submissions/{wrong.pk}/").json()
    (first, _) = told["results"]
    assert (first["input"], first["answer"], first["output"]) == ("", None, "")
    assert first["difference_message"] == "Too many guesses."
    page = page_of(learner, f"/submissions/{wrong.pk}/?case=1")
    assert "what they said is not kept" in page
    assert not [secret for secret in SECRETS if secret in json.dumps(told) + page]
    assert report.of(wrong, 1).chosen.input is None


def test_a_run_tries_the_public_cases(engine, work, question, learner):
    sent = {"question": question.slug, "language": "python", "source": BISECTION}
    pk = Api(learner).send(f"{V1}runs/", sent).json()["id"]
    work()
    told = Api(learner).get(f"{V1}runs/{pk}/").json()
    assert (told["verdict"], [one["verdict"] for one in told["results"]]) == ("AC", ["AC"])
