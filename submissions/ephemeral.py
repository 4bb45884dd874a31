"""What a run keeps: code, input, output. In Redis only, under one time to live; nothing of it reaches the database.

run:<id>   hash  source, trial → JSON of Trial, compile_output?, case:<index> → JSON of CaseTexts, attempt (the last
                 to add something)
runs:expiring   sorted set of ids by the end of their time, so that what has expired can be counted; by the clocks of
                 who stores and who counts, which may differ: it is a count, not what ends them
"""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from prometheus_client import Counter

from execution.types import Checker, CheckerKind, RunPolicy, ScoringMode
from submissions.connections import redis_client

EXPIRED = Counter("judge_executions_expired_total", "Runs whose code and output have outlived EXECUTION_TTL.")
EXPIRING = "runs:expiring"


@dataclass(frozen=True)
class OwnCase:
    """A case that came with the run. Without an answer nothing is compared, and it has no points."""

    input: bytes
    answer: bytes | None = None
    note: str = ""


@dataclass(frozen=True)
class Trial:
    """What a run is tried on besides its question's public cases, and by which rules where it has no question."""

    cases: tuple[OwnCase, ...] = ()
    checker: Checker = field(default_factory=Checker)
    policy: RunPolicy = RunPolicy.RUN_ALL
    scoring: ScoringMode = ScoringMode.WEIGHTED


@dataclass(frozen=True)
class RunTexts:
    source: bytes
    trial: Trial
    compile_output: bytes


@dataclass(frozen=True)
class CaseTexts:
    output: bytes
    stderr: bytes
    difference_message: str


def store(run_id: UUID, *, source: bytes, trial: Trial) -> None:
    fields: dict[Any, Any] = {"source": source, "trial": _trial_as_json(trial)}
    with redis_client().pipeline() as pipe:
        pipe.hset(_key(run_id), mapping=fields)
        pipe.expire(_key(run_id), settings.EXECUTION_TTL_S)
        pipe.zadd(EXPIRING, {str(run_id): time.time() + settings.EXECUTION_TTL_S})
        pipe.execute()


def count_expired() -> int:
    """Count those that have expired since this was last done, each once for all processes; Redis forgot them itself."""
    count = redis_client().zremrangebyscore(EXPIRING, "-inf", time.time())
    EXPIRED.inc(count)
    return count


def load(run_id: UUID) -> RunTexts | None:
    """None once it has expired."""
    values: list[Any] = redis_client().hmget(_key(run_id), ["source", "trial", "compile_output"])
    source, trial, compiled = values
    return None if source is None else RunTexts(source, _trial(trial), compiled or b"")


def forget(run_id: UUID) -> None:
    """Of a run that did not come to be; it would expire by itself."""
    with redis_client().pipeline() as pipe:
        pipe.delete(_key(run_id))
        pipe.zrem(EXPIRING, str(run_id))
        pipe.execute()


def add(run_id: UUID, attempt: int, *, compile_output: bytes, cases: Mapping[int, CaseTexts]) -> None:
    """What an attempt has found; nothing once it has expired, or where a later attempt has added something."""
    fields = {f"case:{index}": _as_json(texts).encode() for index, texts in cases.items()}
    if compile_output:
        fields["compile_output"] = compile_output
    if fields:
        pairs = [part for pair in fields.items() for part in pair]
        redis_client().eval(_ADD, 1, _key(run_id), attempt, *pairs)


def _as_json(texts: CaseTexts) -> str:
    value = {
        "output": base64.b64encode(texts.output).decode(),
        "stderr": base64.b64encode(texts.stderr).decode(),
        "difference_message": texts.difference_message,
    }
    return json.dumps(value)


def load_cases(run_id: UUID) -> dict[int, CaseTexts]:
    fields: dict[Any, Any] = redis_client().hgetall(_key(run_id))
    return {
        int(name.removeprefix(b"case:")): _case_texts(value)
        for name, value in fields.items()
        if name.startswith(b"case:")
    }


def _case_texts(value: bytes) -> CaseTexts:
    fields = json.loads(value)
    return CaseTexts(
        base64.b64decode(fields["output"]), base64.b64decode(fields["stderr"]), fields["difference_message"]
    )


def _trial_as_json(trial: Trial) -> str:
    value = {
        "cases": [[_encoded(one.input), _encoded(one.answer), one.note] for one in trial.cases],
        "checker": [trial.checker.kind, trial.checker.absolute, trial.checker.relative],
        "policy": trial.policy,
        "scoring": trial.scoring,
    }
    return json.dumps(value)


def _trial(value: bytes) -> Trial:
    fields = json.loads(value)
    kind, absolute, relative = fields["checker"]
    return Trial(
        tuple(
            OwnCase(base64.b64decode(given), None if answer is None else base64.b64decode(answer), note)
            for given, answer, note in fields["cases"]
        ),
        Checker(CheckerKind(kind), absolute, relative),
        RunPolicy(fields["policy"]),
        ScoringMode(fields["scoring"]),
    )


def _encoded(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


# A field added after the key expired would make a key that never does.
_ADD = """
if redis.call('exists', KEYS[1]) == 0 then return 0 end
local last = redis.call('hget', KEYS[1], 'attempt')
if last and tonumber(last) > tonumber(ARGV[1]) then return 0 end
return redis.call('hset', KEYS[1], 'attempt', unpack(ARGV))
"""


def _key(run_id: UUID) -> str:
    return f"run:{run_id}"
