"""`manage.py smoke` against a running platform, through HTTP only."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from judgeplatform.stack import free_port
from tests.platform.running import manage


@contextmanager
def altered_answer(var: Path) -> Iterator[None]:
    """The last hidden case of “sum” has another answer meanwhile."""
    wrong = b"12345\n"
    digest = hashlib.sha256(wrong).hexdigest()
    with closing(sqlite3.connect(var / "db.sqlite3", isolation_level=None, timeout=20)) as database:
        pk, right = database.execute(
            "SELECT c.id, c.answer_id FROM questions_testcase c JOIN questions_question q ON q.id = c.question_id"
            " WHERE q.slug = 'sum' AND c.visibility = 'hidden' ORDER BY c.id DESC LIMIT 1"
        ).fetchone()
        database.execute("INSERT OR IGNORE INTO questions_blob VALUES (?, ?, ?)", (digest, len(wrong), wrong))
        database.execute("UPDATE questions_testcase SET answer_id = ? WHERE id = ?", (digest, pk))
        try:
            yield
        finally:
            database.execute("UPDATE questions_testcase SET answer_id = ? WHERE id = ?", (right, pk))


def test_on_a_good_platform_it_exits_0(platform):
    """S2.37, S2.38, S2.39: it finds the running platform and its key by itself."""
    smoke = manage("smoke", var=platform.var)
    assert smoke.returncode == 0, smoke.stdout + smoke.stderr
    assert [line.split()[0] for line in smoke.stdout.splitlines()] == ["ok", "ok", "ok", platform.url]


def test_when_one_expected_answer_is_altered_it_exits_with_another_code(platform):
    """S2.39"""
    with altered_answer(platform.var):
        smoke = manage("smoke", var=platform.var)
    assert smoke.returncode == 1
    assert "A right program for “sum” did not pass: WA" in smoke.stderr
    assert manage("smoke", var=platform.var).returncode == 0


def test_a_wrong_key_is_refused_in_one_sentence(platform):
    """S2.11"""
    smoke = manage("smoke", "--key", "not-the-key", var=platform.var)
    assert smoke.returncode == 1
    assert "401" in smoke.stderr
    assert "Traceback" not in smoke.stderr


def test_where_nothing_runs_it_says_so_in_one_sentence(tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    for key in ([], ["--key", "any"]):
        smoke = manage("smoke", "--url", url, *key, var=tmp_path)
        assert smoke.returncode == 1
        assert smoke.stderr == (
            f"CommandError: From here, nothing answers at {url}: "
            "bin/run starts the platform, --url names another address of it.\n"
        )


def test_without_any_key_it_says_that_one_is_needed(platform, tmp_path):
    smoke = manage("smoke", "--url", platform.url, var=tmp_path)
    assert smoke.returncode == 1
    assert smoke.stderr.startswith("CommandError: There is no CODE_EXEC_KEY")
