"""Every reference solution of the sample questions gets the verdict that is written down for it."""

import io

import pytest
from django.core.management import call_command

from execution import languages
from questions.models import ReferenceSolution
from submissions import judging
from submissions.models import Submission
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)


def test_reference_solutions_get_the_verdicts_that_their_authors_expect(engine, work):
    call_command("load_samples", stdout=io.StringIO())
    user = make_user()
    solutions = ReferenceSolution.objects.select_related("question")
    assert len(solutions) >= 10

    pending = {
        judging.submit(
            user=user,
            question=solution.question,
            language=languages.get(solution.language),
            source=solution.source,
            kind=Submission.Kind.VERIFICATION,
        ): solution
        for solution in solutions
    }
    work(queue="low")

    expected, found = {}, {}
    for submission, solution in pending.items():
        submission.refresh_from_db()
        name = f"{solution.question.slug}/{solution.name}"
        expected[name], found[name] = solution.expected, [submission.verdict]
    assert found == expected
