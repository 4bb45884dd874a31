"""Following submissions, below whatever carries it: with the real channel layer and without."""

import asyncio
import time
from contextlib import aclosing

import pytest
from channels.layers import channel_layers
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.db import connection
from django.test.utils import CaptureQueriesContext

from submissions import events, following, waiting
from submissions.connections import in_thread
from submissions.models import Submission
from tests.connected import played
from tests.factories import make_user
from tests.stepwise import Stepwise, run, submit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(following, "ASK_AGAIN_S", 0.1)


async def all_of(submission_id, after: int = 0):
    async with aclosing(following.follow(submission_id, after)) as messages:
        return [message async for message in messages if "seq" in message]


async def numbers(submission_id, after: int = 0):
    return [message["seq"] for message in await all_of(submission_id, after)]


def test_who_follows_gets_every_message_once_and_in_order_and_then_it_ends():
    work = Stepwise(submit(make_user()))

    async def scenario():
        following_it = asyncio.create_task(numbers(work.submission.pk))
        await in_thread(work.to_the_end)
        return await following_it

    assert played(scenario) == [1, 2, 3, 4, 5, 6, 7]


def test_what_has_ended_and_was_seen_has_nothing_more_to_tell():
    work = Stepwise(submit(make_user()))
    work.to_the_end()

    assert played(lambda: numbers(work.submission.pk, after=7)) == []


def test_who_names_a_number_that_was_never_given_gets_a_snapshot_and_what_comes():
    """It has it from another submission, or from before the database was restored."""
    ended, work = Stepwise(submit(make_user())), Stepwise(submit(make_user()))
    ended.to_the_end()

    async def scenario():
        async with aclosing(following.follow(work.submission.pk, after=99)) as messages:
            first = await anext(messages)
            await in_thread(work.to_the_end)
            rest = [first, *[message async for message in messages]]
        return await all_of(ended.submission.pk, after=99), rest

    (snapshot,), followed = played(scenario)

    assert (snapshot["type"], snapshot["seq"], snapshot["final"]) == ("snapshot", 7, True)
    assert [message["seq"] for message in followed] == [1, 2, 3, 4, 5, 6, 7]
    assert [message["type"] for message in followed[:2]] == ["snapshot", "status"]


def test_of_what_is_no_longer_known_there_is_one_snapshot():
    work = Stepwise(submit(make_user()))
    work.to_the_end()
    work.submission.events.filter(seq__lt=5).delete()

    async def scenario():
        return await all_of(work.submission.pk, after=1), await numbers(work.submission.pk, after=4)

    (snapshot,), rest = played(scenario)

    assert (snapshot["type"], snapshot["seq"], snapshot["final"]) == ("snapshot", 7, True)
    assert len(snapshot["results"]) == 4
    assert rest == [5, 6, 7]


def happen_unheard(submission: Submission, seq: int) -> None:
    """Recorded, but the channel layer has lost it."""
    payload = {"status": "running", "final": False}
    submission.events.create(seq=seq, type="status", payload=payload)
    Submission.objects.filter(pk=submission.pk).update(seq=seq)


async def publish(submission: Submission, seq: int) -> None:
    message = {"seq": seq, "type": "status", "submission": str(submission.pk), "status": "running"}
    sending = events._send(submission.pk, submission.user_id, [message | {"final": False}], time.time())
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(sending, events._bus.loop()))


def layer():
    """This event loop's part of the channel layer."""
    return channel_layers["default"]._get_layer()


async def told(messages, count: int):
    return [(await anext(messages))["seq"] for _ in range(count)]


def test_a_message_that_was_lost_is_fetched_before_the_next_one_is_told():
    """S0.21 (in part): long before everybody is looked for anyway."""
    submission = submit(make_user())

    async def scenario():
        async with aclosing(following.follow(submission.pk, after=1, with_place=True)) as messages:
            assert (await anext(messages))["type"] == "queue"
            for seq in (2, 3):
                await in_thread(happen_unheard, submission, seq)
            await publish(submission, 3)
            return await told(messages, 2)

    assert played(scenario, seconds=following.ASK_AGAIN_S - 1) == [2, 3]


def test_a_message_that_comes_twice_or_late_is_told_once():
    submission = submit(make_user())

    async def scenario():
        async with aclosing(following.follow(submission.pk, after=1, with_place=True)) as messages:
            assert (await anext(messages))["type"] == "queue"
            for seq in (2, 3):
                await in_thread(happen_unheard, submission, seq)
            for seq in (2, 2, 3, 1, 2, 3):
                await publish(submission, seq)
            await in_thread(happen_unheard, submission, 4)
            await publish(submission, 4)
            return await told(messages, 3)

    assert played(scenario) == [2, 3, 4]


