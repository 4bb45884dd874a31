"""A backup: one file, a zip of a snapshot of the database and of a manifest that tells what it is.

    manifest.json     when, of which database, which migrations, how many rows of each table, sha256 of the snapshot
    database          see `snapshots`

The file has its name once it is whole and has been read again. Before anything is replaced, the manifest is asked
whether this release can use it, the snapshot is checked against it, and nobody may be at work on the database; what
is put back must have the manifest's rows, or it is not kept.

Not in it: what Redis holds (code, input and output of runs for an hour; queued submissions are rows), SECRET_KEY and
the other settings.
"""

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from accounts.models import OWN_USERS, User
from judgeplatform import snapshots
from questions.models import Question
from submissions import waiting

FORMAT = 1
MANIFEST, SNAPSHOT = "manifest.json", "database"
CHUNK = 1024 * 1024


class CannotRestore(Exception):
    """A sentence for the operator. The database is as it was."""


@dataclass(frozen=True)
class Manifest:
    format: int
    made_at: str
    database: str
    migrations: list[list[str]]
    rows: Mapping[str, int]
    sha256: str

    @classmethod
    def read(cls, archive: zipfile.ZipFile) -> "Manifest":
        """Raises CannotRestore."""
        try:
            told = dict(json.loads(archive.read(MANIFEST)))
            if (found := told.get("format")) != FORMAT:
                raise CannotRestore(f"It has the format {found}; this release reads {FORMAT}.")
            return cls(**told)
        except (TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise CannotRestore(f"The file is damaged: its manifest cannot be read ({error}).") from error


def make(path: Path) -> Manifest:
    """Write the backup, for its owner only. Raises FileExistsError, OSError, SnapshotFailed; then there is none."""
    if path.exists():
        raise FileExistsError(f"{path} is there already.")
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as scratch:
        snapshot, unfinished = Path(scratch) / SNAPSHOT, Path(scratch) / path.name
        rows = snapshots.take(snapshot)
        manifest = Manifest(
            format=FORMAT,
            made_at=timezone.now().isoformat(timespec="seconds"),
            database=connection.vendor,
            migrations=sorted(map(list, MigrationRecorder(connection).applied_migrations())),
            rows=rows,
            sha256=_sha256_of(snapshot),
        )
        _pack(unfinished, manifest, snapshot)
        check(unfinished)
        _give_name(unfinished, path)
    return manifest


def check(path: Path) -> Manifest:
    """The manifest of a backup whose snapshot is what it says. Raises CannotRestore."""
    with _opened(path) as archive:
        manifest = Manifest.read(archive)
        with archive.open(SNAPSHOT) as packed:
            _copy(packed, None, manifest)
    return manifest


def restore(path: Path, *, replace: bool) -> Manifest:
    """Make the database what it was, then bring it up to this release.

    Raises CannotRestore (also where there is data already and it is not to be replaced) and SnapshotFailed; then it
    is as it was. Where only the last step fails, with an error of `migrate`, it has been put back.
    """
    with (
        _opened(path) as archive,
        tempfile.TemporaryDirectory(prefix="restore.", dir=settings.VAR_DIR) as scratch,
    ):
        manifest = Manifest.read(archive)
        _refuse_what_does_not_fit(manifest)
        if not replace and holds_data():
            raise CannotRestore("The database is not empty: --replace throws away what is in it.")
        _refuse_while_others_work()
        snapshot = Path(scratch) / SNAPSHOT
        with archive.open(SNAPSHOT) as packed, _made_for_its_owner(snapshot) as file:
            _copy(packed, file, manifest)
        snapshots.put_back(snapshot, manifest.rows)
    call_command("migrate", interactive=False, verbosity=0)
    return manifest


def holds_data() -> bool:
    """More than what migrations make."""
    tables = connection.introspection.table_names()
    if User._meta.db_table not in tables:
        return bool(tables)
    return User.objects.exclude(username__in=OWN_USERS).exists() or Question.objects.exists()


def _refuse_what_does_not_fit(manifest: Manifest) -> None:
    if manifest.database != connection.vendor:
        raise CannotRestore(f"It is of {manifest.database}; DATABASE_URL names {connection.vendor}.")
    unknown = _names(manifest.migrations) - set(MigrationLoader(None).disk_migrations)
    if unknown:
        app, name = sorted(unknown)[0]
        raise CannotRestore(f"It was made by a newer release: this one does not know {app}.{name}.")


def _refuse_while_others_work() -> None:
    """They would write what they know of the database of now into that of then."""
    if there := sorted(worker for lane in settings.RQ_QUEUES for worker in _crew(lane)):
        raise CannotRestore(
            f"Workers are there: {', '.join(there)}. Stop web and workers first; one that has ended still counts "
            f"for {waiting.ANNOUNCED_S} s."
        )
    if count := snapshots.count_sessions():
        raise CannotRestore(
            f"{count} other sessions are connected to the database: stop web and workers first."
        )


def _crew(lane: str) -> Iterable[str]:
    """Nobody where Redis is away: without it workers do not work, and it need not be there yet."""
    try:
        return waiting.crew(lane)
    except redis.RedisError:
        return ()


def _names(migrations: Iterable[list[str]]) -> set[tuple[str, str]]:
    return {(app, name) for app, name in migrations}


def _pack(path: Path, manifest: Manifest, snapshot: Path) -> None:
    """On the disk when this returns. What PostgreSQL writes is compressed already, and hardly grows."""
    with _made_for_its_owner(path) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=1))
            archive.write(snapshot, SNAPSHOT)
        file.flush()
        os.fsync(file.fileno())


def _give_name(unfinished: Path, path: Path) -> None:
    """On the disk too when this returns. Raises FileExistsError where somebody else was faster."""
    try:
        path.hardlink_to(unfinished)
    except FileExistsError:
        raise
    except OSError:  # some network disks know no links
        unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise CannotRestore(f"{path} cannot be read: {error}.") from error
    if {MANIFEST, SNAPSHOT} - set(archive.namelist()):
        archive.close()
        raise CannotRestore(f"{path} is no backup.")
    return archive


def _copy(packed: IO[bytes], file: IO[bytes] | None, manifest: Manifest) -> None:
    """Raises CannotRestore where it is not what the manifest says."""
    digest = hashlib.sha256()
    try:
        while chunk := packed.read(CHUNK):
            digest.update(chunk)
            if file is not None:
                file.write(chunk)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise CannotRestore(f"The file is damaged: {error}.") from error
    if digest.hexdigest() != manifest.sha256:
        raise CannotRestore("The file is damaged: its checksum is wrong.")


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _made_for_its_owner(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
