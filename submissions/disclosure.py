"""What may be told of a submission: the one place that decides it, for API, sockets and pages alike.

Of a hidden case: index, group, points, verdict, time, memory and, if the question allows it, the class of
difference. Never input, answer, output, the checker's words, stderr, exit code or signal: a program can put its
input into any of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse

from execution.types import VERDICT_NAMES, Verdict
from questions.models import Blob, TestCase
from questions.previews import TEXT_CAP as TEXT_CAP
from questions.previews import shown
from submissions import ephemeral, revisions, waiting
from submissions.ephemeral import OwnCase
from submissions.models import CaseResult, Submission

text = shown


def state(submission: Submission) -> dict[str, Any]:
    """Where it stands; the part that every event carries."""
    return {
        "status": submission.status,
        "verdict": submission.verdict,
        "outcome": submission.outcome,
        "score": None if submission.score is None else float(submission.score),
        "points": {
            "earned": float(submission.earned),
            "obtainable": None if submission.obtainable is None else float(submission.obtainable),
        },
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


NOTHING: dict[str, Any] = {
    "source": None,
    "compile_output": "",
    "outdated": False,
    "own_cases": [],
    "groups": [],
    "results": [],
}


def untold(submission: Submission) -> dict[str, Any]:
    """The detail as far as the row alone knows it: nothing of its program and its cases."""
    return summary(submission) | NOTHING


def detail(submission: Submission) -> dict[str, Any]:
    """All that its owner may see. A run's code and texts are null and missing once they have expired.

    `own_cases` are those that came with a run, also where they are not judged (yet). `outdated`: an older version of
    its question gave the verdict.
    """
    is_outdated = submission.pk in revisions.outdated([submission])
    return details([submission])[submission.pk] | {"outdated": is_outdated}


def details(submissions: Sequence[Submission]) -> dict[UUID, dict[str, Any]]:
    """Those of many, by their ids, without `outdated`: what is asked of the database is asked once for all."""
    results: dict[UUID, list[CaseResult]] = defaultdict(list)
    for result in CaseResult.objects.filter(submission__in=submissions):
        results[result.submission_id].append(result)
    data = _PublicData.of(submissions, results)
    return {one.pk: _detail(one, results[one.pk], data) for one in submissions}


def _detail(submission: Submission, results: Iterable[CaseResult], data: "_PublicData") -> dict[str, Any]:
    source, compile_output, own_cases, texts = _texts(submission)
    # They come after all others.
    own = dict(enumerate(own_cases, submission.cases_total - len(own_cases) + 1))
    told = []
    for result in results:
        shown = case(result, submission)
        kept = (
            texts.get(result.index)
            if submission.kind == Submission.Kind.RUN
            else _stored_texts(submission, result)
        )
        if result.public and kept is not None:
            given = _own_part(result, own) if _is_own(result) else data.of_case(result, submission)
            shown |= {} if given is None else given | _printed(result, kept)
        told.append(shown)
    return summary(submission) | {
        "source": source,
        "compile_output": compile_output,
        "own_cases": [_own_case(one) for one in own_cases],
        "groups": groups(submission),
        "results": told,
    }


def groups(submission: Submission) -> list[dict[str, Any]]:
    """How its groups of cases stand, in the order of judging; none of a run."""
    return [
        {
            "path": group["path"],
            "verdict": group["verdict"],
            "earned": float(group["earned"]),
            "obtainable": None if group["obtainable"] is None else float(group["obtainable"]),
        }
        for group in submission.groups
    ]


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


def _stored_texts(submission: Submission, result: CaseResult) -> ephemeral.CaseTexts | None:
    """None once they were deleted for their age: an output that is not kept is not an empty one."""
    if submission.texts_purged_at is not None:
        return None
    return ephemeral.CaseTexts(bytes(result.output), bytes(result.stderr), result.difference_message)


_Key = tuple[str, str]
"""The hashes of a case's input and answer."""
_Place = tuple[UUID | None, _Key]
"""With the question's id."""


@dataclass(frozen=True)
class _PublicData:
    """Inputs and answers of questions' cases that may be shown: of those that are public now.

    `notes` has them by question and hashes, `beginnings` what is shown of each hash's bytes.
    """

    notes: Mapping[_Place, str]
    beginnings: Mapping[str, bytes]

    @classmethod
    def of(
        cls, submissions: Iterable[Submission], results: Mapping[UUID, Iterable[CaseResult]]
    ) -> "_PublicData":
        """For what was judged on cases that were public then."""
        judged = {
            (one.question_id, _key(result))
            for one in submissions
            for result in results[one.pk]
            if result.public and not _is_own(result)
        }
        public_now = TestCase.objects.public().filter(question__in={question_id for question_id, _ in judged})
        notes: dict[_Place, str] = {
            (case.question_id, (case.input_id, case.answer_id)): case.note for case in public_now
        }
        shown = {sha256 for _, key in judged & notes.keys() for sha256 in key}
        return cls(notes, Blob.objects.beginnings(shown, TEXT_CAP))

    def of_case(self, result: CaseResult, submission: Submission) -> dict[str, Any] | None:
        """What the program was given, and what was expected of it; None where the case is not public any more.
        Of an interactive question both are its checker's, which tells of them what it likes.

        `result` is that of a case which was public when it was judged.
        """
        note = self.notes.get((submission.question_id, _key(result)))
        if note is None:
            return None
        if submission.question is not None and submission.question.interactive:
            return {"own_input": False, "note": note, "input": "", "answer": None}
        return {
            "own_input": False,
            "note": note,
            "input": text(self.beginnings[result.input_sha256]),
            "answer": text(self.beginnings[result.answer_sha256]),
        }


def _key(result: CaseResult) -> _Key:
    return result.input_sha256, result.answer_sha256


def _is_own(result: CaseResult) -> bool:
    return not result.input_sha256


def _own_part(result: CaseResult, own_cases: Mapping[int, OwnCase]) -> dict[str, Any]:
    """The same of one's own case."""
    own = own_cases.get(result.index, OwnCase(b""))  # one without any is run on an empty input
    return {"own_input": True} | _own_case(own)


def _printed(result: CaseResult, kept: ephemeral.CaseTexts) -> dict[str, Any]:
    return {
        "output": text(kept.output),
        "stderr": text(kept.stderr),
        "difference_message": kept.difference_message,
        "exit_code": result.exit_code,
        "signal": result.signal,
        "truncated": result.truncated,
    }


def _own_case(own: OwnCase) -> dict[str, Any]:
    answer = None if own.answer is None else text(own.answer)
    return {"note": own.note, "input": text(own.input), "answer": answer}
