"""Exchanges recorded with a real Judge0 1.13.1 (`golden/*.json`), and replaying them against a server.

    recorded request ── tokens of earlier answers, callback's address put in ──▶ server
    recorded answer  ── what differs from run to run taken out of both ───────── its answer

Taken out: submissions of others, tokens, times, memory, moments, versions and complaints of compilers
and interpreters. A submission that was recorded unfinished may have got further, and one that was recorded
finished is waited for.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.receivers import HANG, Call, Receiver

_FOLDER = Path(__file__).parent / "golden"
GROUPS = tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))
_RECORDED_RECEIVER = "http://127.0.0.1:23999"
_TOKEN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_UNFINISHED = (1, 2)

# Bodies that were too large to be recorded whole.
_LARGE_BODIES = {
    "source of 1 MB": {"source_code": f"#{'x' * 1_000_000}\nprint('ok')", "language_id": 71},
    "source of 8 MB": {"source_code": f"#{'x' * 8_000_000}\nprint('ok')", "language_id": 71},
    "stdin of 8 MB": {
        "source_code": "import sys;print(len(sys.stdin.read()))",
        "language_id": 71,
        "stdin": "y" * 8_000_000,
    },
}

# Done before the next request comes, where Judge0 was not: here they take as long as there.
_SLOWED = ("conf-auth: create", "conf-auth: create 2")

_UNFINISHED_STATE = re.compile(r"status is (1 \(In Queue\)|2 \(Processing\))")

# What ends with a submission, and so is compared only if it had ended both times.
_RESULTS = frozenset(
    (
        *("stdout", "stderr", "compile_output", "message", "status", "status_id", "exit_code"),
        *("time", "wall_time", "memory", "finished_at"),
    )
)
_NUMBERS_OF_THE_MOMENT = ("size", "available", "idle", "working", "total_count", "total_pages")
_COMPLAINTS = ("stderr", "compile_output")
_COMPLAINT = re.compile(rb"/box/script\.py|^main\.c:")
_VARYING = {
    "time": r"\d+\.\d{1,3}",
    "wall_time": r"\d+\.\d{1,3}",
    "memory": r"\d+",
    "created_at": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "finished_at": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "name": r".* \(.*\)",
} | dict.fromkeys(_NUMBERS_OF_THE_MOMENT, r"\d+")


@dataclass(frozen=True)
class Exchange:
    id: str
    request: dict[str, Any]
    response: dict[str, Any]
    callbacks: tuple[dict[str, Any], ...] | None

    @property
    def answer(self) -> object:
        return self.response.get("body_json", self.response.get("body"))


def exchanges(group: str) -> Iterator[Exchange]:
    """In the order in which they were recorded; equal ids are numbered."""
    seen: dict[str, int] = {}
    for told in json.loads((_FOLDER / f"{group}.json").read_text())["exchanges"]:
        seen[told["id"]] = count = seen.get(told["id"], 0) + 1
        called = told.get("callbacks_received")
        yield Exchange(
            id=f"{group}: {told['id']}" + f" ({count})" * (count > 1),
            request=told["request"],
            response=told["response"],
            callbacks=None if called is None else tuple(called),
        )


class CallbackReceiver(Receiver):
    """Behaves by the path, as the one did that Judge0 called."""

    def __enter__(self) -> CallbackReceiver:
        super().__enter__()
        self.location = f"http://127.0.0.1:{self.port}/redirected"
        return self

    def take(self, call: Call) -> int:
        super().take(call)
        path = call.target.partition("?")[0].strip("/")
        if path == "close":
            raise ConnectionAbortedError  # the server closes without an answer
        return HANG if path.startswith("hang") else int(path) if path.isdecimal() else 200


@dataclass
class Replay:
    """One group's exchanges in order, at the server at `url`."""

    url: str
    receiver: CallbackReceiver
    headers: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """By the recorded ones."""
    session: requests.Session = field(default_factory=requests.Session)

    def run(self, exchange: Exchange) -> str | None:
        """What differs between the recorded answer and this server's; None if nothing does."""
        response = self._send(exchange)
        deadline = time.monotonic() + 15
        while self._is_behind(exchange, response) and time.monotonic() < deadline:
            time.sleep(0.01)
            response = self._send(exchange)
        if exchange.request["method"] == "POST":
            self._learn_tokens(exchange.answer, _parsed(response))
        kind = exchange.response["headers"].get("Content-Type")
        return _difference(
            (exchange.response["status"], kind, self._own(exchange.answer)),
            (
                response.status_code,
                response.headers.get("Content-Type"),
                self._own(self._in_recorded_words(_parsed(response))),
            ),
        )

    def leave_text_beyond_ascii(self) -> None:
        """A submission such as others had left at the recorded server; to be called with its tokens."""
        body = {"source_code": "print('\N{SNOWMAN}')", "language_id": 71}
        headers = {"X-Auth-Token": "tok-a"}
        self.session.post(f"{self.url}/submissions?wait=true", json=body, headers=headers, timeout=60)

    def missing_callbacks(self, exchange: Exchange) -> str | None:
        """What differs between the callbacks that Judge0 made for the exchange and those of this server."""
        own = {
            value for _, value in _walk(exchange.answer) if isinstance(value, str) and value in self.tokens
        }
        expected = [
            (call["method"], call["path"], _comparable(call.get("body_json"), None))
            for call in exchange.callbacks or ()
            if not own.isdisjoint(_TOKEN.findall(json.dumps(call)))
        ]
        made = []
        for call in list(self.receiver.calls):
            body = self._in_recorded_words(json.loads(call.body)) if call.body else None
            if not own.isdisjoint(_TOKEN.findall(json.dumps(body))):
                made.append((call.method, call.target, _comparable(body, None)))
        return None if made == expected else f"callbacks expected {expected}, made {made}"

    def _send(self, exchange: Exchange) -> requests.Response:
        request = exchange.request
        content = request.get("body")
        if exchange.id.partition(": ")[2] in _LARGE_BODIES:
            content = json.dumps(_LARGE_BODIES[exchange.id.partition(": ")[2]])
        elif "body_json" in request:
            content = json.dumps(request["body_json"])
            if exchange.id in _SLOWED:
                content = content.replace("print(", "import time; time.sleep(1.5); print(")
        data = self._in_our_words(content).encode() if content is not None else None
        prepared = requests.Request(
            request["method"],
            self.url + self._in_our_words(request["path"]),
            headers=self.headers | {name: self._in_our_words(it) for name, it in request["headers"].items()},
            data=data,
        ).prepare()
        if "Accept" not in request["headers"]:
            prepared.headers.pop("Accept", None)
        return self.session.send(prepared, timeout=60)

    def _is_behind(self, exchange: Exchange, response: requests.Response) -> bool:
        """It shows a submission unfinished that was recorded finished."""
        if exchange.request["method"] != "GET":
            return False
        pairs = _walk_both(exchange.answer, _parsed(response))
        return any(
            _state(recorded) not in (None, *_UNFINISHED) and _state(shown) in _UNFINISHED
            for recorded, shown in pairs
        )

    def _learn_tokens(self, recorded: object, answer: object) -> None:
        for before, now in _walk_both(recorded, answer):
            if isinstance(before, dict) and isinstance(now, dict) and {"token"} <= before.keys() & now.keys():
                self.tokens[before["token"]] = now["token"]

    def _own(self, answer: object) -> object:
        """The answer, in recorded words, with only those submissions in its list that the replay has made."""
        if not isinstance(answer, dict) or not isinstance(answer.get("submissions"), list):
            return answer
        shown = answer["submissions"]
        own = [it for it in shown if not (it or {}).get("token") or it["token"] in self.tokens]
        return answer | {"submissions": own}

    def _in_our_words(self, text: str) -> str:
        text = text.replace(_RECORDED_RECEIVER, f"http://127.0.0.1:{self.receiver.port}")
        return _TOKEN.sub(lambda found: self.tokens.get(found[0], found[0]), text)

    def _in_recorded_words(self, answer: object) -> object:
        """The answer with recorded tokens and addresses."""
        recorded = {ours: theirs for theirs, ours in self.tokens.items()}
        text = json.dumps(answer).replace(f"http://127.0.0.1:{self.receiver.port}", _RECORDED_RECEIVER)
        text = _TOKEN.sub(lambda found: recorded.get(found[0], found[0]), text)
        recorded_words: object = json.loads(text)
        return recorded_words


