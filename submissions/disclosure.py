"""What may be told of a submission: the one place that decides it, for API, sockets and pages alike.

Of a hidden case: index, group, points, verdict, time, memory and, if the question allows it, the class of
difference. Never input, answer, output, the checker's words, stderr, exit code or signal: a program can put its
input into any of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.urls import reverse

from execution.types import VERDICT_NAMES, Verdict
from questions.models import Blob, TestCase
from submissions import ephemeral, waiting
from submissions.ephemeral import OwnCase
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
        "metadata": submission.metadata,
        "url": reverse("submission", args=[submission.pk]),
    }


def queue(submission: Submission) -> dict[str, Any] | None:
    """Its place in the queue as it is now; None unless it is queued. No part of events: others move it."""
    if submission.status != Submission.Status.QUEUED:
        return None
    return asdict(waiting.place(submission))


def detail(submission: Submission) -> dict[str, Any]:
    """All that its owner may see. A run's code and texts are null and missing once they have expired."""
    source, compile_output, own_cases, texts = _texts(submission)
    case_results = list(submission.case_results.all())
    data = _PublicData.of(submission, case_results, own_cases)
    results = []
    for result in case_results:
        shown = case(result, submission)
        kept = texts.get(result.index) if submission.kind == Submission.Kind.RUN else _stored_texts(result)
        if result.public and kept is not None and data.is_shown(result):
            shown |= _public_part(result, kept, data)
        results.append(shown)
    return summary(submission) | {
        "queue": queue(submission),
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
) -> tuple[str | None, str, Sequence[OwnCase], dict[int, ephemeral.CaseTexts]]:
    """Source, compiler output; of a run also its own cases and the texts of all, if they are still kept."""
    if submission.kind != Submission.Kind.RUN:
        return submission.source, submission.compile_output, (), {}
    kept = ephemeral.load(submission.pk)
    if kept is None:
        return None, "", (), {}
    cases = ephemeral.load_cases(submission.pk)
    return kept.source.decode(), text(kept.compile_output), kept.trial.cases, cases


def _stored_texts(result: CaseResult) -> ephemeral.CaseTexts:
    return ephemeral.CaseTexts(bytes(result.output), bytes(result.stderr), result.difference_message)


@dataclass(frozen=True)
class _PublicData:
    """Inputs and answers that may be shown: those of cases that are public now, and a run's own ones.

    `notes` has the (input, answer) hashes of the public cases, `beginnings` what is shown of each hash's bytes. A
    run's own cases come after all others, by their indexes.
    """

    notes: Mapping[tuple[str, str], str]
    beginnings: Mapping[str, bytes]
    own_cases: Mapping[int, OwnCase]

    @classmethod
    def of(
        cls, submission: Submission, results: Iterable[CaseResult], own_cases: Sequence[OwnCase]
    ) -> "_PublicData":
        public_now = TestCase.objects.public().filter(question=submission.question_id)
        notes = {(case.input_id, case.answer_id): case.note for case in public_now}
        judged = {(result.input_sha256, result.answer_sha256) for result in results if result.public}
        shown = {sha256 for key in judged & notes.keys() for sha256 in key}
        first_own = submission.cases_total - len(own_cases) + 1
        return cls(notes, Blob.objects.beginnings(shown, TEXT_CAP), dict(enumerate(own_cases, first_own)))

    def is_shown(self, result: CaseResult) -> bool:
        return self.is_own(result) or (result.input_sha256, result.answer_sha256) in self.notes

    def is_own(self, result: CaseResult) -> bool:
        return not result.input_sha256


def _public_part(result: CaseResult, kept: ephemeral.CaseTexts, data: _PublicData) -> dict[str, Any]:
    """Texts of a case that was public when it was judged, and is so now."""
    return _given(result, data) | {
        "output": text(kept.output),
        "stderr": text(kept.stderr),
        "difference_message": kept.difference_message,
        "exit_code": result.exit_code,
        "signal": result.signal,
        "truncated": result.truncated,
    }


def _given(result: CaseResult, data: _PublicData) -> dict[str, Any]:
    """What the program was given, and what was expected of it."""
    if not data.is_own(result):
        return {
            "own_input": False,
            "note": data.notes[result.input_sha256, result.answer_sha256],
            "input": text(data.beginnings[result.input_sha256]),
            "answer": text(data.beginnings[result.answer_sha256]),
        }
    own = data.own_cases.get(result.index, OwnCase(b""))  # one without any is run on an empty input
    answer = None if own.answer is None else text(own.answer)
    return {"own_input": True, "note": own.note, "input": text(own.input), "answer": answer}


def text(data: bytes) -> str:
    """For people: at most TEXT_CAP bytes, what is not UTF-8 replaced, without NUL (PostgreSQL stores none)."""
    return data[:TEXT_CAP].decode("utf-8", errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
