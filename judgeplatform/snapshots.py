"""The whole database as one file, and back: SQLite by its own backup, PostgreSQL by pg_dump and psql.

A snapshot is the database at one moment, taken while others go on writing. Putting one back replaces everything that
is there, in one transaction, at whose end each table must have the rows that it should have: whatever fails, all stays
as it was.
"""

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from django.db import connection, transaction
from psycopg import pq, sql

SQLITE, POSTGRES = "sqlite", "postgresql"
LOCK_TIMEOUT = "-c lock_timeout=5000"
OTHER_ROWS = "It does not have the rows that it should have"
NOT_FOR_TOOLS = {b"options", b"client_encoding"}


class SnapshotFailed(Exception):
    """One or two sentences for the operator: what is in the way, and what to do."""


def take(file: Path) -> dict[str, int]:
    """Write the snapshot; how many rows each table has in it. Raises SnapshotFailed."""
    return _take_from_sqlite(file) if connection.vendor == SQLITE else _take_from_postgres(file)


def put_back(file: Path, rows: Mapping[str, int]) -> None:
    """Make the database what it was: so many rows in each table. Raises SnapshotFailed; then nothing has changed."""
    if connection.vendor == SQLITE:
        _put_back_into_sqlite(file, rows)
    else:
        _put_back_into_postgres(file, rows)
    connection.close()


def count_sessions() -> int:
    """How many sessions beside ours, of the same user, are connected to the database; SQLite does not know."""
    if connection.vendor == SQLITE:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def count_rows() -> dict[str, int]:
    """Of each table, now."""
    with connection.cursor() as cursor:
        return {
            table: _count(cursor, table) for table in sorted(connection.introspection.table_names(cursor))
        }


def _count(cursor: Any, table: str) -> int:
    cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608 (the name is the database's)
    return int(cursor.fetchone()[0])


# --- SQLite --------------------------------------------------------------------------------------------------


def _take_from_sqlite(file: Path) -> dict[str, int]:
    connection.ensure_connection()
    snapshot = sqlite3.connect(file)
    try:
        connection.connection.backup(snapshot)  # in one step: nobody writes between two of them
        snapshot.execute("PRAGMA journal_mode=DELETE")  # one file
        _check(snapshot)
        tables = sorted(connection.introspection.table_names())
        return {table: _count(snapshot.cursor(), table) for table in tables}
    except sqlite3.Error as error:
        raise SnapshotFailed(f"SQLite says: {error}.") from error
    finally:
        snapshot.close()


def _put_back_into_sqlite(file: Path, rows: Mapping[str, int]) -> None:
    """SQLite's backup is one transaction of the database that is written; readers see the old one until it ends."""
    connection.ensure_connection()
    snapshot = sqlite3.connect(file)
    try:
        _check(snapshot)
        _compare(snapshot, rows)
        snapshot.backup(connection.connection)
    except sqlite3.Error as error:
        raise SnapshotFailed(f"SQLite says: {error}.") from error
    finally:
        snapshot.close()


def _check(snapshot: sqlite3.Connection) -> None:
    """Raises SnapshotFailed where the file is damaged; sqlite3.Error where it is no database."""
    if (found := snapshot.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
        raise SnapshotFailed(f"SQLite finds the database damaged: {found}.")


def _compare(snapshot: sqlite3.Connection, rows: Mapping[str, int]) -> None:
    tables = snapshot.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence'"
    )
    found = {table: _count(snapshot.cursor(), table) for (table,) in tables.fetchall()}
    if wrong := sorted({table for table, _ in found.items() ^ rows.items()}):
        raise SnapshotFailed(f"{OTHER_ROWS}: {', '.join(wrong)}.")


# --- PostgreSQL ----------------------------------------------------------------------------------------------


def _take_from_postgres(file: Path) -> dict[str, int]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # it waits for pg_dump
        cursor.execute("SELECT pg_export_snapshot()")
        name = cursor.fetchone()[0]
        _run(
            "pg_dump",
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            f"--snapshot={name}",
            f"--file={file}",
        )
        counts = count_rows()
    _run("pg_restore", "--list", str(file))
    return counts


def _put_back_into_postgres(file: Path, rows: Mapping[str, int]) -> None:
    """Not by `pg_restore --clean`, which would leave tables that a newer release has added."""
    script = file.with_suffix(".sql")
    _run("pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(file))
    quote = connection.ops.quote_name
    tables = ", ".join(map(quote, connection.introspection.table_names()))
    drop = [f"--command=DROP TABLE {tables} CASCADE"] if tables else []
    _run(
        "psql",
        "--no-psqlrc",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--set=VERBOSITY=terse",
        "--single-transaction",
        *drop,
        f"--file={script}",
        "--command=RESET search_path",  # the script has emptied it
        f"--command={_comparison(rows)}",
    )


def _comparison(rows: Mapping[str, int]) -> str:
    """A statement that fails where a table has other rows, or is not there."""
    told = [
        sql.SQL("({}, {}, (SELECT count(*) FROM {}))").format(table, count, sql.Identifier(table))
        for table, count in sorted(rows.items())
    ]
    block = sql.SQL(
        "DECLARE wrong text := (SELECT string_agg(name, ', ') FROM (VALUES {}) AS counts (name, told, counted)"
        " WHERE told <> counted); BEGIN IF wrong IS NOT NULL THEN RAISE EXCEPTION '%: %.', {}, wrong; END IF; END"
    ).format(sql.SQL(", ").join(told), OTHER_ROWS)
    return sql.SQL("DO {}").format(block.as_string()).as_string()


def _run(tool: str, *arguments: str) -> None:
    """With the database and its password in the environment: others see the arguments of a process."""
    path = _find(tool)
    ended = subprocess.run(
        [path, *arguments], env=_environment(), capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise SnapshotFailed(f"{tool} failed: {_last_line(ended.stderr)}")


def _find(tool: str) -> str:
    """A tool that is at least as new as the server: an older one refuses, or writes what cannot be read."""
    path = shutil.which(tool)
    if path is None:
        raise SnapshotFailed(f"{tool} is not installed: it comes with the package postgresql-client.")
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+", said)
    connection.ensure_connection()
    server = cast(Any, connection).pg_version // 10000
    if found is None or int(found[0]) < server:
        raise SnapshotFailed(f"{tool} is older than the server ({said.strip()}; the server is {server}).")
    return path


def _environment() -> dict[str, str]:
    """What the tools know of a connection under names of their own, such as PGHOST and PGPASSWORD."""
    given = connection.get_connection_params()
    known = {one.keyword: one.envvar for one in pq.Conninfo.get_defaults() if one.envvar}
    named = {
        envvar.decode(): str(given[keyword.decode()])
        for keyword, envvar in known.items()
        if keyword not in NOT_FOR_TOOLS and given.get(keyword.decode()) not in (None, "")
    }
    return dict(os.environ) | named | {"PGOPTIONS": LOCK_TIMEOUT}


def _last_line(words: str) -> str:
    lines: Sequence[str] = words.strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing."
