"""What a submission is called in the words of each dialect: statuses, numbers, messages. No rows, no requests.

    ours      queued    running   done, AC    done, else   error
    v0 (S0)   queued    running   passed      failed       error
    v1 (S1)   queued    running   done        done         error
    v4 (S4)   pending   running   completed   completed    error

A `state` is what `disclosure.state` gives (summaries, details and events carry it); a `detail` what `disclosure.detail`
does, so that nothing is told here that may not be told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from execution.types import Verdict
from submissions.models import Submission

Status = Submission.Status
State = Mapping[str, Any]
Detail = Mapping[str, Any]

V4 = {
    Status.QUEUED: "pending",
    Status.RUNNING: "running",
    Status.DONE: "completed",
    Status.ERROR: "error",
}
STOPPED = (Verdict.TLE, Verdict.MLE, Verdict.OLE)


def v0_status(state: State) -> str:
    return str(state["outcome"] or state["status"])


def v1_status(state: State) -> str:
    return str(state["status"])


def v4_status(state: State) -> str:
    return V4[Status(state["status"])]


def whole(score: float | None) -> int | None:
    """Of a hundred, to the nearest; rounding alone never makes it 100."""
    if score is None:
        return None
    rounded = int(Decimal(str(score)).quantize(Decimal(1), ROUND_HALF_UP))
    return rounded if score >= 100 else min(rounded, 99)


def seconds(ms: int | None) -> str | None:
    """0.05s"""
    return None if ms is None else f"{ms / 1000:.2f}s"


def megabytes(kib: int | None) -> str | None:
    """2.1MB"""
    return None if kib is None else f"{kib / 1024:.1f}MB"


def instant(moment: datetime | None) -> str | None:
    """2025-06-22T10:30:00.000Z"""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Texts:
    """What a program printed, and what it complained about or why it was stopped.

    None where that is not known (yet), or not told of what is graded.
    """

    output: str | None = None
    error: str | None = None


UNTOLD = Texts()


def texts(detail: Detail) -> Texts:
    """Of a run, those of the case that speaks for it. Of what is graded, only the compiler's words and ours."""
    if detail["status"] == Status.ERROR:
        return Texts(error=detail["message"])
    if detail["kind"] != Submission.Kind.RUN:
        return Texts(error=detail["compile_output"] if detail["verdict"] == Verdict.CE else None)
    case = _speaker(detail["results"])
    if case is None or not detail["final"]:
        return UNTOLD
    return Texts(case["output"], case_error(case, detail["compile_output"]))


def _speaker(results: list[dict[str, Any]]) -> dict[str, Any] | None:
    """One's own input before the question's cases, the first failure before what went well."""
    told = [case for case in results if "output" in case]
    own = [case for case in told if case["own_input"]] or told
    failed = [case for case in own if case["verdict"] != Verdict.AC]
    return next(iter(failed or own), None)


def first_failure(detail: Detail) -> Mapping[str, Any] | None:
    return next((case for case in detail["results"] if case["verdict"] not in (Verdict.AC, Verdict.SK)), None)


def case_error(case: Mapping[str, Any], compile_output: str) -> str:
    """What a program complained about, or why it was stopped; empty where it did its work without a word."""
    verdict, stderr = Verdict(case["verdict"]), str(case.get("stderr", ""))
    if verdict is Verdict.CE:
        return compile_output or str(case["verdict_name"])
    if verdict is Verdict.RTE:
        return stderr or _ending(case)
    if verdict in STOPPED:
        return f"{case['verdict_name']}\n{stderr}".rstrip()
    return stderr


def _ending(case: Mapping[str, Any]) -> str:
    """How a program ended that said nothing about it."""
    if case.get("signal"):
        return f"{case['verdict_name']} (signal {case['signal']})"
    return f"{case['verdict_name']} (exit code {case.get('exit_code')})"


def s1_message(job_id: UUID | str, state: State, texts: Texts = UNTOLD) -> dict[str, Any]:
    """What a follower of S1 hears (websocket and stream)."""
    return {
        "job_id": str(job_id),
        "status": v1_status(state),
        "score": whole(state["score"]),
        "stdout": texts.output,
        "stderr": texts.error,
    }


def s4_message(execution_id: UUID | str, state: State, texts: Texts = UNTOLD) -> dict[str, Any]:
    """What a follower of S4 hears."""
    return {
        "type": "execution_update",
        "execution_id": str(execution_id),
        "data": {
            "status": v4_status(state),
            "output": texts.output,
            "error_output": texts.error,
            "execution_time": seconds(state["time_ms"]),
        },
    }
