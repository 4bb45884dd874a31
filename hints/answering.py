"""The job of hint workers: from a row that waits to its answer.

answer ──▶ waits for the judging ──▶ evidence ──▶ a provider, if there is one ──guard──▶ pieces, then the row
                                          └──▶ rules, where there is none, it failed, or was refused twice

A job that runs twice answers once: only who turns the row from queued to working goes on, and only what is unfinished
is finished. What fails by our fault ends with a code, and uses up nothing.
"""

import dataclasses
import itertools
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

import redis
from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models.functions import Now
from prometheus_client import Counter, Histogram
from structlog.contextvars import bound_contextvars

from execution import languages
from hints import asking, evidence, kept, prompts, providers, replies, reviewing, rules
from hints.answers import Answer, Kind, Level, NotAnAnswer
from hints.evidence import Evidence
from hints.findings import Finding
from hints.growing import Growing
from hints.guard import Guard, Reason, Refused
from hints.linters import LinterFailed, NoLinter
from hints.models import HintRequest
from hints.pieces import Pieces, Stage
from hints.providers import Prompt, Provider, ProviderFailed
from submissions import waiting
from submissions.connections import rest_connection
from submissions.models import Submission

logger = logging.getLogger(__name__)

SCHEMA = "schema"
BY_RULES = "rules"
LINTERS = "linters"
TRIES = (Stage.ASKING, Stage.AGAIN)

HINTS = Counter(
    "judge_hints_total",
    "Hints, reviews and analyses that were given, by who wrote them: our rules or a provider's model.",
    ["kind", "by"],
)
SECONDS = Histogram(
    "judge_hint_seconds",
    "How long it took a worker to give one, waiting for the judging included.",
    ["kind", "by"],
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120),
)
REFUSED = Counter(
    "judge_hint_refused_total",
    "Answers of models that were not shown, and why: by guard or schema.",
    ["reason"],
)
FAILURES = Counter(
    "judge_provider_failures_total", "Requests to providers that brought no answer.", ["provider", "code"]
)
TOKENS = Counter(
    "judge_hint_tokens_total",
    "Tokens that providers have counted; of an answer that was cut off they count none.",
    ["provider", "direction"],
)
# A series that begins with a burst shows no increase.
for _kind, _by in itertools.product(Kind, (BY_RULES, *providers.Name)):
    HINTS.labels(_kind, _by)
    SECONDS.labels(_kind, _by)
for _reason in (*Reason, SCHEMA):
    REFUSED.labels(_reason)
for _provider, _code in itertools.product(providers.Name, get_args(providers.Code)):
    FAILURES.labels(_provider, _code)
for _provider, _direction in itertools.product(providers.Name, ("in", "out")):
    TOKENS.labels(_provider, _direction)


