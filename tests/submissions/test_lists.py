"""What a client finds of its own: lists with filters and pages, and a status that is asked for again and again."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.scopes import Scope
from execution.languages import LANGUAGES
from submissions.models import Submission
from tests.asking import ADD, RUNS, SUBMISSIONS, Api, key
from tests.factories import make_author, make_question, make_user, service_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def learner():
    return make_user()


@pytest.fixture
def client(learner):
    return Api(learner)


def stored(user, **fields) -> Submission:
    """A row as it may have become, without anything being judged."""
    made = {"kind": "graded", "language": "python", "source_bytes": 1, "status": "done", "verdict": "AC"}
    made |= {"user": user} | fields
    if made["kind"] != "run":
        made.setdefault("question", make_question())
    return Submission.objects.create(**made)


def ids(answer) -> list[str]:
    return [one["id"] for one in answer.json()["results"]]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, ["one", "two", "run"]),
        ({"kind": "graded"}, ["one", "two"]),
        ({"verdict": "WA"}, ["two"]),
        ({"status": "error"}, ["run"]),
        ({"language": "c"}, ["two"]),
        ({"language": "py"}, ["one", "run"]),
        ({"question": "sum"}, ["one"]),
        ({"created_after": "2026-01-02T00:00:00Z"}, ["two", "run"]),
        ({"created_before": "2026-01-02T02:00:00+02:00"}, ["one"]),
        ({"created_after": "2026-01-02T00:00:00Z", "created_before": "2026-01-03T00:00:00Z"}, ["two"]),
        ({"kind": "run", "verdict": "AC"}, []),
        ({"unheard": "of"}, ["one", "two", "run"]),
    ],
)
def test_ones_own_are_filtered(client, learner, query, wanted):
    rows = {
        "one": stored(learner, question=make_question(slug="sum")),
        "two": stored(learner, verdict="WA", language="c"),
        "run": stored(learner, kind="run", status="error", verdict=None),
    }
    stored(make_user())
    for day, row in enumerate(rows.values(), 1):
        Submission.objects.filter(pk=row.pk).update(created_at=datetime(2026, 1, day, 12, tzinfo=UTC))

    found = ids(client.get(SUBMISSIONS, query))

    assert found == [str(rows[name].pk) for name in wanted[::-1]]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("kind", "graded, run, verification, rejudge"),
        ("status", "queued, running, done, error"),
        ("verdict", "AC, WA, TLE, MLE, OLE, RTE, CE"),
        ("language", ", ".join(language.slug for language in LANGUAGES)),
    ],
)
def test_what_can_be_chosen_is_told(client, name, known):
    (words,) = client.get(SUBMISSIONS, {name: "foo"}).json()["errors"][name]

    assert words.endswith(f"known are {known}.")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "nonsense"),
        ("status", "passed"),
        ("verdict", "SK"),
        ("language", "cobol"),
        ("created_after", "yesterday"),
        ("created_before", "9999-12-31T23:59:59-14:00"),
        ("created_after", "0001-01-01T00:00:00Z"),
        ("page_size", "101"),
        ("page_size", "many"),
        ("question", "\0"),
        ("question", "unheard-of"),
    ],
)
@pytest.mark.parametrize("address", [SUBMISSIONS, RUNS])
def test_a_filter_that_cannot_be_meant_is_400_naming_it(client, address, name, value):
    answer = client.get(address, {name: value})

    if (address, name) == (RUNS, "kind"):
        assert answer.status_code == 200  # there is nothing to choose
        return
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [name])


@pytest.mark.parametrize("name", ["slug", "pk"])
@pytest.mark.parametrize("state", ["published", "archived"])
def test_a_question_is_a_filter_by_whatever_it_may_be_submitted_to(client, learner, name, state):
    """By its id as well as by its slug, and also once it can be solved no more."""
    question = make_question(state=state)
    row = stored(learner, question=question)
    stored(learner)

    assert ids(client.get(SUBMISSIONS, {"question": str(getattr(question, name))})) == [str(row.pk)]


def test_a_filter_finds_no_draft_out(client):
    draft, published = make_question(state="draft"), make_question()
    stored(make_user(), question=draft)
    asked = [(one, question) for one in (client, Api(make_author())) for question in (draft, published)]

    answers = [one.get(SUBMISSIONS, {"question": question.slug}).status_code for one, question in asked]

    assert answers == [400, 200, 200, 200]


def test_pages_miss_nothing_and_tell_nothing_twice_while_others_come(client, learner):
    question = make_question()
    rows = [stored(learner, question=question) for _ in range(7)]
    first = client.get(SUBMISSIONS, {"page_size": 3}).json()
    stored(learner, question=question)
    found, following = [one["id"] for one in first["results"]], first["next"]
    while following:
        page = client.get(following).json()
        found, following = found + [one["id"] for one in page["results"]], page["next"]

    assert found == [str(row.pk) for row in rows[::-1]]


def test_of_a_run_past_its_time_the_list_knows_that_it_was_and_nothing_else_does(client, learner, settings):
    """S4.3, C3: 404 by whatever address, also where Redis would still have its code."""
    run = stored(learner, kind="run")
    graded = stored(learner)
    old = timezone.now() - timedelta(seconds=settings.EXECUTION_TTL_S + 1)
    Submission.objects.update(created_at=old)
    fresh = stored(learner, kind="run")

    listed = client.get(RUNS).json()["results"]

    assert [(one["id"], one["expired"]) for one in listed] == [(str(fresh.pk), False), (str(run.pk), True)]
    assert not {"source", "results", "compile_output"} & set(listed[1])
    gone = [f"{RUNS}{run.pk}/", f"{SUBMISSIONS}{run.pk}/", f"{SUBMISSIONS}{run.pk}/events/"]
    assert [client.get(address).status_code for address in gone] == [404, 404, 404]
    assert client.send(f"{SUBMISSIONS}{run.pk}/cancel/", {}).status_code == 404
    assert client.get(f"{SUBMISSIONS}{graded.pk}/").status_code == 200


@pytest.mark.parametrize("suffix", ["", "events/"])
def test_a_status_that_has_not_changed_is_304_until_it_does(client, learner, suffix):
    row = stored(learner, status="queued", verdict=None, overdue_at=timezone.now())
    address = f"{SUBMISSIONS}{row.pk}/{suffix}"
    first = client.get(address)

    same = client.get(address, headers={"If-None-Match": first["ETag"]})
    Submission.objects.update(status="running", seq=2)
    changed = client.get(address, headers={"If-None-Match": first["ETag"]})

    assert (same.status_code, same.content) == (304, b"")
    assert (changed.status_code, changed["ETag"] != first["ETag"]) == (200, True)
    assert first["Cache-Control"] == "private, no-cache"
    head = client.head(address)
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", changed["ETag"])
    assert client.head(address, headers={"If-None-Match": head["ETag"]}).status_code == 304


def test_what_others_have_submitted_needs_the_scope_admin(learner):
    """Staff who have signed in have it; the key of a machine has not, whoever it acts as."""
    row = stored(learner)
    service_user("code-exec").user_permissions.set([])
    author, stranger, machine = Api(make_author()), Api(make_user()), Api(**key())

    answers = [one.get(f"{SUBMISSIONS}{row.pk}/").status_code for one in (author, stranger, machine)]

    assert answers == [200, 404, 404]
    assert ids(author.get(SUBMISSIONS)) == []


@pytest.mark.parametrize("scope", [Scope.READ, Scope.ADMIN])
def test_a_key_of_staff_without_the_scope_sees_only_its_users_own(learner, scope):
    from accounts.credentials import Credential, Kind

    row, author = stored(learner), make_author()
    own = stored(author)
    credential = Credential(author, frozenset({scope}), Kind.KEY)

    found = set(Submission.objects.visible_with(credential).values_list("pk", flat=True))

    assert found == ({own.pk} if scope == Scope.READ else {own.pk, row.pk})


@pytest.mark.parametrize("address", [SUBMISSIONS, RUNS])
def test_a_draft_can_be_submitted_to_only_with_more_than_a_learners_scopes(address):
    question = make_question(state="draft")
    body = {"question": question.slug, "language": "python", "source": ADD}
    service_user("code-exec")

    assert Api(make_author()).send(address, body).status_code == 202
    assert Api(**key()).send(address, body).json()["code"] == "unknown_question"


VERDICTS = ["AC", "WA", "TLE", "MLE", "OLE", "RTE", "CE"]


@pytest.mark.parametrize("kind", ["graded", "run"])
@pytest.mark.parametrize(
    ("status", "verdict", "outcome"),
    [
        ("queued", None, None),
        ("running", None, None),
        ("error", None, "error"),
        *(("done", verdict, "passed" if verdict == "AC" else "failed") for verdict in VERDICTS),
    ],
)
def test_a_learners_fault_is_a_verdict_and_only_ours_is_an_error(
    client, learner, kind, status, verdict, outcome
):
    """C2, C1 (in part): what is no verdict may be tried again, and nothing else asks for it."""
    overdue = None if status in ("done", "error") else timezone.now()
    row = stored(learner, kind=kind, status=status, verdict=verdict, overdue_at=overdue)

    told = client.get(f"{SUBMISSIONS}{row.pk}/").json()

    assert (told["status"], told["verdict"], told["outcome"]) == (status, verdict, outcome)
    assert (told["retryable"], told["final"]) == (status == "error", status in ("done", "error"))


def test_the_time_and_the_memory_that_it_took_are_told(client, learner):
    """S3.52: of the slowest and the largest case, in the status, the list and each case."""
    row = stored(learner, time_ms=120, memory_kib=3456, cases_total=1, cases_judged=1, cases_passed=1)
    row.case_results.create(
        index=1, points=1, earned=1, public=False, verdict="AC", time_ms=120, memory_kib=3456
    )

    told = client.get(f"{SUBMISSIONS}{row.pk}/").json()

    for one in (told, told["results"][0], client.get(SUBMISSIONS).json()["results"][0]):
        assert (one["time_ms"], one["memory_kib"]) == (120, 3456)
