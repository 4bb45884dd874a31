"""`manage.py verify_question`: reference solutions judged here and now, by the servers there are or one of its own."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from execution.types import Verdict
from questions.models import Question
from submissions.models import Submission
from tests.factories import make_question, make_solution, service_user
from tests.platform.running import manage

WRONG = "print(3)\n"


def verify(*arguments: str) -> tuple[int, str, str]:
    """Exit code, output, errors."""
    told, complaints = StringIO(), StringIO()
    try:
        call_command("verify_question", *arguments, stdout=told, stderr=complaints)
    except SystemExit as end:
        return int(end.code or 0), told.getvalue(), complaints.getvalue()
    return 0, told.getvalue(), complaints.getvalue()


@pytest.fixture
def question(db) -> Question:
    service_user("system")
    made = make_question(slug="adding")
    make_solution(made, name="right.py")
    make_solution(made, WRONG, name="wrong.py", expected=Verdict.WA)
    return made


@pytest.mark.django_db(transaction=True)
def test_it_tells_each_solution_and_whether_all_is_as_it_should_be(question, engine) -> None:
    code, told, complaints = verify("--all", "--json")
    found = {line["solution"]: line for line in map(json.loads, told.splitlines())}
    assert (code, complaints) == (0, "")
    assert {name: (line["verdict"], line["score"], line["ok"]) for name, line in found.items()} == {
        "right.py": ("AC", 100, True),
        "wrong.py": ("WA", 50, True),
    }
    assert (found["wrong.py"]["decided_by"], found["right.py"]["decided_by"]) == (2, None)
    assert set(Submission.objects.values_list("kind", "user__username")) == {("verification", "system")}

    question.reference_solutions.filter(name="wrong.py").update(expected=["AC"])
    code, told, _ = verify("adding")
    assert (code, told) == (1, "adding: 1 of 2 as they should be\n  wrong.py: The verdict is WA, not AC.\n")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give --all"),
        (["adding", "--all"], "give --all"),
        (["nowhere", "adding"], "There is no question nowhere."),
        (["--all", "--concurrency", "0"], "takes 1 or more"),
    ],
)
def test_it_refuses_what_makes_no_sense(question, arguments, words) -> None:
    with pytest.raises(CommandError, match=words):
        verify(*arguments)


@pytest.mark.full
def test_where_nothing_runs_it_starts_an_engine_for_itself(tmp_path) -> None:
    var = tmp_path / "var"
    for command in (("migrate", "-v", "0"), ("load_samples",)):
        assert manage(*command, var=var).returncode == 0
    done = manage("verify_question", "sum", "--json", var=var)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["ok"] for line in done.stdout.splitlines()] == [True] * 5
    assert not (var / "up.env").exists()