def test_while_the_channel_layer_is_away_the_database_is_asked(settings, impatient):
    """And once it is back, it is heard again."""
    away = {"hosts": ["unix:///nowhere/redis.sock"], "prefix": "live"}
    settings.CHANNEL_LAYERS = {"default": settings.CHANNEL_LAYERS["default"] | {"CONFIG": away}}
    work = Stepwise(submit(make_user()))

    async def scenario():
        following_it = asyncio.create_task(numbers(work.submission.pk))
        await in_thread(work.to_the_end)
        return await following_it

    assert played(scenario) == [1, 2, 3, 4, 5, 6, 7]


def test_a_run_that_has_expired_is_gone_also_for_those_who_follow_it(settings, impatient):
    """C3 (in part): whether it is asked for then, or while it is followed."""
    submission = run(make_user())

    async def scenario():
        async with aclosing(following.follow(submission.pk, with_place=True)) as messages:
            assert [(await anext(messages))["type"] for _ in range(2)] == ["status", "queue"]
            settings.EXECUTION_TTL_S = 0
            with pytest.raises(following.Gone):
                await anext(messages)
        with pytest.raises(following.Gone):
            await numbers(submission.pk)

    played(scenario)


def test_a_message_of_another_form_is_left_out_and_the_next_one_is_heard():
    """While some processes are of the next version already."""
    submission = submit(make_user())

    async def scenario():
        async with aclosing(following.follow(submission.pk)) as messages:
            assert (await anext(messages))["seq"] == 1
            for form in ({"type": "x"}, {"type": "x", "group": "g", "events": None}):
                await layer().group_send(events.group(submission.pk), form)
            await in_thread(happen_unheard, submission, 2)
            await publish(submission, 2)
            return await told(messages, 1)

    assert played(scenario, seconds=following.ASK_AGAIN_S - 1) == [2]


def test_a_look_that_fails_is_not_the_last_one(settings, impatient):
    """Whatever it fails of: nobody else would look."""
    submission = submit(make_user())
    ttl = settings.EXECUTION_TTL_S

    async def scenario():
        async with aclosing(following.follow(submission.pk)) as messages:
            assert (await anext(messages))["seq"] == 1
            settings.EXECUTION_TTL_S = "no number"
            await asyncio.sleep(0.3)
            settings.EXECUTION_TTL_S = ttl
            await in_thread(happen_unheard, submission, 2)
            return await told(messages, 1)

    assert played(scenario, seconds=5) == [2]


class RefusesTheFirst(RedisPubSubChannelLayer):
    """A channel layer that fails as none should."""

    refused = 0

    async def group_add(self, group: str, channel: str) -> None:
        if not self.refused:
            self.refused += 1
            raise RuntimeError("not now")
        await self._get_layer().group_add(group, channel)


def test_what_could_not_be_joined_whatever_the_reason_is_joined_with_the_next_look(settings, monkeypatch):
    monkeypatch.setattr(following, "ASK_AGAIN_S", 0.5)
    default = settings.CHANNEL_LAYERS["default"]
    refusing = f"{__name__}.{RefusesTheFirst.__name__}"
    settings.CHANNEL_LAYERS = {"default": default | {"BACKEND": refusing}}
    submission = submit(make_user())

    async def scenario():
        async with aclosing(following.follow(submission.pk)) as messages:
            assert (await anext(messages))["seq"] == 1
            while f"live__group__{events.group(submission.pk)}" not in layer().groups:
                await asyncio.sleep(0.01)
            monkeypatch.setattr(following, "ASK_AGAIN_S", 60)
            await asyncio.sleep(0.6)  # the last look
            await in_thread(happen_unheard, submission, 2)
            await publish(submission, 2)
            return await told(messages, 1)

    assert played(scenario, seconds=10) == [2]


# --- All that a user submits -----------------------------------------------------------------------------------


def test_who_follows_a_user_hears_of_what_has_not_ended_and_of_what_is_new():
    """C15: the group of a user."""
    user, stranger = make_user(), make_user()
    ended, unfinished = Stepwise(submit(user)), submit(user)
    ended.to_the_end()

    async def scenario():
        async with aclosing(following.follow_user(user.pk)) as ids:
            first = await anext(ids)
            foreign, another = await in_thread(submit, stranger), await in_thread(submit, user)
            heard = []
            while another.pk not in heard:
                heard.append(await anext(ids))
            return first, heard, foreign.pk

    first, heard, foreign = played(scenario)

    assert first == unfinished.pk
    assert foreign not in heard
    assert set(heard[:-1]) <= {ended.submission.pk}  # if its end came just now


def test_what_is_new_of_a_user_is_also_found_where_it_is_not_heard(impatient):
    user = make_user()
    unheard = submit(make_user())

    async def scenario():
        async with aclosing(following.follow_user(user.pk)) as ids:
            found = asyncio.ensure_future(anext(ids))
            await asyncio.sleep(0.1)
            assert not found.done()
            await in_thread(Submission.objects.filter(pk=unheard.pk).update, user=user)
            return await found

    assert played(scenario) == unheard.pk


