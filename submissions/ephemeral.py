"""What a run keeps: code, input, output. In Redis only, under one time to live; nothing of it reaches the database.

run:<id>   hash  source, input?, compile_output?, case:<index> → JSON of CaseTexts, attempt (the last to add something)
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from submissions.connections import redis_client


@dataclass(frozen=True)
class RunTexts:
    """`input` is the learner's own; None when the run has none."""

    source: bytes
    input: bytes | None
    compile_output: bytes


@dataclass(frozen=True)
class CaseTexts:
    output: bytes
    stderr: bytes
    difference_message: str


def store(run_id: UUID, *, source: bytes, input: bytes | None) -> None:
    fields: dict[Any, Any] = {"source": source} if input is None else {"source": source, "input": input}
    with redis_client().pipeline() as pipe:
        pipe.hset(_key(run_id), mapping=fields)
        pipe.expire(_key(run_id), settings.EXECUTION_TTL_S)
        pipe.execute()


def load(run_id: UUID) -> RunTexts | None:
    """None once it has expired."""
    values: list[Any] = redis_client().hmget(_key(run_id), ["source", "input", "compile_output"])
    source, own, compiled = values
    return None if source is None else RunTexts(source, own, compiled or b"")


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


# A field added after the key expired would make a key that never does.
_ADD = """
if redis.call('exists', KEYS[1]) == 0 then return 0 end
local last = redis.call('hget', KEYS[1], 'attempt')
if last and tonumber(last) > tonumber(ARGV[1]) then return 0 end
return redis.call('hset', KEYS[1], 'attempt', unpack(ARGV))
"""


def _key(run_id: UUID) -> str:
    return f"run:{run_id}"
