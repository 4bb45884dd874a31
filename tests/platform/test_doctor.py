"""`manage.py doctor`: what works, what does not, and what to do about it."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from judgeplatform.management.commands import doctor
from judgeplatform.stack import free_port
from submissions import lifecycle, waiting
from submissions.models import Submission
from tests.factories import make_user
from tests.platform.running import manage


def findings(stdout: str) -> dict[str, tuple[str, str]]:
    """About what → ok, off or PROBLEM, and the words."""
    rows = [line.split(maxsplit=2) for line in stdout.splitlines()]
    return {about: (state, text) for state, about, text in rows}


def test_beside_a_running_platform_everything_is_ok(platform):
    doctor = manage("doctor", var=platform.var)
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    found = findings(doctor.stdout)
    assert {
        "platform",
        "sandbox",
        "languages",
        "data",
        "disk",
        "database",
        "migrations",
        "clock",
        "redis",
        "backend",
        "workers",
        "queue",
    } <= set(found)
    assert found["redis"] == ("ok", "answers")
    assert found["backend"] == ("ok", f"{platform.started()['JUDGE0_URLS']} answers")


def test_before_the_first_start_what_is_yet_to_start_is_off_and_no_fault(tmp_path):
    doctor = manage("doctor", var=tmp_path / "var")
    found = findings(doctor.stdout)
    off = {about for about, (state, _) in found.items() if state == "off"}
    assert off - {"languages"} == {
        "platform",
        "migrations",
        "redis",
        "backend",
        "workers",
    }  # some could always be added
    assert found["platform"][1] == "the platform is not running; bin/run starts it"
    assert doctor.returncode == 0, doctor.stdout


def test_it_says_who_writes_hints_and_no_key_or_address(settings):
    settings.HINTS_PROVIDER = "none"
    (rules,) = doctor.hints()
    settings.HINTS_PROVIDER, settings.OPENAI_MODEL = "openai", "toy"
    settings.OPENAI_API_KEY = "sk-secret"
    settings.OPENAI_BASE_URL = "http://user:secret@127.0.0.1:8080/v1?key=secret"
    (model,) = doctor.hints()
    settings.OPENAI_BASE_URL = "http://["
    (broken,) = doctor.hints()

    assert rules.text == "written by rules"
    assert model.text == "written by toy at 127.0.0.1"
    assert "[" not in broken.text


def test_what_a_killed_platform_left_does_not_count_as_running(tmp_path):
    (tmp_path / "up.lock").write_text("1")
    (tmp_path / "up.env").write_text(
        f"REDIS_URL=unix://{tmp_path}/gone.sock\nJUDGE0_URLS=http://127.0.0.1:9\n"
    )
    found = findings(manage("doctor", var=tmp_path).stdout)
    assert found["platform"][0] == found["redis"][0] == found["backend"][0] == "off"


def test_a_database_of_ones_own_without_migrations_is_a_problem(tmp_path):
    doctor = manage("doctor", var=tmp_path / "var", DATABASE_URL=f"sqlite:///{tmp_path / 'other.sqlite3'}")
    assert findings(doctor.stdout)["migrations"][0] == "PROBLEM"
    assert doctor.returncode == 1


def test_what_does_not_answer_is_named_with_what_to_do(platform):
    """S2.17"""
    port = free_port()
    doctor = manage(
        "doctor",
        var=platform.var,
        REDIS_URL=f"redis://127.0.0.1:{port}/0",
        JUDGE0_URLS=f"http://127.0.0.1:{port}",
    )
    found = findings(doctor.stdout)
    assert doctor.returncode == 1
    assert found["redis"][0] == "PROBLEM"
    assert "check REDIS_URL" in found["redis"][1]
    assert found["backend"][0] == "PROBLEM"
    assert "check JUDGE0_URLS" in found["backend"][1]
    assert found["database"][0] == "ok"


def test_a_database_that_does_not_answer_is_a_finding_and_no_traceback(tmp_path):
    nobody = f"postgres://nobody@127.0.0.1:{free_port()}/none"
    doctor = manage("doctor", var=tmp_path / "var", DATABASE_URL=nobody)
    assert doctor.returncode == 1
    assert findings(doctor.stdout)["database"][0] == "PROBLEM"
    assert "Traceback" not in doctor.stderr


@pytest.mark.django_db
def test_a_queue_that_nobody_judges_and_one_that_does_not_move_are_problems():
    waiting.announce("worker-of-low", "low", 2)
    submission = lifecycle.create(
        kind="run", user=make_user(), question=None, language="python", source_bytes=0
    )
    Submission.objects.filter(pk=submission.pk).update(created_at=Now() - timedelta(minutes=5))

    default, low, hints = doctor.workers()
    of_default, of_low = doctor.queues()

    assert (default.state, low.state, hints.state) == ("PROBLEM", "ok", "PROBLEM")
    assert default.text == "none serves the queue “default”: start manage.py judge_worker --queue default"
    assert hints.text.endswith("start manage.py hints_worker")
    assert low.text == "“low”: 1, for 2 at once"
    assert (of_default.state, of_low.state) == ("PROBLEM", "ok")
    assert of_default.text.startswith("“default”: 1 in line, the first for 5 min: ")
