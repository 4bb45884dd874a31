"""Reference solutions, judged as submissions are: what each should get, what it got, and what comes of that."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from accounts.models import SYSTEM, User
from execution import languages
from execution.types import Verdict
from judgeplatform.management.commands import verify_question
from questions.models import Question, ReferenceSolution
from submissions import judging, revisions, verification
from submissions.models import Submission
from tests.factories import make_author, make_case, make_question, make_solution, make_user

RIGHT = "print(sum(map(int, input().split())))\n"
WRONG = "print(3)\n"


@pytest.fixture
def author(client):
    user = make_author()
    client.force_login(user)
    return user


@pytest.fixture
def question(db) -> Question:
    """A draft with a right solution, and one that only the first of its two cases lets through."""
    made = make_question(state=Question.State.DRAFT, title="Sum")
    make_solution(made, RIGHT, name="right.py")
    make_solution(made, WRONG, name="wrong.py", expected=Verdict.WA)
    return made


def judged(solution: ReferenceSolution, verdict: str | None, **fields) -> Submission:
    """As if it had just been judged against the question as it is."""
    status = Submission.Status.DONE if verdict else Submission.Status.ERROR
    values = {"time_ms": 200, "revision": revisions.current(solution.question), "status": status}
    return Submission.objects.create(
        kind=Submission.Kind.VERIFICATION,
        user=make_user(),
        question=solution.question,
        solution=solution,
        language=solution.language,
        source=solution.source,
        source_bytes=len(solution.source),
        verdict=verdict,
        **values | fields,
    )


def all_judged(question: Question) -> None:
    for solution in question.reference_solutions.all():
        judged(solution, solution.expected[0])


def oks(question: Question) -> dict[str, bool | None]:
    return {one.solution.name: one.ok for one in verification.results(question)}


def page_of(question: Question) -> str:
    return reverse("admin-verification", args=[question.pk])


# --- results ---


@pytest.mark.django_db(transaction=True)
def test_solutions_are_judged_in_the_low_queue_and_compared_with_what_they_should_get(
    question, engine, work
) -> None:
    liar = make_solution(question, WRONG, name="liar.py")
    make_case(question, "1 1\n", "2\n", order=3)
    assert len(verification.start(question=question, user=make_user())) == 3
    assert verification.start(question=question, user=make_user()) == []
    assert oks(question) == {"liar.py": None, "right.py": None, "wrong.py": None}
    work("low")
    assert oks(question) == {"liar.py": False, "right.py": True, "wrong.py": True}
    assert not verification.standing(question).is_verified
    assert verification.doubts(question) == ["1 of 3 reference solutions did not get what they should."]
    found = verification.results(question)[0]
    assert found.differences == ("The verdict is WA, not AC.",)
    assert found.decided_by == 2
    liar.expected = ["RTE", "WA"]
    liar.save()
    assert verification.standing(question).is_verified


@pytest.mark.django_db
def test_results_hold_until_the_question_or_the_program_is_changed(question) -> None:
    all_judged(question)
    assert verification.standing(question).is_verified
    Question.objects.update(time_limit_ms=900)
    question.refresh_from_db()
    assert verification.standing(question).unverified == 2
    Question.objects.update(time_limit_ms=1000)
    question.refresh_from_db()
    assert verification.standing(question).is_verified
    question.reference_solutions.filter(name="right.py").update(source="print(0)")
    assert oks(question) == {"right.py": None, "wrong.py": True}
    assert not verification.standing(question).is_verified


@pytest.mark.django_db
def test_the_latest_judging_counts_and_our_own_fault_is_no_verdict(question) -> None:
    all_judged(question)
    right = question.reference_solutions.get(name="right.py")
    judged(right, None, reason="judge_fault", message="The server failed.")
    found = verification.results(question)[0]
    assert found.ok is False
    assert found.differences == ("It could not be judged: The server failed. (judge_fault)",)


@pytest.mark.django_db
def test_what_no_server_here_can_judge_is_skipped_and_speaks_against_nothing(question) -> None:
    make_solution(question, language="java", name="right.java")
    make_solution(question, name="right.ws")
    question.reference_solutions.filter(name="right.ws").update(
        skipped="Whitespace is not offered.", language=""
    )
    all_judged(question)
    judged(
        question.reference_solutions.get(name="right.java"),
        None,
        reason="language_unavailable",
        message="No Java.",
    )
    skipped = {one.solution.name: one.skipped for one in verification.results(question) if one.skipped}
    assert skipped == {"right.java": "No Java.", "right.ws": "Whitespace is not offered."}
    assert verification.standing(question).is_verified
    assert [one.name for one in verification.next_to_judge(question)] == [
        "right.java",
        "right.py",
        "wrong.py",
    ]


@pytest.mark.django_db
def test_a_score_outside_its_bounds_is_a_difference(question) -> None:
    question.reference_solutions.filter(name="wrong.py").update(score_low=Decimal(60), score_high=Decimal(80))
    wrong = question.reference_solutions.get(name="wrong.py")
    judged(wrong, "WA", score=Decimal("50.00"))
    assert verification.results(question)[1].differences == ("The score is 50, less than 60.",)
    judged(wrong, "WA", score=Decimal("60.00"))
    assert verification.results(question)[1].ok


@pytest.mark.django_db(transaction=True)
def test_a_solution_with_rules_of_single_cases_is_run_on_all_of_them(question, engine, work) -> None:
    """Else whether a case is failed that the rule names would stay unknown."""
    make_case(question, "2 1\n", "3\n", order=3)
    ReferenceSolution.objects.filter(name="wrong.py").update(rules=[{"required": ["TLE"]}])
    verification.start(question=question, user=make_user())
    work("low")
    wrong = verification.results(question)[1]
    assert [case.verdict for case in wrong.submission.case_results.all()] == ["AC", "WA", "AC"]
    assert wrong.differences == ("No case is TLE.",)


@pytest.mark.django_db(transaction=True)
def test_what_is_run_on_all_cases_still_gets_what_a_learner_would(question, engine, work) -> None:
    """Judging by groups that stop, or by a policy that does, gives the same verdict, points and deciding case."""
    make_case(question, "2 1\n", "3\n", order=3)
    solution = question.reference_solutions.get(name="wrong.py")
    ReferenceSolution.objects.filter(pk=solution.pk).update(rules=[{"required": ["WA"]}])
    for groups in ([], [{"path": "", "points": "sum", "stops": True}]):
        Question.objects.update(groups=groups)
        verification.start(question=question, user=make_user())
        judging.submit(user=make_user(), question=question, language=languages.get("python"), source=WRONG)
        work("low")
        work("default")
        rows = Submission.objects.filter(source=WRONG).order_by("-created_at")[:2]
        verified, learned = sorted(rows, key=lambda row: row.solution_id is None)
        assert [case.verdict for case in verified.case_results.all()] == ["AC", "WA", "AC"]
        ends = [(row.verdict, row.earned, row.score, row.decided_by) for row in (verified, learned)]
        assert ends[0] == ends[1]
        assert verified.earned == 1


@pytest.mark.django_db
def test_a_verified_question_can_still_be_deleted_but_not_one_with_submissions(
    question, client, author
) -> None:
    all_judged(question)
    address = reverse("admin:questions_question_delete", args=[question.pk])
    assert "Reference solutions: 2" in client.get(address).content.decode()
    graded = judged(question.reference_solutions.get(name="right.py"), "AC")
    Submission.objects.filter(pk=graded.pk).update(kind=Submission.Kind.GRADED, solution=None)
    client.post(address, {"post": "yes"})
    assert Question.objects.exists()
    graded.delete()
    client.post(address, {"post": "yes"})
    assert (Question.objects.count(), Submission.objects.count()) == (0, 0)


# --- the time limit ---


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("time_ms", "origin", "limit_ms"),
    [
        (231, {}, 1500),
        (20, {}, 1000),
        (200, {}, 1000),
        (201, {"limits": {"ac_to_limit": 2.0, "resolution_ms": 1000}}, 1000),
        (1001, {"limits": {"ac_to_limit": 2.0, "resolution_ms": 1000}}, 3000),
        (9000, {}, 20_000),
    ],
)
def test_a_time_limit_is_suggested_by_the_slowest_that_must_keep_it(
    question, time_ms, origin, limit_ms
) -> None:
    question.time_factors = {"*": 1.0}
    question.origin = origin
    question.save()
    judged(question.reference_solutions.get(name="right.py"), "AC", time_ms=time_ms)
    judged(question.reference_solutions.get(name="wrong.py"), "WA", time_ms=15_000)
    found = verification.suggested_limit(question, verification.results(question))
    assert (found.limit_ms, found.slowest_ms, found.solution) == (limit_ms, time_ms, "right.py")
    assert found.is_capped == (time_ms == 9000)


@pytest.mark.django_db
def test_a_languages_factor_is_taken_out_of_the_suggestion(question) -> None:
    judged(question.reference_solutions.get(name="right.py"), "AC", time_ms=900)
    assert verification.suggested_limit(question, verification.results(question)).slowest_ms == 300


@pytest.mark.django_db(transaction=True)
def test_a_guessed_time_limit_is_measured_set_and_all_is_judged_under_it(question, engine, capsys) -> None:
    """S1.30 (in part)"""
    question.time_limit_is_derived = True
    question.time_limit_ms = 60  # a guess that no Python keeps
    question.time_factors = {"*": 1.0}
    question.origin = {"limits": {"ac_to_limit": 5.0, "resolution_ms": 1000}, "path": "packages/sum"}
    question.save()
    slow = "import time\nend = time.process_time() + 0.1\nwhile time.process_time() < end: pass\n" + RIGHT
    question.reference_solutions.filter(name="right.py").update(source=slow, bounds_time_limit="lower")
    make_solution(question, "while True: pass\n", name="endless.py", expected=Verdict.TLE)
    call_command("verify_question", question.slug)
    question.refresh_from_db()
    told = capsys.readouterr().out
    assert f"time limit 60 ms, a guess → {question.time_limit_ms} ms (slowest: right.py, " in told
    found = verification.results(question)
    assert 1000 <= question.time_limit_ms <= 2000
    assert not question.time_limit_is_derived
    assert {one.solution.name: (one.ok, one.is_current) for one in found} == {
        "endless.py": (True, True),
        "right.py": (True, True),
        "wrong.py": (True, True),
    }
    endless = verify_question.told(question, found[0])
    assert endless | {"slowest_ms": 0} == {
        "question": question.slug,
        "package_path": "packages/sum",
        "solution": "endless.py",
        "language": "python",
        "expected": ["TLE"],
        "expected_score": None,
        "verdict": "TLE",
        "score": 0,
        "decided_by": 1,
        "slowest_ms": 0,
        "ok": True,
        "skipped": None,
    }


@pytest.fixture
def guessed(question) -> Question:
    """With a time limit that is a guess, and a right solution that it is to be measured by."""
    question.time_limit_is_derived = True
    question.save()
    question.reference_solutions.filter(name="right.py").update(bounds_time_limit="lower")
    return question


@pytest.mark.django_db
def test_once_the_limit_is_measured_the_rest_is_judged_under_it_without_another_click(
    guessed, client, author
) -> None:
    client.post(reverse("admin-verification-start", args=[guessed.pk]))
    verification.go_on()
    (measuring,) = Submission.objects.all()
    assert Question.objects.get().time_limit_is_derived, "it is still being measured"
    Submission.objects.update(
        status="done",
        verdict="AC",
        time_ms=1500,
        overdue_at=None,
        finished_at=Now(),
        revision=revisions.current(guessed),
    )
    assert "data-goes-on" in client.get(page_of(guessed)).content.decode()
    verification.go_on()
    verification.go_on()
    guessed.refresh_from_db()
    assert (guessed.time_limit_ms, guessed.time_limit_is_derived) == (2500, False)
    anew = Submission.objects.exclude(pk=measuring.pk)
    assert {(one.solution.name, one.user) for one in anew} == {("right.py", author), ("wrong.py", author)}


@pytest.mark.django_db
def test_what_was_measured_by_the_command_or_long_ago_starts_nothing(guessed) -> None:
    right = guessed.reference_solutions.get(name="right.py")
    by_command = judged(right, "AC", finished_at=timezone.now())
    Submission.objects.update(user=User.objects.get(username=SYSTEM))
    verification.go_on()
    Submission.objects.filter(pk=by_command.pk).delete()
    judged(right, "AC", finished_at=timezone.now() - timedelta(hours=1))
    verification.go_on()
    assert Submission.objects.count() == 1
    assert Question.objects.get().time_limit_is_derived


@pytest.mark.django_db
def test_a_limit_written_by_hand_is_no_guess_any_more(guessed, client, author) -> None:
    address = reverse("admin:questions_question_change", args=[guessed.pk])
    form = client.get(address).context["adminform"].form
    assert form.initial["time_limit_is_derived"]
    sent = {name: value for name, value in form.initial.items() if value not in (None, [], {})}
    sent |= {
        "starter_codes-TOTAL_FORMS": 0,
        "starter_codes-INITIAL_FORMS": 0,
        "groups": "",
        "time_factors": "",
    }
    client.post(address, sent)
    assert Question.objects.get().time_limit_is_derived
    client.post(address, sent | {"time_limit_ms": 3000})
    assert Question.objects.values_list("time_limit_ms", "time_limit_is_derived").get() == (3000, False)


@pytest.mark.django_db
def test_slow_but_right_programs_may_take_a_new_limit_on_every_case(question, settings) -> None:
    settings.MAX_TOTAL_RUNTIME_S = 5
    verification.set_limit(question, 3000)
    assert question.judging_limits().total_ms == 2 * 3 * 3000, "Python's factor is 3"
    question.time_factors = {"*": 1.0}
    verification.set_limit(question, 3000)
    assert question.judging_limits().total_ms == 6000
    verification.set_limit(question, 2000)
    assert question.judging_limits().total_ms == 5000


# --- in the admin ---


@pytest.mark.django_db
def test_the_page_shows_what_each_should_get_and_got_and_no_program(question, client, author) -> None:
    all_judged(question)
    make_solution(question, "CANARY", name="liar.py")
    question.reference_solutions.filter(name="liar.py").update(
        score_low=Decimal(0), score_high=Decimal("33.5")
    )
    judged(question.reference_solutions.get(name="liar.py"), "WA", decided_by=2)
    page = client.get(page_of(question)).content.decode()
    shown = ("2 of 3 got what they should", "1 did not", "The verdict is WA, not AC.", "200 ms", "Python 3")
    for words in (*shown, "score 0 to 33.5"):
        assert words in page
    assert "CANARY" not in page


@pytest.mark.django_db
def test_the_button_starts_and_the_page_tells_that_it_goes_on(question, client, author) -> None:
    answer = client.post(reverse("admin-verification-start", args=[question.pk]), follow=True)
    assert answer.redirect_chain == [(page_of(question), 302)]
    assert Submission.objects.filter(kind="verification", user=author).count() == 2
    page = answer.content.decode()
    assert "Judging: 2 of 2 left." in page
    assert "data-goes-on" in page


@pytest.mark.django_db
def test_the_suggested_limit_is_set_by_a_button_and_all_is_judged_again(question, client, author) -> None:
    all_judged(question)
    right = question.reference_solutions.get(name="right.py")
    judged(right, "AC", time_ms=3 * 700)
    assert "Set it to 3500 ms" in client.get(page_of(question)).content.decode()
    client.post(reverse("admin-verification-limit", args=[question.pk]))
    question.refresh_from_db()
    assert question.time_limit_ms == 3500
    assert Submission.objects.unfinished().count() == 2


@pytest.mark.django_db
def test_only_who_may_change_questions_has_them_verified(question, client) -> None:
    client.force_login(make_user(is_staff=True))
    assert client.get(page_of(question)).status_code == 403
    for name in ("admin-verification-start", "admin-verification-limit"):
        assert client.post(reverse(name, args=[question.pk])).status_code == 403
    assert not Submission.objects.exists()


@pytest.mark.django_db
def test_publishing_what_is_not_verified_asks_first(question, client, author) -> None:
    address = reverse("admin:questions_question_publish", args=[question.pk])
    asked = client.post(address).content.decode()
    assert "have not been verified as it is now" in asked
    assert reverse("admin-verification-start", args=[question.pk]) in asked
    assert not Question.objects.published().exists()
    client.post(address, {"anyway": "1"})
    assert Question.objects.published().exists()


@pytest.mark.django_db
def test_what_is_verified_is_published_at_once_and_by_the_list_only_that_is(question, client, author) -> None:
    doubtful = make_question(state=Question.State.DRAFT, title="Doubtful")
    make_solution(doubtful)
    all_judged(question)
    chosen = {"action": "publish", "_selected_action": [question.pk, doubtful.pk]}
    answer = client.post("/admin/questions/question/", chosen, follow=True)
    assert list(Question.objects.published()) == [question]
    told = " ".join(str(message) for message in answer.context["messages"])
    assert "“Doubtful” stays draft. Its reference solutions have not been verified as it is now." in told


@pytest.mark.django_db
def test_the_head_of_a_questions_page_says_how_its_solutions_stand(question, client, author) -> None:
    address = reverse("admin:questions_question_change", args=[question.pk])
    assert "Not verified since the last change" in client.get(address).content.decode()
    all_judged(question)
    Submission.objects.update(finished_at="2026-11-20T12:00Z")
    assert "Verified: 2 of 2, 20 Nov 2026" in client.get(address).content.decode()
