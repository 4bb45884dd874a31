"""Which levels of hints are open, and what opens the next one."""

import pytest
from django.db.models import F

from hints import attempts
from hints.attempts import WhyNot
from hints.models import HintRequest
from submissions.connections import redis_client
from submissions.ephemeral import OwnCase
from submissions.models import Submission
from tests.factories import make_hint, make_question, make_user
from tests.hints.attempting import CASES, OTHER, RIGHT, WRONG, Learner, judge

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture(scope="module")
def judge0():
    with judge() as judge0:
        yield judge0


@pytest.fixture
def learner(judge0, backends):
    backends(judge0.url)
    return Learner(make_user(), make_question(cases=CASES))


def given(learner: Learner, level: int, about: Submission, **fields) -> HintRequest:
    """A hint that was answered now."""
    made = make_hint(
        learner.user,
        learner.question,
        level=level,
        submission=about,
        source_sha256=attempts.fingerprint(attempts.source_of(about) or ""),
        verdict="WA",
        **fields,
    )
    HintRequest.objects.filter(pk=made.pk).update(finished_at=F("created_at"))
    return made


def standing(learner: Learner):
    found = attempts.standing(learner.user, learner.question)
    return found.given, found.next, found.why_not


def test_without_a_failed_attempt_nothing_is_open(learner):
    assert standing(learner) == (None, None, WhyNot.NO_ATTEMPT)
    learner.runs(RIGHT)
    assert standing(learner) == (None, None, WhyNot.NO_ATTEMPT)
    Learner(make_user(), learner.question).submits(WRONG)
    Learner(learner.user, make_question()).submits(WRONG)
    assert standing(learner) == (None, None, WhyNot.NO_ATTEMPT)


def test_a_case_of_ones_own_that_fails_opens_nothing(learner):
    made = learner.runs(RIGHT, OwnCase(b"1\n", b"999\n"))

    assert made.verdict == "WA"
    assert standing(learner) == (None, None, WhyNot.NO_ATTEMPT)


@pytest.mark.parametrize("how", [Learner.submits, Learner.runs])
def test_a_failed_attempt_opens_the_first_level(learner, how):
    made = how(learner, WRONG)

    assert standing(learner) == (None, 1, None)
    assert attempts.standing(learner.user, learner.question).attempt == made


def test_each_next_level_opens_with_another_attempt_after_the_last_hint(learner):
    earlier = learner.submits(OTHER)
    given(learner, 1, learner.submits(WRONG))
    assert standing(learner) == (1, None, WhyNot.NO_NEW_ATTEMPT)
    assert attempts.opened_by(learner.user, learner.question, OTHER, earlier.created_at) == 1

    for level in (2, 3, 4):
        newer = learner.runs(f"# {level}0")
        assert standing(learner) == (level - 1, level, None)
        given(learner, level, newer)


def test_after_the_last_level_each_further_failed_program_opens_it_again(learner):
    given(learner, 4, learner.submits(WRONG))
    assert standing(learner) == (4, None, WhyNot.NO_NEW_ATTEMPT)

    given(learner, 4, learner.submits(OTHER))
    learner.submits(WRONG)
    assert standing(learner) == (4, None, WhyNot.NO_NEW_ATTEMPT)

    learner.submits("# another one")
    assert standing(learner) == (4, 4, None)


@pytest.mark.parametrize("again", [WRONG, f"{WRONG} ", f"{WRONG}\r\n\n", "print( 4 )\t# 4"])
def test_the_same_program_again_opens_nothing_whatever_its_blanks(learner, again):
    given(learner, 1, learner.submits(WRONG))
    learner.submits(again)

    assert standing(learner) == (1, None, WhyNot.NO_NEW_ATTEMPT)


def test_two_programs_in_turn_open_no_more_than_the_second_level(learner):
    given(learner, 1, learner.submits(WRONG))
    given(learner, 2, learner.submits(OTHER))
    learner.submits(WRONG)

    assert standing(learner) == (2, None, WhyNot.NO_NEW_ATTEMPT)


def test_who_has_solved_it_is_told_so_until_another_program_fails(learner):
    learner.submits(WRONG)
    learner.submits(RIGHT)
    assert standing(learner) == (None, None, WhyNot.SOLVED)

    learner.submits(OTHER)
    assert standing(learner) == (None, 1, None)


def test_a_run_that_passes_the_public_cases_does_not_hide_what_failed_before(learner):
    failed = learner.submits(WRONG)
    learner.runs(RIGHT)

    assert attempts.standing(learner.user, learner.question).attempt == failed


def test_a_run_whose_program_has_expired_counts_no_more(learner):
    learner.runs(WRONG)
    redis_client().flushall()

    assert standing(learner) == (None, None, WhyNot.NO_ATTEMPT)


def test_where_hints_are_off_nothing_is_open(learner):
    learner.submits(WRONG)
    learner.question.offers_hints = False

    assert standing(learner) == (None, None, WhyNot.OFF)


def test_what_failed_or_was_lost_or_told_that_the_program_passes_counts_for_nothing(learner):
    about = learner.submits(WRONG)
    given(learner, 1, about, status="failed", answer=None)
    lost = make_hint(learner.user, learner.question, level=1, status="working", answer=None)
    lost_since = F("created_at") - HintRequest.LOST_AFTER
    HintRequest.objects.filter(pk=lost.pk).update(created_at=lost_since)
    make_hint(learner.user, learner.question, level=1, verdict="AC")

    assert standing(learner) == (None, 1, None)
    assert [lost] == list(HintRequest.objects.lost())


def test_a_hint_on_its_way_counts_as_given_and_nothing_opens_meanwhile(learner):
    about = learner.submits(WRONG)
    made = make_hint(
        learner.user,
        learner.question,
        level=1,
        status="queued",
        answer=None,
        submission=about,
        source_sha256=attempts.fingerprint(WRONG),
    )

    assert made.is_awaited
    assert standing(learner) == (1, None, WhyNot.NO_NEW_ATTEMPT)
    learner.submits(OTHER)
    assert standing(learner) == (1, None, WhyNot.NO_NEW_ATTEMPT)
    assert attempts.opened_by(learner.user, learner.question, "# not judged yet") == 1


def test_the_latest_judging_of_exactly_this_program_is_found_again(learner):
    learner.submits(WRONG)
    newer, other = learner.runs(WRONG), learner.submits(OTHER)
    passes = learner.runs(RIGHT)

    def found(source, language=None):
        return attempts.judged(learner.user, learner.question, source, language)

    assert (found(WRONG), found(OTHER), found(RIGHT)) == (newer, other, passes)
    assert found(f"{WRONG} ") is None
    assert attempts.judged(make_user(), learner.question, WRONG, None) is None


def test_a_run_that_passes_does_not_hide_that_the_same_program_failed(judge0, backends):
    backends(judge0.url)
    learner = Learner(make_user(), make_question(cases=[("1\n", "3\n", True), ("2\n", "4\n", False)]))
    failed = learner.submits(RIGHT)
    learner.runs(RIGHT)

    assert attempts.judged(learner.user, learner.question, RIGHT, None) == failed
