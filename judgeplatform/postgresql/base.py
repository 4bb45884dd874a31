"""PostgreSQL for those who hold no connection while they wait: a few that nobody needs just now are kept, to be used
again.

Making a connection costs the server a process, and both sides a proof that the password is known. For a submission
that happened six times: a third of what it cost PostgreSQL (measured).

    close()      kept, where it is in order, outside a transaction, and there is room; else closed
    connect()    the one that was kept last and answers; else a new one, as if there were none

Nobody waits for one, and there are never more than have been in use at once: how many that may be does not change.
One that is taken up again is as new: within `connect_timeout` the server has reset whatever a session may set.

Why not psycopg_pool, by Django's `pool` option (measured with 3.3.3): while the server is away each request waits out
the pool's timeout for its 503 (5 s, here 0.02 s), and after a restart so do the next few, with the server back. And
nothing limits its wait for a server that is frozen, and a forked process uses its parent's connections.
"""

import atexit
import os
import select
import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg.pq import ExecStatus, TransactionStatus

IDLE_S = 60.0
AGE_S = 300.0  # by then what the server's operator has changed for new sessions holds for all
ANSWERS_WITHIN_S = 5.0  # where `connect_timeout` does not say it

Connection = psycopg.Connection[Any]


class NoAnswer(psycopg.OperationalError):
    """The server is frozen, or cannot be reached."""


@dataclass(frozen=True)
class Resting:
    connection: Connection
    made_at: float
    since: float = field(default_factory=time.monotonic)

    @property
    def is_old(self) -> bool:
        now = time.monotonic()
        return now > self.since + IDLE_S or now > self.made_at + AGE_S


class Kept:
    """This process's connections that nobody uses, by the database that they are to."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """For a process that has been forked: what it inherits is its parent's, and psycopg leaves it open."""
        self._lock = threading.Lock()
        self._resting: dict[Hashable, list[Resting]] = {}

    def put(self, database: Hashable, one: Resting, most: int) -> bool:
        """Whether there is room for it."""
        with self._lock:
            there = self._resting.setdefault(database, [])
            old = [other for other in there if other.is_old]
            there[:] = [other for other in there if other not in old]
            has_room = len(there) < most and not one.is_old
            if has_room:
                there.append(one)
        _close(old)
        return has_room

    def take(self, database: Hashable) -> Resting | None:
        with self._lock:
            there = self._resting.get(database, [])
            old = [other for other in there if other.is_old]
            there[:] = [other for other in there if other not in old]
            found = there.pop() if there else None
        _close(old)
        return found

    def close(self) -> None:
        with self._lock:
            old = [one for there in self._resting.values() for one in there]
            self._resting.clear()
        _close(old)


def _close(ones: list[Resting]) -> None:
    for one in ones:
        one.connection.close()


kept = Kept()
atexit.register(kept.close)
os.register_at_fork(after_in_child=kept.forget)


def is_as_new(connection: Connection, within_s: float) -> bool:
    """Whether the server has reset it; not, where it has ended it. Raises NoAnswer."""
    server = connection.pgconn
    looking = select.poll()
    deadline = time.monotonic() + within_s
    try:
        looking.register(server.socket, select.POLLIN)
        server.send_query(b"RESET ALL")
        server.flush()
        while server.is_busy():
            if not looking.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise NoAnswer(f"the server has not answered for {within_s:g} s")
            server.consume_input()
        answer = server.get_result()
        return answer is not None and answer.status == ExecStatus.COMMAND_OK and server.get_result() is None
    except NoAnswer:
        raise
    except psycopg.OperationalError:
        return False


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, but for where connections come from and go to. (Stubs lack what it uses.)"""

    _made_at = 0.0

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        within_s = float(conn_params.get("connect_timeout", ANSWERS_WITHIN_S))
        while self._most and (one := kept.take(self._database)):
            try:
                if is_as_new(one.connection, within_s):
                    self._made_at = one.made_at
                    return one.connection
            except NoAnswer:
                one.connection.close()
                raise
            one.connection.close()
        self._made_at = time.monotonic()
        made: Connection = super().get_new_connection(conn_params)
        return made

    def _close(self) -> None:
        if not self._is_kept():
            super()._close()  # type: ignore[misc]

    def _is_kept(self) -> bool:
        connection: Connection | None = self.connection
        return (
            connection is not None
            and not self.errors_occurred
            and connection.pgconn.transaction_status == TransactionStatus.IDLE
            and kept.put(self._database, Resting(connection, self._made_at), self._most)
        )

    def close_pool(self) -> None:
        """Django calls it where a database is to go that somebody may still be connected to."""
        kept.close()
        super().close_pool()

    @property
    def _most(self) -> int:
        is_of_a_database = self.alias != NO_DB_ALIAS
        return int(self.settings_dict.get("IDLE_CONNECTIONS", 0)) if is_of_a_database else 0

    @property
    def _database(self) -> Hashable:
        return self.alias, self.settings_dict["NAME"]
