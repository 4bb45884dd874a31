"""Databases beside the test's own, which commands and workers of this process use for a while."""

import gzip
import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.data.tools import HERE, POSTGRES_TOOLS

_numbers = itertools.count(1)

Elsewhere = Callable[[], Any]


@contextmanager
def _in_database(name: str) -> Iterator[None]:
    """Also of threads that begin meanwhile: their connections are made from the same settings."""
    own = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = own


@contextmanager
def _postgres_database() -> Iterator[str]:
    name = f"elsewhere_{os.getpid()}_{next(_numbers)}"
    _as_owner(f"CREATE DATABASE {name}")
    try:
        yield name
    finally:
        _as_owner(f"DROP DATABASE {name} WITH (FORCE)")


def _as_owner(sql: str) -> None:
    given = connection.get_connection_params() | {"autocommit": True}
    with psycopg.connect(
        **{key: given[key] for key in given if key not in ("cursor_factory", "context")}
    ) as link:
        link.execute(sql)


@pytest.fixture
def elsewhere(transactional_db: None, tmp_path: Path) -> Elsewhere:
    """An empty database, used instead of the test's own inside of `with elsewhere():`."""

    @contextmanager
    def empty() -> Iterator[None]:
        if connection.vendor == "sqlite":
            with _in_database(str(tmp_path / f"{next(_numbers)}.sqlite3")):
                yield
            return
        with _postgres_database() as name, _in_database(name):
            yield

    return empty


@pytest.fixture
def _tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's, of the server's release."""
    monkeypatch.setenv("PATH", str(POSTGRES_TOOLS), prepend=os.pathsep)


def load_release(name: str) -> None:
    """The database as that release left it, into one that is empty."""
    packed = HERE / f"release-{name}.{connection.vendor}.sql.gz"
    sql = gzip.decompress(packed.read_bytes()).decode()
    if connection.vendor == "sqlite":
        link = sqlite3.connect(connection.settings_dict["NAME"])
        link.executescript(sql)
        link.close()
        return
    connection.ensure_connection()
    connection.connection.execute(sql)
    connection.close()  # the script leaves settings of its own behind
