"""The platform as its files deploy it, on this machine: processes of their own, PostgreSQL, Redis and the engine."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployment import line_by_line
from tests.deployment.overlays import needs_kubectl
from tests.deployment.rehearsal import rehearse
from tests.platform.running import ROOT, clean_environment, leashed

OVERLAY = ROOT / "deploy" / "k8s" / "overlays" / "with-engine"


def rehearsed(path: Path) -> list[str]:
    """What it says on the way."""
    said: list[str] = []
    try:
        rehearse(path, said.append)
    finally:
        print(*said, sep="\n")
    return said


@pytest.mark.full
@pytest.mark.timeout(180)
def test_what_compose_starts_answers_its_probes_and_judges():
    """S2.44, S2.37"""
    said = rehearsed(ROOT / "docker-compose.yml")
    assert said[-1].endswith("judges as it should.")


@pytest.mark.full
@needs_kubectl
@pytest.mark.timeout(300)
def test_what_the_overlay_starts_answers_its_probes_and_judges():
    """S2.44 (in part): `with-engine`, by its own images, ConfigMaps, init containers, probes and hooks."""
    said = rehearsed(OVERLAY)
    assert said[-1].endswith("judges as it should.")


@pytest.mark.full
@pytest.mark.timeout(300)
def test_overloaded_stopped_and_killed_it_does_what_production_demands_line_by_line():
    """S1.42, S1.43, S2.10, S2.11, S2.23, S2.41; S2.4 (in part), S2.18 (in part), S2.40 (in part), S2.42 (in part)"""
    lines = line_by_line.shown(print)
    assert len(lines) == 8
    assert [line for line in lines if not line.holds] == []


@pytest.mark.full
@needs_kubectl
@pytest.mark.timeout(900)
def test_when_every_role_is_restarted_under_load_nothing_is_lost(tmp_path):
    """S2.25, S2.26: a little less load than the benchmark's own, so that this machine can judge it."""
    done = subprocess.run(
        leashed(sys.executable, "benchmarks/rolling.py", "--rate", "10"),
        cwd=ROOT,
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
