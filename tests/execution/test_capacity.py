"""Seats at a server, counted for all workers together; two clients of Redis here are two worker processes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import redis
from django.conf import settings

from execution.capacity import Capacity, Seats
from execution.shared import Shared
from submissions.connections import redis_client

URL = "http://judge:2358"
THREADS = 16


def capacity(most: int = 10, what: str = "runs") -> Capacity:
    """As one worker process has it."""
    return Capacity(Shared(redis.Redis.from_url(settings.REDIS_URL)), what, most)


def test_as_many_seats_are_granted_as_are_free():
    seats = capacity()

    granted = [seats.take(URL, 4) for _ in range(4)]

    assert [one.count for one in granted] == [4, 4, 2, 0]
    assert [len(one.names) for one in granted] == [4, 4, 2, 0]
    assert seats.taken(URL) == 10


def test_what_is_given_back_is_free_for_all_workers():
    first, second = capacity(), capacity()
    taken = first.take(URL, 10)
    assert second.take(URL, 1).count == 0

    first.give_back(URL, list(taken.names[:3]))

    assert second.take(URL, 10).count == 3


def test_a_seat_that_is_given_back_twice_frees_one():
    seats = capacity()
    name = seats.take(URL, 10).names[0]

    seats.give_back(URL, [name])
    seats.give_back(URL, [name])

    assert seats.taken(URL) == 9


def test_servers_and_sorts_of_seats_are_counted_apart():
    capacity().take(URL, 10)

    assert capacity().take("http://other:2358", 10).count == 10
    assert capacity(most=1, what="low").take(URL, 5).count == 1
    assert capacity().taken_at([URL, "http://third", "http://other:2358"]) == {
        URL: 10,
        "http://third": 0,
        "http://other:2358": 10,
    }


def test_the_count_is_exact_under_sixteen_threads_that_take_and_give_back():
    most = 7
    seats = [capacity(most) for _ in range(4)]  # four processes with four threads each
    ready = threading.Barrier(THREADS)
    lock = threading.Lock()
    held, highest = 0, 0

    def work(number: int) -> None:
        nonlocal held, highest
        mine = seats[number % 4]
        ready.wait()
        for wanted in (1, 3, 2, 5, 1, 4, 2, 3):
            granted = mine.take(URL, wanted)
            with lock:
                held += granted.count
                highest = max(highest, held)
            time.sleep(0.001)
            with lock:
                held -= granted.count
            mine.give_back(URL, list(granted.names))

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(work, range(THREADS)))

    assert 1 < highest <= most
    assert seats[0].taken(URL) == 0


def test_seats_of_a_worker_that_died_come_free_by_themselves():
    seats = capacity()
    taken = seats.take(URL, 10)

    seats.keep(URL, list(taken.names[:6]), for_s=0.3)

    assert seats.taken(URL) == 10
    time.sleep(0.35)
    assert seats.taken(URL) == 4
    assert seats.take(URL, 10).count == 6


def test_seats_that_are_kept_stay_taken():
    seats = capacity()
    names = list(seats.take(URL, 10).names)
    seats.keep(URL, names, for_s=0.3)

    seats.keep(URL, names)
    time.sleep(0.35)

    assert seats.taken(URL) == 10


def test_a_seat_that_came_free_is_not_taken_again_by_keeping_it():
    """A worker that was frozen must not take what others have got meanwhile."""
    seats = capacity()
    names = list(seats.take(URL, 10).names)
    seats.give_back(URL, names)

    seats.keep(URL, names)

    assert seats.taken(URL) == 0


def test_nothing_is_left_behind_for_a_server_that_is_used_no_more():
    capacity().take(URL, 3)

    assert all(redis_client().pttl(key) > 0 for key in redis_client().keys("*"))


def test_without_redis_there_is_always_room():
    away = Capacity(Shared(redis.Redis.from_url("unix:///nowhere/redis.sock")), "runs", 1)

    granted = away.take(URL, 5)
    away.keep(URL, list(granted.names))
    away.give_back(URL, list(granted.names))

    assert granted == Seats(5)
    assert away.taken(URL) is None
