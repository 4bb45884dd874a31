"""What is kept for how long, and that it goes after that; only then, and nothing else with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError
from django.db.models import F, Model
from django.db.models.signals import pre_delete
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY

from accounts import keys
from accounts.models import ApiKey, Invitation
from submissions import disclosure, retention, webhooks
from submissions.connections import redis_client
from submissions.models import CaseResult, Event, Placement, Submission, Webhook
from tests.asking import RUNS, Api
from tests.factories import make_user
from tests.stepwise import Stepwise, run, submit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

TWO = [("1\n", "3\n", True), ("2\n", "3\n", False)]


@pytest.fixture(autouse=True)
def _ages(settings):
    days = {"runs": 30, "outputs": 180, "submissions": 0, "webhooks": 30, "keys": 90, "admin_log": 365}
    settings.RETENTION_DAYS = settings.RETENTION_DAYS | days


def judged(submission: Submission) -> Submission:
    Stepwise(submission).to_the_end()
    submission.refresh_from_db()
    return submission


def age(days: float, *submissions: Submission) -> None:
    """All that is told of them happened so much earlier."""
    earlier = timedelta(days=days)
    rows = Submission.objects.filter(pk__in=[one.pk for one in submissions])
    rows.update(created_at=F("created_at") - earlier, finished_at=F("finished_at") - earlier)
    Event.objects.filter(submission__in=rows).update(created_at=F("created_at") - earlier)


def counted(what: str) -> float:
    return REGISTRY.get_sample_value("judge_purged_rows_total", {"what": what}) or 0.0


def test_runs_go_after_their_time_with_all_that_hangs_on_them_and_graded_ones_stay():
    """S4.20 (in part): what has gone is counted."""
    learner = make_user()
    old, young, graded, busy = run(learner), run(learner), submit(learner, TWO), run(learner)
    for one in (old, young, graded):
        judged(one)
    age(31, old, graded, busy)
    before = counted("runs")

    assert retention.purge()["runs"] == 1
    assert set(Submission.objects.values_list("pk", flat=True)) == {young.pk, graded.pk, busy.pk}
    assert not CaseResult.objects.filter(submission=old.pk).exists()
    assert counted("runs") - before == 1


def test_a_run_that_a_server_still_keeps_something_of_stays_until_that_is_deleted():
    old = judged(run(make_user()))
    placed = Placement.objects.create(
        submission=old, attempt=1, indexes=[1], role="window", backend="http://x", tokens=["t"]
    )
    age(31, old)

    assert retention.purge_only("runs") == 0
    placed.delete()
    assert retention.purge_only("runs") == 1


def test_what_is_being_judged_again_stays_until_that_has_ended_and_left_nothing_behind(settings):
    settings.RETENTION_DAYS = settings.RETENTION_DAYS | {"submissions": 1}
    old, again = judged(submit(make_user(), TWO)), submit(make_user(), TWO)
    Submission.objects.filter(pk=again.pk).update(kind="rejudge", of=old)
    placed = Placement.objects.create(
        submission=again, attempt=1, indexes=[1], role="window", backend="http://x", tokens=["t"]
    )
    age(3, old, again)

    assert retention.purge_only("submissions") == 0
    placed.delete()
    assert retention.purge_only("submissions") == 0
    judged(again)
    Placement.objects.create(submission=again, attempt=1, indexes=[1], backend="http://x", tokens=["t"])
    age(3, again)
    assert retention.purge_only("submissions") == 0
    Placement.objects.all().delete()
    assert retention.purge_only("submissions") == 2


def test_a_sort_that_cannot_be_deleted_keeps_no_other_one_waiting(caplog):
    age(31, judged(run(make_user())))
    Session.objects.create(session_key="old", session_data="", expire_date=timezone.now() - timedelta(days=1))

    with refusing_to_delete(Submission), pytest.raises(DatabaseError):
        retention.purge()

    assert Submission.objects.exists()
    assert not Session.objects.exists()
    assert "retention: runs are not purged" in caplog.text


@contextmanager
def refusing_to_delete(model: type[Model]) -> Iterator[None]:
    """As a row would that something else hangs on."""

    def refuse(**told: object) -> None:
        raise IntegrityError("it is referred to")

    pre_delete.connect(refuse, sender=model)
    try:
        yield
    finally:
        pre_delete.disconnect(refuse, sender=model)


def test_with_every_purge_stopped_a_run_is_gone_a_second_after_its_time(settings):
    """S4.20: its row is still there, and whoever asks for it gets 404."""
    learner = make_user()
    old = judged(run(learner))
    client = Api(learner)
    assert client.get(f"{RUNS}{old.pk}/").status_code == 200

    age((settings.EXECUTION_TTL_S + 1) / 86400, old)

    assert client.get(f"{RUNS}{old.pk}/").status_code == 404
    assert Submission.objects.filter(pk=old.pk).exists()


def test_what_graded_programs_printed_goes_and_program_verdict_and_score_stay():
    """An output that is not kept is not told as an empty one."""
    learner = make_user()
    old, young = judged(submit(learner, TWO)), judged(submit(learner, TWO))
    Submission.objects.update(compile_output="a warning")
    age(181, old)
    assert disclosure.detail(old)["results"][0]["output"] == "3\n"

    assert retention.purge()["outputs"] == 1
    assert retention.purge()["outputs"] == 0
    old, young = (Submission.objects.get(pk=one.pk) for one in (old, young))
    told = disclosure.detail(old)
    assert (told["verdict"], told["score"], told["source"]) == ("AC", 100.0, old.source)
    assert (told["compile_output"], "output" in told["results"][0]) == ("", False)
    assert bytes(old.case_results.get(index=1).output) == b""
    assert disclosure.detail(young)["results"][0]["output"] == "3\n"
    client = Client()
    client.force_login(learner)
    pages = [client.get(f"/submissions/{old.pk}/", {"case": n}).content.decode() for n in (1, 2)]
    assert ["no longer kept" in page for page in pages] == [True, False]


def test_graded_submissions_stay_for_ever_unless_a_time_is_set(settings):
    old = judged(submit(make_user(), TWO))
    age(4000, old)
    assert retention.purge()["submissions"] == 0

    settings.RETENTION_DAYS = settings.RETENTION_DAYS | {"submissions": 3999}

    assert retention.purge()["submissions"] == 1
    assert not Submission.objects.exists()


def test_what_else_has_had_its_time_goes_and_what_has_not_stays():
    learner = make_user()
    long_ago = timezone.now() - timedelta(days=400)
    told, waiting = (webhooks.add(submit(learner), "https://example.org/told") for _ in range(2))
    Webhook.objects.update(created_at=long_ago)
    Webhook.objects.filter(pk=told.pk).update(next_try_at=None)
    Session.objects.create(session_key="old", session_data="", expire_date=long_ago)
    Session.objects.create(session_key="new", session_data="", expire_date=timezone.now() + timedelta(days=1))
    for name in ("old", "good"):
        keys.make(user=learner, name=name, scopes=["read"])
    ApiKey.objects.filter(name="old").update(expires_at=long_ago)
    for uses in (0, 1):
        Invitation.objects.create(code=str(uses), uses_left=uses)
    Invitation.objects.update(created_at=long_ago)
    LogEntry.objects.log_actions(learner.pk, [learner], CHANGE, "Blocked.", single_object=True)
    LogEntry.objects.update(action_time=long_ago)

    call_command("purge", dry_run=True, verbosity=0, stdout=open("/dev/null", "w"))  # noqa: SIM115
    assert retention.due() == retention.purge()

    assert list(Webhook.objects.all()) == [waiting]
    assert [one.pk for one in Session.objects.all()] == ["new"]
    assert [one.name for one in ApiKey.objects.all()] == ["good"]
    assert [one.code for one in Invitation.objects.all()] == ["1"]
    assert not LogEntry.objects.exists()


def test_it_goes_on_batch_by_batch_and_one_worker_an_hour_does_it(monkeypatch):
    learner = make_user()
    runs = [judged(run(learner)) for _ in range(3)]
    age(31, *runs)
    monkeypatch.setattr(retention, "BATCH", 2)

    retention.purge_in_turn()
    assert not Submission.objects.exists()

    age(31, judged(run(learner)))
    retention.purge_in_turn()
    assert Submission.objects.count() == 1, "it was done within the hour"
    redis_client().delete(retention.TURN_KEY)
    retention.purge_in_turn()
    assert not Submission.objects.exists()
