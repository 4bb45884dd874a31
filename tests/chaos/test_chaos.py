"""A platform of separate processes is broken in every way while learners submit; afterwards nothing is missing.

`python -m tests.chaos --seed N` does the same again, or something else.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.platform.running import ROOT, clean_environment, leashed


def tried(tmp_path: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """A process of its own: it needs Django set up with another database."""
    return subprocess.run(
        leashed(sys.executable, "-m", "tests.chaos", *options),
        cwd=ROOT,
        env=clean_environment(tmp_path / "var"),
        capture_output=True,
        text=True,
    )


@pytest.mark.timeout(300)
def test_whatever_breaks_every_submission_ends_once_as_it_would_have_undisturbed(tmp_path):
    """S0.15, S1.5 (in part), S1.45 (in part), S1.57: one fault of every kind, 30 programs."""
    done = tried(tmp_path, "--submissions", "30", "--faults", "10", "--gap", "1.5", "--seed", "9")
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_the_same_with_three_hundred_submissions_and_forty_faults(tmp_path):
    """S0.15, S1.5 (in part), S1.57 (in part): every kind of fault at everything that it can befall."""
    done = tried(tmp_path, "--submissions", "300", "--faults", "40", "--seed", "4")
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
