"""Packages that are imported and verified by the commands: each reference solution gets what its author wrote down."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.factories import service_user
from tests.packages import kit
from tests.packages.kit import LEGACY, VERSIONS
from tests.platform.test_verify_question import verify

PACKAGES = (kit.every_verdict, kit.subtasks, kit.checked, kit.guessing)
KEYS = ["path", "question", "imported", "cases", "solutions", "warnings", "error"]
VERDICTS = {
    "accepted/right.py": "AC",
    "accepted/right.cpp": "AC",
    "wrong_answer/minus.py": "WA",
    "wrong_answer/large.py": "WA",
    "time_limit_exceeded/large.py": "TLE",
    "run_time_error/crash.py": "RTE",
    "run_time_error/greedy.py": "MLE",
    "rejected/minus.py": "WA",
    "mixed/either.py": "WA",
    "mixed/flood.py": "OLE",
    "compiler_error/broken.c": "CE",
    "accepted/right.kt": None,
}


def imported(folder: Path) -> list[dict[str, Any]]:
    told = StringIO()
    call_command("import_package", str(folder), "--json", stdout=told)
    return [json.loads(line) for line in told.getvalue().splitlines()]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_solution_of_a_package_gets_what_its_author_wrote_down(version, tmp_path, engine) -> None:
    service_user("system")
    for write in PACKAGES:
        write(tmp_path / write.__name__.replace("_", ""), version)
    rows = imported(tmp_path)
    assert [list(row) for row in rows] == [KEYS] * len(PACKAGES)
    assert [(row["imported"], row["error"]) for row in rows] == [(True, None)] * len(PACKAGES)

    code, told, _ = verify("--all", "--json")
    found = {
        (one["question"], one["solution"].removeprefix("submissions/")): one
        for one in map(json.loads, told.splitlines())
    }
    assert [
        (*where, one["verdict"], one["expected"]) for where, one in found.items() if one["ok"] is False
    ] == []
    assert code == 0
    brute = {} if version == LEGACY else {"brute_force/large.py": "TLE"}
    judged = {name: one["verdict"] for (slug, name), one in found.items() if slug == "everyverdict"}
    assert judged == VERDICTS | brute
    part = "partially_accepted" if version == LEGACY else "partial"
    assert found["subtasks", f"{part}/small.py"]["score"] == 30
    assert found["subtasks", "accepted/right.py"]["score"] == 100
    assert found["checked", "wrong_answer/minus.py"]["decided_by"] == "sample/1"
    assert found["guessing", "wrong_answer/one_by_one.py"]["verdict"] == "WA"
