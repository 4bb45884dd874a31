"""Backups: made while the platform works, put back into an empty place, and everything goes on."""

import json
import os
import re
import stat
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from accounts.models import User
from execution import languages
from judgeplatform import stack
from questions.models import Blob
from submissions import judging, recovery, waiting
from submissions.connections import redis_client
from submissions.models import Submission
from tests.factories import PASSWORD, make_question, make_user
from tests.fakes import FakeJudge0, printed
from tests.platform.running import ROOT
from tests.stepwise import Stepwise, submit

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.both_databases,
    pytest.mark.usefixtures("_tools"),
]


@pytest.fixture
def judge0(backends):
    with FakeJudge0(lambda source, stdin: printed(stdin)) as fake:
        backends(fake.url)
        yield fake


def quietly(*arguments: str, **options) -> None:
    call_command(*arguments, stdout=open(os.devnull, "w"), **options)  # noqa: SIM115


def backup(path: Path) -> Path:
    quietly("backup", str(path))
    return path


def test_a_backup_made_while_submissions_are_judged_brings_all_of_them_to_their_end(
    elsewhere, judge0, work, tmp_path
):
    learner = make_user("ada")
    data = bytes(range(256)) * 200
    make_question(cases=[(data, data, True)])
    done, half, waiting = (submit(learner, [("1\n", "1\n", True), ("2\n", "2\n", False)]) for _ in range(3))
    Stepwise(done).to_the_end()
    begun = Stepwise(half)
    begun.claim()
    begun.case(1)
    with others_writing(learner):
        path = backup(tmp_path / "judge.zip")
    manifest = told_by(path)
    blobs = set(Blob.objects.values_list("sha256", "data"))

    with elsewhere():
        quietly("restore", str(path))
        assert {one.sha256 for one in Blob.objects.all()} == {sha256 for sha256, _ in blobs}
        assert {(one.sha256, bytes(one.data)) for one in Blob.objects.all()} == {
            (sha256, bytes(data)) for sha256, data in blobs
        }
        assert Submission.objects.count() == manifest["rows"]["submissions_submission"] >= 3
        assert Client().login(username="ada", password=PASSWORD)
        states = dict(Submission.objects.values_list("pk", "status"))
        assert [states[one.pk] for one in (done, half, waiting)] == ["done", "running", "queued"]
        redis_client().flushall()  # it is another one, and time has passed
        Submission.objects.unfinished().update(overdue_at=Now())
        recovery.sweep()
        work()
        assert set(Submission.objects.values_list("status", "verdict")) == {("done", "AC")}


class others_writing:  # noqa: N801
    """One who submits again and again, in a thread."""

    def __init__(self, learner: User) -> None:
        self.question = make_question(cases=[("1\n", "1\n", True)])
        self.learner = learner
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._write)

    def _write(self) -> None:
        try:
            while not self.stop.wait(0.002):
                judging.submit(
                    user=self.learner,
                    question=self.question,
                    language=languages.get("python"),
                    source="print(1)",
                )
        finally:
            connection.close()

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        self.thread.join()


def told_by(path: Path) -> dict:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("manifest.json"))


def test_a_backup_is_its_owners_alone_and_leaves_nothing_else_behind(tmp_path):
    path = backup(tmp_path / "judge.zip")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["judge.zip"]
    with pytest.raises(CommandError, match="is there already"):
        backup(path)
    with pytest.raises(
        CommandError, match=rf"^{tmp_path}/none/x.zip cannot be made: No such file or directory.$"
    ):
        backup(tmp_path / "none" / "x.zip")


def test_the_script_for_each_night_drops_what_is_too_old_only_once_there_is_a_new_one(tmp_path):
    folder, tools = tmp_path / "backups", tmp_path / "tools"
    folder.mkdir()
    tools.mkdir()
    for name, days in {"judge-old.zip": 16, "judge-young.zip": 13, "other-old.zip": 16}.items():
        (folder / name).touch()
        os.utime(folder / name, (then := time.time() - days * 86400, then))

    def nightly(command: str) -> int:
        (tools / "python").write_text(f"#!/bin/sh\n{command}\n")
        (tools / "python").chmod(0o755)
        paths = {"PATH": f"{tools}:{os.environ['PATH']}"}
        return subprocess.run([ROOT / "deploy/backup", folder, "14"], env=paths, timeout=60).returncode

    assert nightly("exit 1") == 1
    assert len(os.listdir(folder)) == 3
    assert nightly('test "$1 $2" = "manage.py backup" && : >"$3"') == 0
    (made,) = set(os.listdir(folder)) - {"judge-young.zip", "other-old.zip"}
    assert re.fullmatch(r"judge-[0-9-]{17}\.zip", made)


