"""Judging again: which submissions, what would change, and that learners see it once it is applied and not before."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from accounts.models import SYSTEM
from questions.models import Question
from submissions import lifecycle, rejudging, retention, revisions, webhooks
from submissions.models import CaseResult, CheckerNote, Event, Placement, RejudgeSet, Submission
from submissions.rejudging import Choice, NotNow
from tests.factories import make_author, make_case, make_question, make_user, service_user

RIGHT = "print(sum(map(int, input().split())))\n"
WRONG = "print(3)\n"
ALL = Choice()
pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def question(db) -> Question:
    service_user(SYSTEM)
    return make_question(title="Sum")


def ended(question: Question, verdict: str | None = "AC", **fields) -> Submission:
    """One that was graded, against the question as it is unless `fields` say otherwise."""
    values = {
        "kind": Submission.Kind.GRADED,
        "status": "done" if verdict else "error",
        "source": RIGHT,
        "language": "python",
        "revision": revisions.current(question),
        "score": Decimal(100 if verdict == "AC" else 50),
        "earned": Decimal(2 if verdict == "AC" else 1),
        "attempt": 1,
        "seq": 5,
    } | fields
    values.setdefault("user", None)
    user = values.pop("user") or make_user()
    made = Submission.objects.create(
        question=question, user=user, verdict=verdict, source_bytes=len(values["source"]), **values
    )
    if verdict:
        CaseResult.objects.create(
            submission=made, index=1, points=1, earned=1, public=True, verdict=verdict, output=b"before"
        )
    return made


def set_of(question: Question, choice: Choice = ALL, **fields) -> RejudgeSet:
    """Started, and with all of its rejudges."""
    made = rejudging.start(question=question, choice=choice, user=make_author(), **fields)
    rejudging.go_on()
    made.refresh_from_db()
    return made


def judged(rejudge_set: RejudgeSet, verdict: str | None = "AC", score: int = 100) -> None:
    """As if workers had judged all of it that is left."""
    revision = revisions.current(rejudge_set.question)
    for one in rejudge_set.rejudges.unfinished():
        Submission.objects.filter(pk=one.pk).update(
            status="done" if verdict else "error",
            verdict=verdict,
            score=score if verdict else None,
            message="" if verdict else "No server could judge it.",
            earned=Decimal(score) / 50,
            revision=revision,
            overdue_at=None,
            finished_at=timezone.now(),
            cases_total=2,
        )
        if verdict:
            CaseResult.objects.create(
                submission=one, index=1, points=1, earned=1, public=True, verdict=verdict, output=b"after"
            )
            CheckerNote.objects.create(submission=one, index=1, name="judgemessage.txt", text=b"good")


def applied(rejudge_set: RejudgeSet) -> RejudgeSet:
    rejudging.apply(rejudge_set)
    rejudging.go_on()
    rejudge_set.refresh_from_db()
    return rejudge_set


# --- choosing ---


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        (Choice(), {"old", "wrong", "failed"}),
        (Choice(verdicts=("WA",)), {"wrong"}),
        (Choice(verdicts=("WA", "error")), {"wrong", "failed"}),
        (Choice(verdicts=("error",)), {"failed"}),
        (Choice(languages=("cpp",)), {"wrong"}),
        (Choice(users=("ada", "nobody")), {"old"}),
        (Choice(since=timezone.now() - timedelta(hours=1)), {"wrong", "failed"}),
        (Choice(until=timezone.now() - timedelta(hours=1)), {"old"}),
        (Choice(revision="r2"), {"old"}),
    ],
)
def test_ended_graded_submissions_are_chosen_by_time_verdict_language_learner_and_version(
    question, choice, chosen
) -> None:
    long_ago = timezone.now() - timedelta(days=1)
    rows = {
        "old": ended(question, revision="r1", user=make_user("ada"), created_at=long_ago),
        "wrong": ended(question, "WA", revision="r2", language="cpp"),
        "failed": ended(question, None, revision="r2", reason="checker_failed"),
    }
    ended(question, None, reason=lifecycle.CANCELLED)
    ended(question, kind="verification")
    ended(make_question())
    Submission.objects.filter(pk=ended(question).pk).update(
        status="queued", verdict=None, overdue_at=timezone.now()
    )
    found = set(rejudging.choose(question, choice).values_list("pk", flat=True))
    assert found == {rows[name].pk for name in chosen}
    assert Choice.from_json(choice.as_json()) == choice


def test_a_set_has_a_rejudge_for_each_that_was_chosen_however_often_workers_look(question) -> None:
    originals = [ended(question) for _ in range(3)]
    made = set_of(question)
    RejudgeSet.objects.update(state="choosing")
    made.rejudges.filter(of=originals[1]).delete()
    ended(question)  # later than it was started
    rejudging.go_on()
    made.refresh_from_db()
    assert (made.state, made.total) == ("judging", 3)
    assert set(made.rejudges.values_list("of", "kind", "status", "user__username")) == {
        (one.pk, "rejudge", "queued", SYSTEM) for one in originals
    }


def test_a_question_has_one_open_set_and_none_of_nothing(question) -> None:
    with pytest.raises(NotNow, match="No submission"):
        set_of(question)
    ended(question)
    made = set_of(question)
    with pytest.raises(NotNow, match="being rejudged already"):
        set_of(question)
    rejudging.discard(made)
    rejudging.go_on()
    assert set_of(question).total == 1


# --- judging, looking, applying ---


@pytest.mark.django_db(transaction=True)
def test_the_differences_are_seen_before_anything_changes_and_then_applied(question, engine, work) -> None:
    """The whole way, judged by the engine: an answer was wrong, and is mended."""
    right, wrong = ended(question, "WA"), ended(question, source=WRONG)
    kept = ended(question, source=RIGHT)
    made = set_of(question, reason="The second answer was wrong.")
    work("low")
    now = rejudging.progress(made)
    assert (now.left, now.changing, now.errors) == (0, 2, 0)
    assert set(now.changes) == {("WA", "AC", 1), ("AC", "WA", 1)}
    assert [row.differs for row in rejudging.with_differences(made)] == [True, True, False]
    right.refresh_from_db()
    assert (right.verdict, right.attempt, right.seq) == ("WA", 1, 5)

    assert applied(made).state == "applied"
    for original, verdict in ((right, "AC"), (wrong, "WA"), (kept, "AC")):
        original.refresh_from_db()
        assert (original.verdict, original.attempt, original.seq) == (verdict, 2, 6)
        assert original.revision == revisions.current(question)
        assert original.case_results.count() == 2
        assert Event.objects.get(submission=original).payload["verdict"] == verdict
    assert wrong.score == 50
    assert rejudging.progress(made).changing == 2
    assert made.rejudges.filter(applied_at=None).count() == 0


def test_applying_brings_cases_points_and_what_checkers_said_with_it(question) -> None:
    original = ended(question, "WA", texts_purged_at=timezone.now())
    CheckerNote.objects.create(submission=original, index=1, name="judgemessage.txt", text=b"bad")
    told = webhooks.add(original, "https://example.org/told")
    type(told).objects.update(delivered_at=timezone.now(), attempts=3, next_try_at=None, last_status=200)
    made = set_of(question)
    judged(made)
    applied(made)
    original.refresh_from_db()
    assert (original.verdict, original.score, original.earned, original.cases_total) == ("AC", 100, 2, 2)
    assert original.texts_purged_at is None
    assert [bytes(one.output) for one in original.case_results.all()] == [b"after"]
    assert [bytes(one.text) for one in original.checker_notes.all()] == [b"good"]
    told.refresh_from_db()
    assert (told.state, told.attempts, told.last_status) == ("waiting", 0, None)


def test_what_was_applied_before_a_worker_died_is_not_applied_again(question) -> None:
    originals = [ended(question, "WA") for _ in range(3)]
    made = set_of(question)
    judged(made)
    rejudging.apply(made)
    lifecycle.apply_rejudge(made.rejudges.get(of=originals[0]))
    rejudging.go_on()
    RejudgeSet.objects.update(state="applying")
    rejudging.go_on()
    assert set(Submission.objects.graded().values_list("verdict", "attempt", "seq")) == {("AC", 2, 6)}
    assert Event.objects.filter(submission__in=originals).count() == 3


def test_what_could_not_be_judged_again_keeps_what_it_has(question) -> None:
    original = ended(question, "WA")
    made = set_of(question)
    judged(made, None)
    assert (rejudging.progress(made).errors, rejudging.progress(made).changing) == (1, 0)
    applied(made)
    original.refresh_from_db()
    assert (original.verdict, original.attempt) == ("WA", 1)


def test_what_our_fault_had_ended_gets_a_verdict(question) -> None:
    original = ended(question, None, reason="checker_failed", message="The question's checker failed.")
    made = set_of(question, Choice(verdicts=("error",)))
    judged(made, "WA", score=0)
    assert rejudging.progress(made).changes == (("error", "WA", 1),)
    applied(made)
    original.refresh_from_db()
    assert (original.status, original.verdict, original.reason, original.message) == ("done", "WA", "", "")


def test_it_is_applied_only_when_all_is_judged_against_the_question_as_it_is(question) -> None:
    ended(question)
    made = set_of(question)
    with pytest.raises(NotNow, match="not judged to its end"):
        rejudging.apply(made)
    judged(made)
    make_case(question, "2 2\n", "4\n", order=9)
    with pytest.raises(NotNow, match="changed since"):
        rejudging.apply(made)
    assert rejudging.progress(made).outdated == 1


def test_discarding_leaves_nothing_but_waits_for_what_a_server_still_keeps(question) -> None:
    original = ended(question)
    ended(question)
    made = set_of(question)
    sent = made.rejudges.get(of=original)
    Submission.objects.filter(pk=sent.pk).update(status="running", attempt=1)
    placed = Placement.objects.create(
        submission=sent, attempt=1, indexes=[1], backend="http://x", tokens=["t"]
    )
    rejudging.discard(made)
    rejudging.go_on()
    assert list(made.rejudges.all()) == [sent]
    judged(made)
    rejudging.go_on()
    assert made.rejudges.exists()
    placed.delete()
    rejudging.go_on()
    made.refresh_from_db()
    assert made.state == "discarded"
    assert set(Submission.objects.values_list("kind", "verdict", "attempt")) == {("graded", "AC", 1)}
    with pytest.raises(NotNow):
        rejudging.apply(made)


def test_a_rejudge_goes_with_its_original(question, settings) -> None:
    original = ended(question)
    made = set_of(question)
    judged(made)
    applied(made)
    settings.RETENTION_DAYS = settings.RETENTION_DAYS | {"submissions": 1}
    Submission.objects.filter(pk=original.pk).update(created_at=timezone.now() - timedelta(days=2))
    retention.purge_only("submissions")
    assert not Submission.objects.exists()


# --- what learners see ---


def test_learners_see_that_a_verdict_is_of_an_older_version(question, client) -> None:
    learner = make_user()
    client.force_login(learner)
    submission = ended(question, user=learner)
    pages = (
        reverse("submission", args=[submission.pk]),
        question.get_absolute_url(),
        f"{question.get_absolute_url()}history/",
    )

    def told() -> list[bool]:
        shown = ["older version" in client.get(page).content.decode() for page in pages]
        return [*shown, client.get(reverse("api-submission", args=[submission.pk])).json()["outdated"]]

    assert told() == [False] * 4
    make_case(question, "2 2\n", "4\n", order=9)
    assert told() == [True] * 4
    made = set_of(question)
    judged(made)
    assert told() == [True] * 4
    assert client.get("/api/v1/submissions/").json()["results"][0]["attempt"] == 1
    applied(made)
    assert told() == [False] * 4
    assert len(client.get("/api/v1/submissions/").json()["results"]) == 1
    rejudge = made.rejudges.get()
    assert client.get(reverse("api-submission", args=[rejudge.pk])).status_code == 404


def test_a_question_is_asked_once_for_all_that_was_submitted_to_it(
    question, django_assert_num_queries
) -> None:
    rows = [ended(question) for _ in range(5)] + [ended(question, None)]
    rows = list(Submission.objects.filter(pk__in=[one.pk for one in rows]).select_related("question"))
    with django_assert_num_queries(1):
        assert revisions.outdated(rows) == set()
    with django_assert_num_queries(0):
        assert revisions.outdated(rows[:0]) == set()


# --- in the admin ---


@pytest.fixture
def author(client, question):
    user = make_author()
    client.force_login(user)
    return user


def test_the_page_says_how_many_are_chosen_and_starts_only_when_told(question, client, author) -> None:
    ended(question)
    ended(question, "WA")
    page = reverse("admin-rejudge", args=[question.pk])
    assert "<strong>2</strong> submissions chosen" in client.get(page).content.decode()
    looked = client.post(page, {"action": "look", "verdicts": ["WA"]}).content.decode()
    assert "<strong>1</strong> submission chosen" in looked
    assert not RejudgeSet.objects.exists()
    wanted = {"action": "start", "verdicts": ["WA"], "reason": "An answer was wrong."}
    answer = client.post(page, wanted, follow=True)
    made = RejudgeSet.objects.get()
    assert answer.redirect_chain == [(reverse("admin-rejudge-set", args=[question.pk, made.pk]), 302)]
    assert (made.total, made.started_by, made.reason) == (1, author, "An answer was wrong.")
    assert "data-goes-on" in answer.content.decode()
    assert "This question is being rejudged" in client.get(page).content.decode()
    client.post(page, wanted)
    assert RejudgeSet.objects.count() == 1


def test_what_is_no_time_is_told_and_chooses_nothing(question, client, author) -> None:
    ended(question)
    page = reverse("admin-rejudge", args=[question.pk])
    told = client.post(page, {"action": "start", "since": "nonsense"}).content.decode()
    assert "Enter a valid date/time." in told
    assert "chosen." not in told
    assert not RejudgeSet.objects.exists()


def test_the_set_shows_what_changes_first_and_applying_it_is_written_down(question, client, author) -> None:
    ended(question, source="CANARY")
    ended(question, "WA")
    made = set_of(question)
    judged(made)
    page = reverse("admin-rejudge-set", args=[question.pk, made.pk])
    shown = client.get(page).content.decode()
    assert shown.count('class="different"') == 1
    assert shown.index('class="different"') < shown.index("<tr>", shown.index("<tbody>"))
    assert "WA → AC: <strong>1</strong>" in shown
    assert "Apply to 2 submissions" in shown
    assert "CANARY" not in shown
    client.post(reverse("admin-rejudge-apply", args=[question.pk, made.pk]))
    rejudging.go_on()
    assert "Applied to 2 of 2" in client.get(page).content.decode()
    assert LogEntry.objects.get().change_message == "Applied the rejudging of 2 submissions."
    late = client.post(reverse("admin-rejudge-discard", args=[question.pk, made.pk]), follow=True)
    assert "too late" in late.content.decode()


def test_only_who_may_change_questions_and_add_sets_rejudges(question, client) -> None:
    ended(question)
    made = set_of(question)
    addresses = [
        reverse("admin-rejudge", args=[question.pk]),
        *(
            reverse(f"admin-rejudge-{what}", args=[question.pk, made.pk])
            for what in ("set", "apply", "discard")
        ),
    ]
    client.force_login(make_user(is_staff=True))
    assert {client.get(addresses[0]).status_code, client.get(addresses[1]).status_code} == {403}
    assert {client.post(one).status_code for one in (addresses[0], *addresses[2:])} == {403}
    author = make_author()
    author.groups.get().permissions.remove(*author.groups.get().permissions.filter(codename="add_rejudgeset"))
    client.force_login(author)
    assert client.get(addresses[1]).status_code == 200
    assert {client.post(one).status_code for one in addresses[2:]} == {403}
    assert client.post(addresses[0], {"action": "start"}).status_code == 403
    assert client.get(reverse("admin-rejudge-set", args=[make_question().pk, made.pk])).status_code in (
        403,
        404,
    )