def _parsed(response: requests.Response) -> object:
    if "json" in response.headers.get("Content-Type", ""):
        return response.json()
    return response.text


def _walk(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    yield name, value
    if isinstance(value, dict):
        for key, it in value.items():
            yield from _walk(it, key)
    elif isinstance(value, list):
        for it in value:
            yield from _walk(it, name)


def _walk_both(recorded: object, shown: object) -> Iterator[tuple[object, object]]:
    """Values at the same places of both."""
    yield recorded, shown
    if isinstance(recorded, dict) and isinstance(shown, dict):
        for key in recorded.keys() & shown.keys():
            yield from _walk_both(recorded[key], shown[key])
    elif isinstance(recorded, list) and isinstance(shown, list):
        for one, other in zip(recorded, shown, strict=False):
            yield from _walk_both(one, other)


def _state(value: object) -> object:
    """The status of a submission, if `value` is one that tells it."""
    if not isinstance(value, dict):
        return None
    status = value.get("status")
    return value.get("status_id", status.get("id") if isinstance(status, dict) else None)


def _difference(recorded: tuple[Any, ...], shown: tuple[Any, ...]) -> str | None:
    expected = (*recorded[:2], _comparable(recorded[2], shown[2]))
    actual = (*shown[:2], _comparable(shown[2], recorded[2]))
    in_order = shown[0] < 400  # of fields, but not of complaints
    same = json.dumps(expected, sort_keys=not in_order) == json.dumps(actual, sort_keys=not in_order)
    return None if same else f"expected {expected}, got {actual}"


def _comparable(value: object, other: object, name: str = "") -> object:
    """`value` without what differs from run to run; `other` is the value to be compared with."""
    if isinstance(value, dict):
        others = other if isinstance(other, dict) else {}
        is_open = _state(value) in _UNFINISHED or _state(others) in _UNFINISHED
        return {
            key: "<open>" if is_open and key in _RESULTS else _comparable(it, others.get(key), key)
            for key, it in value.items()
        }
    if isinstance(value, list):
        others_ = other if isinstance(other, list) and len(other) == len(value) else [None] * len(value)
        return [_comparable(it, the_other, name) for it, the_other in zip(value, others_, strict=True)]
    if name in _VARYING and value is not None and re.fullmatch(_VARYING[name], str(value)):
        return f"<{name}>"
    if name in _COMPLAINTS and isinstance(value, str) and _COMPLAINT.search(_decoded(value)):
        return "<complaint>"
    return _UNFINISHED_STATE.sub("status is <unfinished>", value) if isinstance(value, str) else value


def _decoded(text: str) -> bytes:
    """The text, or what it is the base64 of."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return text.encode()
