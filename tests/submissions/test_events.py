"""What is published of a submission's changes, as the channel layer gets it."""

import asyncio

import pytest
from channels.layers import get_channel_layer
from django.db import transaction

from submissions import events, lifecycle
from submissions.connections import in_thread
from tests.connected import played
from tests.factories import make_user
from tests.stepwise import Stepwise, submit

pytestmark = pytest.mark.django_db(transaction=True)

SILENT_S = 0.3


async def published(group: str, *acts) -> list[dict]:
    """What the group is told while these are done; all of it, so it ends with silence.

    Without the first message of a submission, which may still be on its way from before.
    """
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    for act in acts:
        await in_thread(act)
    told = []
    while True:
        try:
            async with asyncio.timeout(SILENT_S):
                told += (await layer.receive(channel))["events"]
        except TimeoutError:
            return [message for message in told if message.get("seq") != 1]


def test_every_committed_change_publishes_one_event():
    """S1.28"""
    work = Stepwise(submit(make_user()))

    told = played(lambda: published(events.group(work.submission.pk), *work.steps()))

    assert sorted(message["seq"] for message in told) == [2, 3, 4, 5, 6, 7]
    recorded = {event.seq: events.message(event) for event in work.submission.events.all()}
    assert all(recorded[message["seq"]] == message for message in told)


def test_a_change_that_is_rolled_back_publishes_nothing():
    """S1.28 (in part)."""
    work = Stepwise(submit(make_user()))

    def change_ones_mind() -> None:
        with transaction.atomic():
            assert lifecycle.cancel(work.submission)
            transaction.set_rollback(True)

    told = played(lambda: published(events.group(work.submission.pk), change_ones_mind, work.claim))

    assert [(message["seq"], message["status"]) for message in told] == [(2, "running")]


def test_of_a_users_submissions_only_a_change_of_status_is_published_and_only_which_one_has_changed():
    """For machines that is all of the traffic a second time."""
    user = make_user()
    works = []

    def do() -> None:
        works.append(Stepwise(submit(user)))
        works[0].to_the_end()

    told = played(lambda: published(events.user_group(user.pk), do))

    assert told == [{"submission": str(works[0].submission.pk)}] * 3  # queued, running, done
