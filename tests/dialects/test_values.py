"""One stored pair, status and verdict, in the words of each contract; numbers and messages as each wants them."""

from datetime import UTC, datetime

import pytest

from execution.types import Verdict
from submissions import disclosure
from submissions.dialects import s0, s1, s3, s4, values
from submissions.disclosure import untold
from submissions.models import VERDICTS, Submission

TABLE = [
    ("queued", None, "queued", "queued", "pending"),
    ("running", None, "running", "running", "running"),
    ("done", "AC", "passed", "done", "completed"),
    *(("done", verdict, "failed", "done", "completed") for verdict in VERDICTS if verdict != "AC"),
    ("error", None, "error", "error", "error"),
]


def test_the_table_has_every_pair_of_status_and_verdict():
    pairs = {(status, verdict) for status, verdict, *_ in TABLE}

    assert {status for status, _ in pairs} == set(Submission.Status)
    assert {verdict for _, verdict in pairs if verdict} == set(Verdict) - {Verdict.SK}


@pytest.mark.parametrize(("status", "verdict", "v0", "v1", "v4"), TABLE)
def test_each_contract_has_its_own_word_for_each_status(status, verdict, v0, v1, v4):
    """C1, C2, S1.26, S4.13"""
    row = Submission(status=status, verdict=verdict, language="python", source_bytes=1)
    row.created_at = datetime.now(UTC)
    state, detail = disclosure.state(row), untold(row)

    assert (values.v0_status(state), values.v1_status(state), values.v4_status(state)) == (v0, v1, v4)
    assert s0.told(detail)["status"] == v0
    assert s1.told(detail, user_id=1)["status"] == values.s1_message("1", state)["status"] == v1
    assert s3.item(detail)["status"] == v1
    assert s4.told(detail, user_id="1")["status"] == v4
    assert values.s4_message("1", state)["data"]["status"] == v4


@pytest.mark.parametrize(
    ("score", "whole"),
    [(None, None), (0.0, 0), (33.33, 33), (49.5, 50), (99.99, 99), (99.4, 99), (100.0, 100)],
)
def test_a_score_is_rounded_but_only_all_of_it_is_a_hundred(score, whole):
    """C9"""
    assert values.whole(score) == whole


@pytest.mark.parametrize(
    ("ms", "seconds"), [(None, None), (0, "0.00s"), (50, "0.05s"), (1234, "1.23s"), (65_000, "65.00s")]
)
def test_times_are_seconds_with_two_places(ms, seconds):
    """C11, S4.17"""
    assert values.seconds(ms) == seconds


@pytest.mark.parametrize(
    ("kib", "megabytes"), [(None, None), (0, "0.0MB"), (2150, "2.1MB"), (262_144, "256.0MB")]
)
def test_memory_is_megabytes_with_one_place(kib, megabytes):
    """C11, S4.17"""
    assert values.megabytes(kib) == megabytes


def test_moments_are_utc_with_a_z_and_milliseconds():
    """S4.17"""
    assert values.instant(datetime(2025, 6, 22, 10, 30, 2, 1999, UTC)) == "2025-06-22T10:30:02.001Z"
    assert values.instant(None) is None


def case(verdict, **more):
    names = {"TLE": "Time limit exceeded", "RTE": "Runtime error", "CE": "Compile error"}
    return {"verdict": verdict, "verdict_name": names.get(verdict, ""), "stderr": ""} | more


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (case("AC"), ""),
        (case("AC", stderr="debug"), "debug"),
        (case("WA"), ""),
        (case("RTE", stderr="Traceback"), "Traceback"),
        (case("RTE", exit_code=3, signal=None), "Runtime error (exit code 3)"),
        (case("RTE", exit_code=None, signal=11), "Runtime error (signal 11)"),
        (case("TLE"), "Time limit exceeded"),
        (case("TLE", stderr="step 1\n"), "Time limit exceeded\nstep 1"),
        (case("CE"), "the compiler's words"),
    ],
)
def test_what_went_wrong_is_told_in_the_programs_words_or_in_ours(told, error):
    assert values.case_error(told, "the compiler's words") == error
