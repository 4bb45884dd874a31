"""Groups of testcases and time factors as authors write them: what is understood, and what is refused and how."""

from decimal import Decimal

import pytest

from execution.groups import Aggregation, Group, GroupVerdict
from questions import factors, groups
from questions.models import Question
from tests.factories import make_author
from tests.questions.test_admin_questions import FIELDS, LIST


def test_groups_are_the_same_after_they_were_written_and_read():
    some = (
        Group(stops=False, ignores_sample=True, verdict=GroupVerdict.FIRST_ERROR, needs_acceptance=True),
        Group("secret/small", points=Aggregation.AVG, maximum=Decimal("33.333333"), requires=("sample",)),
        Group("secret/large", accepts_any=True, reject_points=Decimal("-0.5"), minimum=Decimal(0)),
    )

    assert groups.from_json(groups.to_json(some)) == some
    assert groups.to_json([Group("a", maximum=Decimal("30.00"))]) == [{"path": "a", "maximum": "30"}]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "Groups are a list of objects."),
        ([3], "Group number 1 is no object with a path"),
        ([{"path": "a//b"}], "Group number 1 is no object with a path"),
        ([{"path": "a", "point": "sum"}], "Group a, point: this key is not known"),
        ([{"path": "a", "points": "total"}], "Group a, points: it is one of sum, min"),
        ([{"path": "a", "maximum": "inf"}], "Group a, maximum: it is a number"),
        ([{"path": "a", "maximum": True}], "Group a, maximum: it is a number"),
        ([{"stops": "yes"}], "The whole, stops: it is true or false."),
        ([{"path": "a", "requires": "b"}], "Group a, requires: it is a list of paths."),
        ([{"path": "a", "minimum": 3, "maximum": 2}], "Group a, minimum: it is more than the maximum."),
        ([{"path": "a", "ignores_sample": True}], "only the whole has this"),
        ([{"path": "a"}, {"path": "a"}], "Group a is there more than once."),
    ],
)
def test_what_is_wrong_with_groups_is_named_by_group_and_key(document, words):
    with pytest.raises(groups.GroupsRefused, match=words.replace("(", r"\(")):
        groups.from_json(document)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "Factors are an object"),
        ({"cobol": 2}, "cobol is no language"),
        ({"python": "2"}, "The factor of python is a number from 0.1 to 20."),
        ({"*": 0}, "The factor of "),
    ],
)
def test_what_is_wrong_with_time_factors_is_said(document, words):
    with pytest.raises(factors.FactorsRefused, match=words):
        factors.checked(document)


@pytest.mark.django_db
def test_authors_write_groups_and_factors_as_json_and_are_told_what_is_wrong(client):
    client.force_login(make_author())
    wrong = FIELDS | {"groups": '[{"path": "a", "points": "total"}]', "time_factors": '{"python": 99}'}
    right = FIELDS | {"groups": '[{"path": "a", "maximum": 30.0}, {"path": "b"}]', "time_factors": '{"*": 1}'}

    errors = client.post(f"{LIST}add/", wrong).context["adminform"].form.errors
    client.post(f"{LIST}add/", right | {"total_runtime_s": "600"})

    assert "Group a, points: it is one of sum" in errors["groups"][0]
    assert "The factor of python is a number" in errors["time_factors"][0]
    question = Question.objects.get()
    assert question.judging_groups() == (Group("a", maximum=Decimal(30)), Group("b"))
    limits = question.judging_limits()
    assert (limits.time_factors, limits.total_ms) == ({"*": 1.0}, 600_000)
    form = client.get(f"{LIST}{question.pk}/change/").context["adminform"].form
    assert form["groups"].value() == '[{"path": "a", "maximum": "30"},\n {"path": "b"}]'
