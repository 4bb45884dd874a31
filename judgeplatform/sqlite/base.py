"""SQLite for processes of many threads: the writers of one process wait for each other in line.

One transaction writes at a time. SQLite's own way to wait is to sleep and to try again, for up to 100 ms and in no
order: of 64 threads that judge, most slept while the file was free, two seconds of each submission's three (measured).
Between processes it is still SQLite that decides.

And a time that SQLite's clock has set equals the same one when it comes back as a parameter.
"""

import threading
from collections import defaultdict
from typing import Any

from django.db.backends.sqlite3 import base, operations
from django.db.utils import OperationalError

_turns: dict[Any, threading.Lock] = defaultdict(threading.Lock)  # by the database's file


class DatabaseOperations(operations.DatabaseOperations):
    def adapt_datetimefield_value(self, value: Any) -> Any:
        """As SQLite's own clock writes it, whose milliseconds have three digits: it compares times as texts."""
        text = super().adapt_datetimefield_value(value)
        if not isinstance(text, str):
            return text
        whole, _, fraction = text.partition(".")
        return f"{whole}.{fraction.removesuffix('000') or '000'}"


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, but that a transaction begins when it is this thread's turn, and ends it. (Stubs lack what it uses.)"""

    ops_class = DatabaseOperations
    _has_turn = False

    def _start_transaction_under_autocommit(self) -> None:
        seconds = self.settings_dict["OPTIONS"].get("timeout", 5)
        if not self._turn.acquire(timeout=seconds):
            raise OperationalError(f"database is locked: others of this process write for {seconds} s")
        self._has_turn = True
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._end_turn()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]
        self._end_turn()  # after an error it is the rollback that ends it

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._end_turn()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._end_turn()

    @property
    def _turn(self) -> threading.Lock:
        return _turns[self.settings_dict["NAME"]]

    def _end_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turn.release()