class CannotAnswer(Exception):
    """By our fault, with a code for the row."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Made:
    """What came of it, as the row keeps it; `refused` has a reason for each answer that was not taken."""

    rule: str = ""
    provider: str = ""
    model: str = ""
    refused: list[str] = field(default_factory=list)
    tokens_in: int = 0
    tokens_out: int = 0

    @property
    def by(self) -> str:
        return BY_RULES if self.rule else self.provider


def answer(request_id: str) -> None:
    """Nothing happens where somebody else answers it, or it has ended, or was waited for too long."""
    if connection.vendor != "sqlite":
        close_old_connections()  # a thread's own from the job before, which may be dead
    queued = HintRequest.objects.counting().filter(pk=request_id, status=HintRequest.Status.QUEUED)
    if not queued.update(status=HintRequest.Status.WORKING):
        return
    request = HintRequest.objects.select_related("question").get(pk=request_id)
    with bound_contextvars(hint=request_id):
        _answer(request)


def _answer(request: HintRequest) -> None:
    pieces = Pieces(request.pk)
    began = time.monotonic()
    made = Made()
    try:
        known = _evidence(request, pieces)
        request.verdict = known.verdict or ""
        told = _told(request, known, made, pieces)
        _finish(request, told, made, _ms(began))
    except (CannotAnswer, redis.RedisError) as error:
        code = error.code if isinstance(error, CannotAnswer) else asking.LOST
        logger.warning("there is no answer: %s", code, extra={"refused": made.refused})
        asking.fail(request, code, took_ms=_ms(began), **asdict(made))
    except Exception:  # whatever it was: who waits must hear that nothing comes
        asking.fail(request, asking.LOST)
        raise
    finally:
        is_done = HintRequest.objects.answered().filter(pk=request.pk).exists()
        pieces.end(HintRequest.Status.DONE if is_done else HintRequest.Status.FAILED)


def _finish(request: HintRequest, told: Answer, made: Made, took_ms: int) -> None:
    working = HintRequest.objects.filter(pk=request.pk, status=HintRequest.Status.WORKING)
    if not working.update(
        status=HintRequest.Status.DONE,
        answer=asdict(told),
        verdict=request.verdict,
        took_ms=took_ms,
        finished_at=Now(),
        **asdict(made),
    ):
        return  # it was given up meanwhile
    HINTS.labels(request.kind, made.by).inc()
    SECONDS.labels(request.kind, made.by).observe(took_ms / 1000)
    logger.info("hint.answered", extra={"kind": request.kind, "by": made.by, "seconds": took_ms / 1000})


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


# --- What is known ---------------------------------------------------------------------------------------------


def _evidence(request: HintRequest, pieces: Pieces) -> Evidence:
    texts = kept.load(request.pk)
    if texts is None:
        raise CannotAnswer(asking.LOST)
    alone = evidence.of_code(languages.get(request.language), texts.source)
    if request.question is None:
        return alone
    try:
        judged = _judged(request, pieces)
    except CannotAnswer:
        if request.kind == Kind.HINT:
            raise
        return alone  # there is something to say of any code
    found = evidence.of(judged, error_message=texts.error_message)
    return dataclasses.replace(found, source=texts.source)  # the run's own may have expired


def _judged(request: HintRequest, pieces: Pieces) -> Submission:
    """Once it has its verdict."""
    pieces.stage(Stage.JUDGING)
    if request.submission_id is None:
        raise CannotAnswer(asking.LOST)  # it was deleted meanwhile
    final = Submission.objects.final().filter(pk=request.submission_id).select_related("question")
    judged = waiting.row_within(final, settings.RUN_TIMEOUT_S)
    if judged is None or judged.status != Submission.Status.DONE:
        raise CannotAnswer(asking.NOT_JUDGED)
    return judged


def _known_texts(known: Evidence) -> tuple[str, ...]:
    """All that the learner has: it is no secret."""
    texts = [known.source, known.error_message, known.title, known.statement, known.compile_output]
    for case in known.cases:
        of_case = (case.input, case.answer, case.output, case.stderr, case.difference_message)
        texts += [text for text in of_case if text]
    return tuple(texts)


# --- Who answers -----------------------------------------------------------------------------------------------


def _told(request: HintRequest, known: Evidence, made: Made, pieces: Pieces) -> Answer:
    """The provider's answer, or else that of the rules. Raises CannotAnswer."""
    finding = rules.find(known) if request.kind == Kind.HINT else None
    provider = providers.chosen()
    if provider is not None and (told := _of_model(provider, request, known, finding, made, pieces)):
        return told
    if finding is not None:
        made.rule = finding.rule
        return finding.told(request.told_level or Level.NUDGE)
    try:
        told = _opinion(Kind(request.kind), known)
    except NoLinter as error:
        raise CannotAnswer(asking.PROVIDER_FAILED if provider else asking.PROVIDER_REQUIRED) from error
    except LinterFailed as error:
        raise CannotAnswer(asking.NOT_JUDGED) from error
    made.rule = LINTERS
    return told


def _opinion(kind: Kind, known: Evidence) -> Answer:
    """Raises NoLinter and LinterFailed."""
    judged = known if known.verdict else None
    if kind == Kind.REVIEW:
        return reviewing.review(known.language, known.source, judged)
    return reviewing.analyse(known.language, known.source, judged)


def _of_model(
    provider: Provider,
    request: HintRequest,
    known: Evidence,
    finding: Finding | None,
    made: Made,
    pieces: Pieces,
) -> Answer | None:
    """None where it has none that may be shown; `made` says why."""
    made.provider = provider.name
    prompt = prompts.prompt(Kind(request.kind), known, request.told_level, finding)
    asking_it = _Model(provider, Kind(request.kind), known, Guard(request.question, _known_texts(known)))
    rest_connection()  # a model takes its time
    for stage in TRIES:
        pieces.stage(stage)
        try:
            return asking_it.answer(prompt, made, pieces)
        except ProviderFailed as error:
            logger.warning("%s gives no answer: %s (%s)", provider.name, error.code, error)
            made.refused.append(error.code)
            FAILURES.labels(provider.name, error.code).inc()
            return None
        except Refused as refused:
            _note_refused(made, refused.reason.value)
        except NotAnAnswer:
            _note_refused(made, SCHEMA)
        prompt = prompts.again(prompt)
    return None


def _note_refused(made: Made, reason: str) -> None:
    made.refused.append(reason)
    REFUSED.labels(reason).inc()


@dataclass(frozen=True)
class _Model:
    """A provider that is asked about one program."""

    provider: Provider
    kind: Kind
    known: Evidence
    guard: Guard

    def answer(self, prompt: Prompt, made: Made, pieces: Pieces) -> Answer:
        """Raises ProviderFailed, NotAnAnswer and Refused."""
        growing = Growing(self.guard, pieces)
        reply = self.provider.ask(prompt, lambda so_far: self._show(so_far, growing))
        made.model = reply.model
        made.tokens_in += reply.tokens_in
        made.tokens_out += reply.tokens_out
        TOKENS.labels(self.provider.name, "in").inc(reply.tokens_in)
        TOKENS.labels(self.provider.name, "out").inc(reply.tokens_out)
        pieces.stage(Stage.CHECKING)
        told = replies.parse(self.kind, reply.text, len(self.known.lines))
        self.guard.check("\n".join(_texts(asdict(told))))
        return told

    def _show(self, so_far: str, growing: Growing) -> None:
        """Of reviews nothing is shown before all of it is there."""
        if self.kind == Kind.HINT:
            growing.show(so_far)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
