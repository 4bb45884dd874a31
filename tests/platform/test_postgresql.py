"""Connections to PostgreSQL that nobody needs just now are kept, and used again as if they were new."""

import os
import signal
import threading
import time
from contextlib import suppress

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from judgeplatform.postgresql import base

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="about PostgreSQL"),
]


@pytest.fixture(autouse=True)
def room(monkeypatch):
    """For how many connections there is room; there are none yet."""
    connection.close()
    connection.close_pool()
    monkeypatch.setitem(connection.settings_dict, "IDLE_CONNECTIONS", 2)
    yield lambda most: monkeypatch.setitem(connection.settings_dict, "IDLE_CONNECTIONS", most)
    connection.close()
    connection.close_pool()


def asked(statement: str = "SELECT pg_backend_pid()"):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def in_threads(count, act):
    """What each has found; all of them have a connection at the same time."""
    found, together = [], threading.Barrier(count)

    def work():
        try:
            asked()
            together.wait(10)
            found.append(act())
            together.wait(10)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def sessions():
    return set(
        in_threads(
            1, lambda: asked("SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = current_database()")
        )[0]
    )


def test_what_one_thread_has_closed_another_one_uses():
    (first,) = in_threads(1, asked)
    (second,) = in_threads(1, asked)

    assert first == second == asked()


def test_with_room_for_none_each_is_made_anew(room):
    room(0)

    assert in_threads(1, asked) != in_threads(1, asked)


def test_no_more_are_kept_than_there_is_room_for():
    used = in_threads(5, asked)

    assert len(set(used)) == 5
    assert len(sessions()) == 2
    assert sessions() <= set(used)


def test_there_are_never_more_than_were_in_use_at_once(room):
    room(100)
    in_threads(3, asked)
    in_threads(2, asked)
    for _ in range(10):
        in_threads(1, asked)

    assert len(sessions()) == 3


def test_what_a_session_has_set_for_itself_is_not_the_next_ones():
    usual = asked("SHOW lock_timeout")
    asked("SET lock_timeout = 1")
    asked("SET default_transaction_read_only = on")
    asked("SET TIME ZONE 'Asia/Kolkata'")
    pid = asked()
    connection.close()

    assert (asked(), asked("SHOW lock_timeout"), asked("SHOW default_transaction_read_only")) == (
        pid,
        usual,
        "off",
    )
    assert asked("SHOW TimeZone") == "UTC"


def test_one_with_an_open_transaction_is_closed_and_what_it_did_is_undone():
    pid = asked()
    with suppress(DatabaseError), transaction.atomic():
        asked("CREATE TABLE unfinished ()")
        connection.close()

    assert asked() != pid
    assert asked("SELECT to_regclass('unfinished')") is None


def test_one_with_which_something_has_failed_is_closed():
    pid = asked()
    with pytest.raises(DatabaseError):
        asked("SELECT missing")
    connection.close()

    assert asked() != pid


def test_one_that_the_server_has_ended_is_nobodys_trouble():
    pids = in_threads(2, asked)
    asker = asked()
    (other,) = set(pids) - {asker}
    asked(f"SELECT pg_terminate_backend({other})")
    time.sleep(0.2)

    (found,) = in_threads(1, asked)

    assert found not in pids


def test_one_that_does_not_answer_is_waited_for_as_long_as_a_new_one(monkeypatch):
    (pid,) = in_threads(1, asked)
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "connect_timeout", 1)
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        with pytest.raises(OperationalError, match="has not answered for 1 s"):
            asked()
    finally:
        os.kill(pid, signal.SIGCONT)

    assert time.monotonic() - began < 3
    assert asked() != pid


@pytest.mark.parametrize("limit", ["AGE_S", "IDLE_S"])
def test_one_of_long_ago_is_closed(limit, monkeypatch):
    pid = asked()
    connection.close()
    monkeypatch.setattr(base, limit, 0.01)
    time.sleep(0.02)

    assert asked() != pid
    assert len(sessions()) == 2  # that one, and who asks


def test_a_forked_process_leaves_them_to_its_parent():
    (pid,) = in_threads(1, asked)
    child = os.fork()
    if not child:
        os._exit(0 if base.kept.take(("default", connection.settings_dict["NAME"])) is None else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert asked() == pid


def test_a_database_that_is_to_go_has_none():
    in_threads(2, asked)
    connection.close_pool()

    assert len(sessions()) == 1
