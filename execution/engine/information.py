"""What the server tells about itself: languages, statuses, bounds, the machine, what it did."""

from __future__ import annotations

import functools
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response

from . import config, description, wire
from .answers import json_answer
from .calls import Call
from .parameters import multi_file
from .parts import Parts
from .queue import Submission
from .toolchain import Language
from .verdict import STATUSES

_LICENSE = Path(__file__).resolve().parents[2] / "LICENSE"
_DAYS = 30


async def languages(parts: Parts, call: Call) -> Response:
    return json_answer([{"id": it.id, "name": it.name} for it in _by_name(parts)])


async def all_languages(parts: Parts, call: Call) -> Response:
    return json_answer([{"id": it.id, "name": it.name, "is_archived": False} for it in _by_name(parts)])


async def language(parts: Parts, call: Call) -> Response:
    number = wire.cast_language_id(call.path["id"])
    language = parts.languages.get(number) if number is not None else None
    if language is None:
        raise HTTPException(404)
    recipe = language.recipe
    compile_command = language.compile_command("%s") if language.is_compiled else ()
    return json_answer(
        {
            "id": language.id,
            "name": language.name,
            "is_archived": False,
            # Of a multi-file program, Judge0 tells none of these.
            "source_file": None if recipe.is_multi_file else recipe.source_file,
            "compile_cmd": None if recipe.is_multi_file else " ".join(compile_command) or None,
            "run_cmd": None if recipe.is_multi_file else " ".join(language.run_command("")),
        }
    )


def _by_name(parts: Parts) -> list[Language]:
    return sorted(parts.languages.values(), key=lambda language: language.name)


async def statuses(parts: Parts, call: Call) -> Response:
    return json_answer([{"id": number, "description": text} for number, text in STATUSES.items()])


async def config_info(parts: Parts, call: Call) -> Response:
    is_interactive = multi_file(parts.languages) is not None
    return json_answer(
        config.config_info(parts.config, is_reduced=parts.is_reduced, is_interactive=is_interactive)
    )


async def about(parts: Parts, call: Call) -> Response:
    return json_answer({"version": config.JUDGE0_VERSION, "engine": "embedded"})


async def version(parts: Parts, call: Call) -> Response:
    return Response(config.JUDGE0_VERSION, media_type="text/plain")


async def isolate(parts: Parts, call: Call) -> Response:
    """What stands in isolate's place."""
    return Response(f"{parts.isolation}\n", media_type="text/plain")


async def license_text(parts: Parts, call: Call) -> Response:
    if not _LICENSE.exists():
        raise HTTPException(404)
    return Response(_LICENSE.read_text(), media_type="text/plain")


async def system_info(parts: Parts, call: Call) -> Response:
    return json_answer(_machine())


async def statistics(parts: Parts, call: Call) -> Response:
    """Of the submissions that are kept; older ones are forgotten, not counted."""
    now, kept = datetime.now(UTC), parts.queue.newest_first()
    return json_answer(
        {
            "created_at": wire.timestamp(now),
            "cached_until": wire.timestamp(now),
            "submissions": _by_day(now, kept),
            "languages": [
                {"language": {"id": number, "name": parts.languages[number].name}, "count": count}
                for number, count in Counter(it.parameters.language.id for it in kept).most_common()
            ],
            "statuses": [
                {"status": {"id": number, "name": STATUSES[number]}, "count": count}
                for number, count in Counter(it.status for it in kept).most_common()
            ],
            "database": {"size_pretty": "0 bytes", "size_in_bytes": 0},
        }
    )


async def workers(parts: Parts, call: Call) -> Response:
    return json_answer(
        [
            {
                "queue": config.JUDGE0_VERSION,
                "size": parts.queue.waiting,
                "available": parts.slots.count,
                "idle": parts.slots.idle,
                "working": parts.slots.count - parts.slots.idle,
                "paused": 0,
                "failed": 0,
            }
        ]
    )


async def openapi(parts: Parts, call: Call) -> Response:
    return json_answer(description.describe(parts.config, parts.languages))


async def engine(parts: Parts, call: Call) -> Response:
    return json_answer(
        {
            "isolation": parts.isolation,
            "reduced": parts.is_reduced,
            "enforced": [
                {"about": it.about, "holds": it.holds, "seen": it.seen, "by": it.by} for it in parts.enforced
            ],
            "slots": parts.slots.count,
            "waiting": parts.queue.waiting,
            "callbacks": parts.callbacks.pending,
            "artefacts": {
                "compilations": parts.artefacts.compilations,
                "hits": parts.artefacts.hits,
                "entries": len(parts.artefacts),
                "bytes": parts.artefacts.bytes,
                "max_bytes": parts.artefacts.max_bytes,
            },
        }
    )


def _by_day(now: datetime, kept: list[Submission]) -> dict[str, object]:
    counts = Counter(it.created_at.date() for it in kept)
    days = [now.date() - timedelta(days=ago) for ago in range(_DAYS + 1)]
    return {
        "total": len(kept),
        "today": counts[days[0]],
        "last_30_days": {day.isoformat(): counts[day] for day in days[1:]},
    }


@functools.cache
def _machine() -> dict[str, str]:
    """In the words of lscpu and free."""
    memory = _named_lines("/proc/meminfo")
    return {
        "Architecture": os.uname().machine,
        "CPU(s)": str(os.cpu_count()),
        "Model name": _named_lines("/proc/cpuinfo").get("model name", "unknown"),
        "Mem": memory.get("MemTotal", "unknown"),
        "Swap": memory.get("SwapTotal", "unknown"),
    }


def _named_lines(path: str) -> dict[str, str]:
    """Of a file with lines such as `MemTotal:  8 kB`."""
    lines = (line.partition(":") for line in Path(path).read_text().splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}
