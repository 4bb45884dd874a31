"""What may be told of a submission: the one place that decides it, for API, sockets and pages alike.

Of a hidden case: index, group, points, verdict, time, memory and, if the question allows it, the class of
difference. Never input, answer, output, the checker's words, stderr, exit code or signal: a program can put its
input into any of them.
"""

from typing import Any

from django.urls import reverse

from execution.types import VERDICT_NAMES, Verdict
from questions.models import Blob, TestCase
from submissions import ephemeral
from submissions.models import CaseResult, Submission

TEXT_CAP = 64 * 1024


def state(submission: Submission) -> dict[str, Any]:
    """Where it stands; the part that every event carries."""
    return {
        "status": submission.status,
        "verdict": submission.verdict,
        "outcome": submission.outcome,
        "score": None if submission.score is None else float(submission.score),
        "reason": submission.reason,
        "message": submission.message,
        "retryable": submission.status == Submission.Status.ERROR,
        "final": submission.is_final,
        "attempt": submission.attempt,
        "cases": {
            "total": submission.cases_total,
            "judged": submission.cases_judged,
            "passed": submission.cases_passed,
        },
        "time_ms": submission.time_ms,
        "memory_kib": submission.memory_kib,
    }


def summary(submission: Submission) -> dict[str, Any]:
    """As it stands in a list."""
    question = submission.question
    return {
        "id": str(submission.pk),
        "kind": submission.kind,
        "question": question and {"id": str(question.pk), "slug": question.slug, "title": question.title},
        "language": submission.language,
        "seq": submission.seq,
        **state(submission),
        "created_at": submission.created_at,
        "started_at": submission.started_at,
        "finished_at": submission.finished_at,
        "source_bytes": submission.source_bytes,
        "url": reverse("submission", args=[submission.pk]),
    }


def detail(submission: Submission) -> dict[str, Any]:
    """All that its owner may see. A run's code and texts are null and missing once they have expired."""
    source, compile_output, own_input, texts = _texts(submission)
    public_now = _public_data(submission)
    results = []
    for result in submission.case_results.all():
        shown = case(result, submission)
        if result.public:
            shown |= _public_part(result, texts.get(result.index), public_now, own_input)
        results.append(shown)
    return summary(submission) | {
        "source": source,
        "compile_output": compile_output,
        "results": results,
    }


def case(result: CaseResult, submission: Submission) -> dict[str, Any]:
    """One case without texts: safe to send anywhere its owner is."""
    question = submission.question
    explained = result.public or (question is not None and question.explain_hidden)
    return {
        "index": result.index,
        "group": result.group,
        "points": float(result.points),
        "earned": float(result.earned),
        "public": result.public,
        "verdict": result.verdict,
        "verdict_name": VERDICT_NAMES[Verdict(result.verdict)],
        "time_ms": result.time_ms,
        "memory_kib": result.memory_kib,
        "difference": (result.difference or None) if explained else None,
    }


def _texts(
    submission: Submission,
) -> tuple[str | None, str, bytes | None, dict[int, ephemeral.CaseTexts]]:
    """Source, compiler output, a run's own input, and the texts of its cases."""
    if submission.kind != Submission.Kind.RUN:
        return submission.source, submission.compile_output, None, {}
    kept = ephemeral.load(submission.pk)
    if kept is None:
        return None, "", None, {}
    cases = ephemeral.load_cases(submission.pk)
    return kept.source.decode(), text(kept.compile_output), kept.input, cases


def _public_data(submission: Submission) -> dict[tuple[str, str], str]:
    """(input, answer) digests of the cases that are public now, with their note."""
    if submission.question is None:
        return {}
    cases = TestCase.objects.public().filter(question=submission.question)
    return {(case.input_id, case.answer_id): case.note for case in cases}


def _public_part(
    result: CaseResult,
    kept: ephemeral.CaseTexts | None,
    public_now: dict[tuple[str, str], str],
    own_input: bytes | None,
) -> dict[str, Any]:
    """Texts of a case that was public when it was judged; empty if the author has hidden it since."""
    is_own = not result.input_sha256
    key = (result.input_sha256, result.answer_sha256)
    if not is_own and key not in public_now:
        return {}
    if kept is None:
        output, stderr = bytes(result.output), bytes(result.stderr)
        difference_message = result.difference_message
    else:
        output, stderr, difference_message = kept.output, kept.stderr, kept.difference_message
    return {
        "own_input": is_own,
        "note": public_now.get(key, ""),
        "input": text(own_input or b"") if is_own else text(_blob(result.input_sha256)),
        "answer": None if is_own else text(_blob(result.answer_sha256)),
        "output": text(output),
        "stderr": text(stderr),
        "difference_message": difference_message,
        "exit_code": result.exit_code,
        "signal": result.signal,
        "truncated": result.truncated,
    }


def _blob(sha256: str) -> bytes:
    return bytes(Blob.objects.values_list("data", flat=True).get(pk=sha256))


def text(data: bytes) -> str:
    """For people: at most TEXT_CAP bytes, what is not UTF-8 replaced, without NUL (PostgreSQL stores none)."""
    return data[:TEXT_CAP].decode("utf-8", errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