def test_the_documented_folder_for_containers_belongs_to_the_user_of_the_image():
    (user,) = re.findall(r"^USER (\d+):", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    words = (ROOT / "docs/data.md").read_text()
    assert re.findall(r"install -d -o (\d+) -m 0700 /backups", words) == [user]
    assert "--user" not in words


def refusal(*arguments: str) -> str:
    """What `restore` says; nothing has changed."""
    before = sorted(User.objects.values_list("username", flat=True))
    with pytest.raises(CommandError) as raised:
        quietly("restore", *arguments)
    assert sorted(User.objects.values_list("username", flat=True)) == before
    return str(raised.value)


@pytest.mark.usefixtures("keeping_no_connections")
def test_a_restore_changes_nothing_where_it_must_not(tmp_path):
    """There is data, somebody is at work, the file is damaged, of a newer release, or of another database."""
    make_user("ada")
    path = str(backup(tmp_path / "judge.zip"))
    make_user("alan")

    assert "is not empty" in refusal(path)
    with stack.hold_var(settings.VAR_DIR.resolve()):
        assert "already runs" in refusal(path, "--replace")
    assert "checksum is wrong" in refusal(changed(path, database=b"damaged"), "--replace")
    newer = [*told_by(Path(path))["migrations"], ["submissions", "9999_of_tomorrow"]]
    assert "does not know submissions.9999_of_tomorrow" in refusal(
        changed(path, migrations=newer), "--replace"
    )
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[connection.vendor]
    assert f"of {other}" in refusal(changed(path, told_database=other), "--replace")
    assert "cannot be read" in refusal(__file__, "--replace")
    assert "its manifest cannot be read" in refusal(changed(path, told="more"), "--replace")
    assert "its manifest cannot be read" in refusal(emptied(path), "--replace")
    fewer = told_by(Path(path))["rows"] | {"accounts_user": 1}
    assert "the rows that it should have: accounts_user." in refusal(changed(path, rows=fewer), "--replace")
    waiting.announce("worker-1", "low", 4)
    assert "Workers are there: worker-1. Stop" in refusal(path, "--replace")
    redis_client().flushall()
    if connection.vendor == "postgresql":
        with somebody_connected():
            assert "1 other sessions are connected" in refusal(path, "--replace")


@contextmanager
def somebody_connected() -> Iterator[None]:
    other = connection.copy()
    other.ensure_connection()
    try:
        yield
    finally:
        other.close()


def changed(path: str, database: bytes | None = None, told_database: str = "", **fields: object) -> str:
    """The same backup but for that."""
    with zipfile.ZipFile(path) as archive:
        manifest, snapshot = json.loads(archive.read("manifest.json")), archive.read("database")
    manifest |= fields | ({"database": told_database} if told_database else {})
    other = f"{path}.changed"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        archive.writestr("database", snapshot if database is None else database)
    return other


def emptied(path: str) -> str:
    """The same names, and nothing in them."""
    other = f"{path}.emptied"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("manifest.json", "")
        archive.writestr("database", "")
    return other


def test_replacing_throws_away_what_was_there_tables_of_a_newer_release_included(elsewhere, tmp_path):
    with elsewhere():
        quietly("migrate", verbosity=0)
        make_user("ada")
        path = str(backup(tmp_path / "judge.zip"))
        make_user("alan")
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE of_tomorrow (id integer)")

        quietly("restore", path, "--replace")

        assert "of_tomorrow" not in connection.introspection.table_names()
        assert set(User.objects.values_list("username", flat=True)) == {"ada", "code-exec", "system"}
        make_user("alan")  # the database can be written, and counts on
        assert Client().login(username="alan", password=PASSWORD)


def test_tools_that_are_missing_or_too_old_are_named(tmp_path, monkeypatch):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite needs no tools")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="pg_dump is not installed"):
        backup(tmp_path / "judge.zip")
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6'\n")
    old.chmod(0o755)
    with pytest.raises(CommandError, match=r"older than the server \(pg_dump \(PostgreSQL\) 9.6"):
        backup(tmp_path / "judge.zip")
    assert os.listdir(tmp_path) == ["pg_dump"]
