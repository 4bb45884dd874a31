"""What rules tell of real programs, judged by the real engine; the page's table is made of it."""

import os
import re
from uuid import UUID

import pytest

from execution import languages
from hints import evidence as evidences
from hints import rules
from hints.answers import Level
from hints.findings import Finding
from questions.models import Question
from submissions import disclosure, intake
from submissions.intake import NewSubmission
from submissions.models import Submission
from tests.factories import make_question, make_user
from tests.hints import matrix
from tests.hints.matrix import Program

MANY = 40
CASES = [
    ("3\n4 7 9\n", "20\n", True),
    ("2\n2000000000 2000000000\n", "4000000000\n", True),
    (f"{MANY}\n{'1 ' * MANY}\n", f"{MANY}\n", False),
]
PLACED = re.compile(r"\b(?:lines?|case) \d", re.IGNORECASE)


@pytest.mark.django_db(transaction=True)
def test_real_programs_in_five_languages_are_told_what_is_wrong_and_where(engine, work):
    """S3.15 (in part), S3.17 (in part): each fails otherwise: a wrong value, the time, a crash, the compiler."""
    programs = matrix.programs()
    question = make_question(CASES, time_limit_ms=200)
    submitted = [submit(program, question) for program in programs]

    work()

    judged = [evidences.of(Submission.objects.get(pk=pk)) for pk in submitted]
    found = [rules.find(evidence) for evidence in judged]
    told = [(finding.rule, finding.line, finding.case) for finding in found]
    assert told == [(program.rule, program.line, program.case) for program in programs]
    for finding in found:
        look_at(finding)
    table = matrix.table(programs, judged, found)
    if os.environ.get(matrix.REWRITE):
        matrix.write(table)
    assert matrix.on_page() == table, "python -m tests.hints.matrix writes it again"


def submit(program: Program, question: Question) -> UUID:
    new = NewSubmission(language=languages.get(program.language), source=program.source, question=question)
    return intake.take(new, user=make_user(), answer=disclosure.summary).submission.pk


def look_at(finding: Finding) -> None:
    """Its texts differ, name the place, and are no program."""
    nudge, concept, place, plan = (finding.told(level).hint for level in Level)
    assert len({nudge, concept, place, plan}) == 4
    assert PLACED.search(nudge) or PLACED.search(place), finding
    assert "?" in nudge
    assert "```" not in nudge + concept + place + plan
    assert str(finding.line or finding.case) in place, finding


def test_each_of_the_five_languages_fails_in_four_ways():
    told = [program.language for program in matrix.programs()]

    assert {language: told.count(language) for language in told} == dict.fromkeys(
        ("c", "cpp", "python", "java", "javascript"), 4
    )