# --- What it costs ---------------------------------------------------------------------------------------------


def test_for_all_who_follow_one_question_is_asked(django_assert_num_queries):
    """Of 30 submissions: all of them, the queue, and the events of the two that have some."""
    submissions = [submit(make_user()) for _ in range(30)]
    seen = {one.pk: 1 for one in submissions}
    for one in submissions[:2]:
        happen_unheard(one, 2)

    with django_assert_num_queries(4):
        found = following.look(seen, seen.keys())

    assert [len(found[one.pk].messages) for one in submissions[:3]] == [1, 1, 0]
    assert found[submissions[29].pk].queue == {"position": 30, "estimated_wait_s": None}


@pytest.mark.parametrize("placed", [0, 1, 3])
def test_who_joins_a_long_queue_does_not_go_through_all_of_it(placed):
    """The rows, then a count for each place that is asked for."""
    rows = [submit(make_user()) for _ in range(6)]
    seen = {one.pk: 1 for one in rows[3:]}

    with CaptureQueriesContext(connection) as queries:
        found = following.look(seen, [one.pk for one in rows[3 : 3 + placed]])

    asked = [query["sql"] for query in queries]
    assert ["COUNT" in sql for sql in asked] == [False] + [True] * placed
    places = [one.queue and one.queue["position"] for one in found.values()]
    assert sorted(place for place in places if place) == [4, 5, 6][:placed]


def test_only_who_asks_for_it_is_told_the_place_in_the_queue(impatient):
    """Those who wait for the end, or have other words, need it not, and nothing is asked for them."""
    work = Stepwise(submit(make_user()))

    async def types(**how):
        async with aclosing(following.follow(work.submission.pk, **how)) as messages:
            return [message["type"] async for message in messages]

    async def scenario():
        both = asyncio.gather(types(with_place=True), types())
        await asyncio.sleep(0.3)  # they are looked for meanwhile
        await in_thread(work.to_the_end)
        return [set(told) for told in await both]

    assert played(scenario) == [{"status", "case", "queue"}, {"status", "case"}]


def test_of_a_user_those_are_remembered_that_were_heard_of_last(monkeypatch):
    """So many that nothing unfinished is forgotten, and not all there ever were."""
    monkeypatch.setattr(following, "REMEMBERED", 2)
    monkeypatch.setattr(following, "ASK_AGAIN_S", 60)
    user = make_user()
    first, second, third = (submit(make_user()) for _ in range(3))
    for one in (first, second, third):
        one.user = user  # only now: its first event, on its way perhaps, is for somebody else
        one.save(update_fields=["user"])

    async def scenario():
        async with aclosing(following.follow_user(user.pk)) as ids:
            assert [await anext(ids) for _ in range(3)] == [first.pk, second.pk, third.pk]
            for one in (second, first, second, third):
                await publish(one, 2)
            return [await anext(ids) for _ in range(2)]

    assert played(scenario) == [first.pk, third.pk]


def test_when_the_last_one_has_left_nothing_is_left_of_following():
    """Also where they leave in the middle of joining."""
    submission = submit(make_user())

    async def scenario():
        others = [asyncio.create_task(all_of(submission.pk)) for _ in range(5)]
        others.append(asyncio.create_task(anext(following.follow_user(submission.user_id))))
        for pause_s in (0, 0.01, 0.1):
            await asyncio.sleep(pause_s)
            others.pop().cancel()
        async with aclosing(following.follow(submission.pk)) as messages:
            await anext(messages)
            followed = (len(layer().channels), list(layer().groups))
        for one in others:
            one.cancel()
        while layer().channels or layer().groups:
            await asyncio.sleep(0.01)
        return followed, len(following._hubs)

    assert played(scenario) == ((1, [f"live__group__exec.{submission.pk}"]), 0)


# --- The place in the queue ------------------------------------------------------------------------------------


def test_the_places_of_many_are_those_of_each():
    submissions = [submit(make_user()) for _ in range(6)]
    Submission.objects.filter(pk__in=[one.pk for one in submissions[1:3]]).update(
        unavailable_since="2026-01-01T00:00Z"
    )
    Submission.objects.filter(pk=submissions[3].pk).update(created_at=submissions[4].user.date_joined)
    Submission.objects.filter(pk=submissions[4].pk).update(kind="rejudge")
    waiting.announce("one", "default", 1)
    waiting.note_service("default", 2)
    queued = list(Submission.objects.all())

    assert waiting.places(queued) == {one.pk: waiting.place(one) for one in queued}
    assert {place.position for place in waiting.places(queued).values()} == {1, 2, 3}
