"""A client for one server that speaks Judge0's HTTP API: programs in, runs out.

It knows Judge0's words, units and unkindness (as version 1.13.1 shows them), and nothing of other servers, of
waiting, or of what a verdict means for a submission.

    submit → POST /submissions/batch                   expected_output is never sent: comparing is ours
    fetch  → GET  /submissions/batch?tokens=…&fields=… the single GET is cached for a second, this one is not
    delete → DELETE /submissions/…                     Judge0 keeps code and output for ever, unless it is told
    ceilings, language_id, queue, offered → /config_info, /languages, /workers

Everything travels as base64 in both directions: without it one byte above 0x7f makes a whole batch unreadable.
"""

import base64
import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from execution.errors import (
    BackendBusy,
    BackendFault,
    BackendRejected,
    BackendUnavailable,
    LanguageUnavailable,
    LimitsUnavailable,
)
from execution.languages import LANGUAGES, Language
from execution.types import Limits, Run, Verdict

FIELDS = "token,status_id,stdout,stderr,compile_output,message,exit_code,exit_signal,time,wall_time,memory"
KNOWN_FOR_S = 300.0  # how long what a server said of itself is believed
QUOTED_REFUSAL = 200  # characters of a server's own words in our message
NOT_FINISHED = "cannot be deleted because its status is"

IN_QUEUE, PROCESSING = 1, 2
TIME_LIMIT_EXCEEDED, COMPILATION_ERROR, INTERNAL_ERROR, EXEC_FORMAT_ERROR = 5, 6, 13, 14
RAN_WELL = (3, 4)
RAN_BADLY = (7, 8, 9, 10, 11, 12)

SIGKILL, SIGXFSZ = 9, 25
LAST_SIGNAL = 31


class Progress(Enum):
    """What a token shows that has no run (yet)."""

    QUEUED = "queued"
    RUNNING = "running"
    LOST = "lost"  # the server does not know it
    FAULTY = "faulty"  # the server failed at it, or says something that makes no sense


@dataclass(frozen=True)
class Ceilings:
    """What a server allows us, from its /config_info.

    `is_engine`: it tells us more of a run than Judge0 does. `deletes`, `callbacks`: `delete` and `callback_url` work.
    """

    batch: int
    cpu_s: float
    wall_s: float
    memory_kib: int
    file_kib: int
    is_engine: bool
    deletes: bool
    callbacks: bool

    @property
    def forgets_by_itself(self) -> bool:
        """Results go after a while, so that nobody needs to delete them; Judge0 keeps them for ever."""
        return self.is_engine


@dataclass(frozen=True)
class Queue:
    """How many submissions wait at a server, and for how many workers."""

    waiting: int
    workers: int


class Judge0:
    """One server. Safe to share between threads, which share its connections, and to keep across a fork.

    `connections` is how many there are at most; who finds none free waits. `retries` is how often a request is
    sent again whose connection broke before there was an answer. Nothing is sent again after a timeout or a 5xx.

    All methods raise BackendUnavailable (no answer, or 5xx), BackendBusy (its queue is full, 429, or no connection
    became free), BackendRejected (another 4xx) and BackendFault (an answer that is not Judge0's).
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        connect_timeout_s: float = 3.0,
        read_timeout_s: float = 20.0,
        connections: int = 32,
        retries: int = 1,
    ) -> None:
        self.url = url.rstrip("/")
        self._headers = requests.utils.default_headers()
        self._headers.update({**(headers or {}), "Accept": "application/json"})
        self._timeouts = (connect_timeout_s, read_timeout_s)
        self._retries = retries
        self._connections = _Connections(connections)
        self._ceilings: tuple[float, Ceilings] | None = None
        self._languages: tuple[float, Mapping[int, str]] | None = None

    # --- What the server is ----------------------------------------------------------------------------------

    def ceilings(self) -> Ceilings:
        if self._ceilings is None or self._ceilings[0] < time.monotonic():
            self._ceilings = (time.monotonic() + KNOWN_FOR_S, self._read_ceilings())
        return self._ceilings[1]

    def language_id(self, language: Language) -> int:
        """Its id here: one of the released ids if the name agrees, else the first whose name fits.

        LanguageUnavailable when the server does not offer it.
        """
        if self._languages is None or self._languages[0] < time.monotonic():
            self._languages = (time.monotonic() + KNOWN_FOR_S, self._read_languages())
        found = _find_language(language, self._languages[1])
        if found is None:
            raise LanguageUnavailable(f"{self.url} does not offer {language.name}.")
        return found

    def offered(self, timeout_s: float) -> tuple[str, ...]:
        """Asks now which of our languages it offers, by slug."""
        names = self._read_languages((timeout_s, timeout_s))
        return tuple(one.slug for one in LANGUAGES if _find_language(one, names) is not None)

    def queue(self) -> Queue:
        rows = self._ask("GET", "/workers")
        try:
            # before the first job was ever enqueued, Judge0 lists nothing at all
            return Queue(
                waiting=sum(int(row["size"]) for row in rows),
                workers=sum(int(row["available"]) for row in rows),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise self._nonsense("/workers") from error

    def _read_ceilings(self) -> Ceilings:
        config = self._ask("GET", "/config_info")
        try:
            is_engine = config.get("engine") is not None
            return Ceilings(
                batch=max(1, min(int(config["max_submission_batch_size"]), int(config["max_queue_size"]))),
                cpu_s=float(config["max_cpu_time_limit"]),
                wall_s=float(config["max_wall_time_limit"]),
                memory_kib=int(config["max_memory_limit"]),
                file_kib=int(config["max_max_file_size"]),
                is_engine=is_engine,
                deletes=config.get("enable_submission_delete") is True
                and (is_engine or "X-Auth-User" in self._headers),
                callbacks=config.get("enable_callbacks") is True,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._nonsense("/config_info") from error

    def _read_languages(self, timeouts: tuple[float, float] | None = None) -> Mapping[int, str]:
        rows = self._ask("GET", "/languages", timeouts=timeouts)
        try:
            return {int(row["id"]): str(row["name"]) for row in rows}
        except (KeyError, TypeError, ValueError) as error:
            raise self._nonsense("/languages") from error

    # --- Programs in -----------------------------------------------------------------------------------------

    def submit(
        self,
        language: Language,
        source: bytes,
        inputs: Sequence[bytes],
        limits: Limits,
        *,
        callback_url: str = "",
    ) -> tuple[str, ...]:
        """Sends the program once for each input; the tokens, in the same order.

        `limits` are those of the runs (the language's factor included). A limit that the server cannot give is
        LimitsUnavailable: a lower one would be unfair, so it is never lowered silently. `callback_url` is what the
        server shall PUT to when a run has ended; only for one whose `ceilings` have `callbacks`.
        """
        common = {
            "source_code": base64.b64encode(source).decode("ascii"),
            "language_id": self.language_id(language),
            **_limit_fields(limits, self.ceilings()),
            "number_of_runs": 1,
            "enable_network": False,
            "redirect_stderr_to_stdout": False,
            **({"callback_url": callback_url} if callback_url else {}),
        }
        answer = self._ask("POST", "/submissions/batch?base64_encoded=true", body=_batch(common, inputs))
        if not isinstance(answer, list) or len(answer) != len(inputs):
            raise self._nonsense("a batch")
        return tuple(self._token(item) for item in answer)

    def _token(self, item: Any) -> str:
        match item:
            case {"token": str(token)}:
                return token
            case dict():  # the others of the batch were taken; they run for nobody
                raise BackendRejected(f"{self.url} refused a submission: {_refusal(item)}")
            case _:
                raise self._nonsense("a batch")

    # --- Runs out --------------------------------------------------------------------------------------------

    def fetch(self, tokens: Sequence[str], limits: Limits) -> list[Run | Progress]:
        """What became of each token. `limits` are those it was submitted with: memory and output tell by them."""
        size = self.ceilings().batch
        return [
            seen
            for start in range(0, len(tokens), size)
            for seen in self._fetch(tokens[start : start + size], limits)
        ]

    def _fetch(self, tokens: Sequence[str], limits: Limits) -> list[Run | Progress]:
        fields = FIELDS + ",engine" if self.ceilings().is_engine else FIELDS
        path = f"/submissions/batch?base64_encoded=true&fields={fields}&tokens={','.join(tokens)}"
        match self._ask("GET", path):
            case {"submissions": list(items)} if len(items) == len(tokens):
                return [_understand(item, limits) for item in items]
            case _:
                raise self._nonsense("a batch")

    def delete(self, token: str) -> bool:
        """Makes the server forget it, code and output; False while it still waits or runs.

        True also for one that the server does not know. BackendRejected where deleting is not allowed, which
        `ceilings` tell.
        """
        response = self._answer("DELETE", f"/submissions/{token}")
        if response.status_code == 404 or response.status_code < 300:
            return True
        if response.status_code == 400 and NOT_FINISHED in _refusal_of(response):
            return False
        raise self._refused(response)

    # --- HTTP ------------------------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        timeouts: tuple[float, float] | None = None,
    ) -> Any:
        """The JSON that the server answers."""
        response = self._answer(method, path, body, timeouts)
        if response.status_code >= 300:
            raise self._refused(response)
        try:
            return json.loads(response.content)
        except (ValueError, RecursionError) as error:
            raise self._nonsense(path.partition("?")[0]) from error

    def _answer(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        timeouts: tuple[float, float] | None = None,
    ) -> requests.Response:
        """Whatever the server answers, read to its end."""
        try:
            with self._connections.one(timeouts or self._timeouts) as exchange:
                return self._send(self._request(method, path, body), exchange)
        except _NoneFree as error:
            raise BackendBusy(f"All connections to {self.url} are in use.") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise BackendUnavailable(f"{self.url} does not answer ({type(error).__name__}).") from error

    def _send(self, request: requests.PreparedRequest, exchange: "_Exchange") -> requests.Response:
        """Again where the connection broke: a server may close an idle one just when we use it.

        What it did take the first time runs for nobody.
        """
        for _ in range(self._retries):
            try:
                return exchange(request)
            except requests.ConnectionError as error:
                if not _broke(error):
                    raise
        return exchange(request)

    def _request(self, method: str, path: str, body: bytes | None) -> requests.PreparedRequest:
        request = self._template.copy()
        request.method = method
        request.url = f"{str(request.url).rstrip('/')}{path}"
        if body is not None:
            request.body = body
            request.headers["Content-Type"] = "application/json"
            request.headers["Content-Length"] = str(len(body))
        return request

    @cached_property
    def _template(self) -> requests.PreparedRequest:
        """Prepared once: address and headers are the same in each request."""
        return requests.Request("GET", self.url, headers=self._headers).prepare()

    def _refused(self, response: requests.Response) -> Exception:
        status, words = response.status_code, _refusal_of(response)
        said = f"{self.url} answered {status}{': ' + words if words else ''}."
        if status == 429 or (status == 503 and "queue is full" in words):
            return BackendBusy(said, _retry_after(response))
        if status >= 500:
            return BackendUnavailable(said)
        return BackendRejected(said)

    def _nonsense(self, what: str) -> BackendFault:
        return BackendFault(f"{self.url} answered {what} in a way that is not Judge0's.")


_Exchange = Callable[[requests.PreparedRequest], requests.Response]


class _NoneFree(Exception):
    """All connections are in use, and stayed so."""


class _Connections:
    """At most `most` at once to one server, kept open between requests.

    They are used without a session of `requests`, which would cost half as much CPU again and bring cookies,
    redirects and the environment's proxies: our headers are for this server only.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open()

    def _open(self) -> None:
        self._process = os.getpid()
        self._free = threading.BoundedSemaphore(self._most)
        self._adapter = HTTPAdapter(pool_connections=1, pool_maxsize=self._most)

    @contextmanager
    def one(self, timeouts: tuple[float, float]) -> Iterator[_Exchange]:
        """Lends one, for exchanges that wait so many seconds to be connected and for each piece of an answer.

        _NoneFree when none becomes free in the time that one exchange may take.
        """
        if self._process != os.getpid():  # what a fork inherited belongs to its parent
            self._open()
        free, adapter = self._free, self._adapter
        if not free.acquire(timeout=sum(timeouts)):
            raise _NoneFree

        def exchange(request: requests.PreparedRequest) -> requests.Response:
            response = adapter.send(request, timeout=timeouts)
            _ = response.content  # reads all of it, which sets the connection free
            return response

        try:
            yield exchange
        finally:
            free.release()


def _broke(error: requests.ConnectionError) -> bool:
    """There was a connection and it ended; it was neither refused nor silent for too long."""
    return bool(error.args) and isinstance(error.args[0], (urllib3.exceptions.ProtocolError, OSError))


# --- What we say ---------------------------------------------------------------------------------------------


def _batch(common: Mapping[str, Any], inputs: Sequence[bytes]) -> bytes:
    """The body of a batch. What all items share is written once, and base64 needs no escaping: both may be large."""
    head = json.dumps(common, separators=(",", ":")).encode().removesuffix(b"}")
    items = (b'%s,"stdin":"%s"}' % (head, base64.b64encode(data)) for data in inputs)
    return b'{"submissions":[%s]}' % b",".join(items)


def _limit_fields(limits: Limits, ceilings: Ceilings) -> dict[str, Any]:
    cpu_s = limits.time_ms / 1000
    for name, wanted, most, unit in (
        ("time limit", cpu_s, min(ceilings.cpu_s, ceilings.wall_s), "s"),
        ("memory limit", limits.memory_kib, ceilings.memory_kib, "KiB"),
        ("output limit", limits.output_kib, ceilings.file_kib, "KiB"),
    ):
        if wanted > most:
            raise LimitsUnavailable(
                f"The {name} of {wanted:g} {unit} is more than the judge gives ({most:g} {unit})."
            )
    return {
        "cpu_time_limit": cpu_s,
        "cpu_extra_time": 0,
        "wall_time_limit": min(wall_limit_s(limits), ceilings.wall_s),
        "memory_limit": limits.memory_kib,
        "max_file_size": limits.output_kib,  # of every file, and so of what is printed
    }


def wall_limit_s(limits: Limits) -> float:
    """Twice the CPU limit and a second: generous, since programs are judged by CPU time. A server may allow less."""
    return 2 * limits.time_ms / 1000 + 1


def _find_language(language: Language, names: Mapping[int, str]) -> int | None:
    fitting = [number for number, name in names.items() if language.judge0_name.match(name)]
    released = [number for number in language.judge0_ids if number in fitting]
    return next(iter(released + fitting), None)


# --- What it says --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Seen:
    """A finished submission in our types. `signal` is what ended the program, `engine` what only ours tells."""

    status: int
    exit_code: int | None
    signal: int | None
    output: bytes
    stderr: bytes
    compile_output: bytes
    message: str
    time_ms: int
    wall_ms: int
    memory_kib: int
    engine: Mapping[str, Any]


def _understand(item: Any, limits: Limits) -> Run | Progress:
    if item is None:
        return Progress.LOST
    try:
        status = int(item["status_id"])
        if status in (IN_QUEUE, PROCESSING):
            return Progress.QUEUED if status == IN_QUEUE else Progress.RUNNING
        if status not in (*RAN_WELL, *RAN_BADLY, TIME_LIMIT_EXCEEDED, COMPILATION_ERROR):
            return Progress.FAULTY  # 13, 14, and what nobody has heard of
        return _run(_seen(status, item), limits)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return Progress.FAULTY


def _seen(status: int, item: Mapping[str, Any]) -> _Seen:
    """ValueError, TypeError, KeyError or OverflowError where the item makes no sense."""
    engine = item.get("engine") or {}
    exit_code, signal = _ending(status, item["exit_code"], item["exit_signal"], engine)
    return _Seen(
        status=status,
        exit_code=exit_code,
        signal=signal,
        output=_decode(item["stdout"]),
        stderr=_decode(item["stderr"]),
        compile_output=_decode(item["compile_output"]),
        message=_decode(item["message"]).decode(errors="replace"),
        time_ms=_milliseconds(item["time"]),
        wall_ms=_milliseconds(item["wall_time"]),
        memory_kib=int(item["memory"] or 0),
        engine=engine,
    )


def _ending(
    status: int, exit_code: int | None, exit_signal: int | None, engine: Mapping[str, Any]
) -> tuple[int | None, int | None]:
    """Exit code and signal, at most one of them.

    Judge0 runs the program below bash, which turns the signal n that ended it into exit code 128 + n; only when
    bash itself is hit is there an `exit_signal`. A program that was stopped for its time is said to have exited 0.
    """
    if status in (TIME_LIMIT_EXCEEDED, COMPILATION_ERROR):
        return None, None
    if engine:
        signal = engine["signal"]
    elif exit_signal:
        signal = exit_signal
    else:
        signal = exit_code - 128 if exit_code and 128 < exit_code <= 128 + LAST_SIGNAL else None
    return (None, int(signal)) if signal else (exit_code, None)


def _run(seen: _Seen, limits: Limits) -> Run:
    failure = _failure(seen, limits)
    cut = any(seen.engine.get(flag) for flag in ("stdout_truncated", "stderr_truncated"))
    return Run(
        failure=failure,
        output=seen.output,
        stderr=seen.stderr,
        compile_output=seen.compile_output,
        exit_code=seen.exit_code,
        signal=seen.signal,
        time_ms=seen.time_ms,
        wall_ms=seen.wall_ms,
        memory_kib=seen.memory_kib,
        truncated=cut or failure is Verdict.OLE,
        message=seen.message,
    )


def _failure(seen: _Seen, limits: Limits) -> Verdict | None:
    """Which limit was broken, the graver one first; None when the program ended well."""
    if seen.status == COMPILATION_ERROR:
        return Verdict.CE
    if _printed_too_much(seen, limits):
        return Verdict.OLE
    if _used_too_much_memory(seen, limits):
        return Verdict.MLE
    if seen.status == TIME_LIMIT_EXCEEDED:
        return Verdict.TLE
    return None if seen.status in RAN_WELL else Verdict.RTE


def _printed_too_much(seen: _Seen, limits: Limits) -> bool:
    """Files, and so output, end at the limit: SIGXFSZ, or an error of the program's own when it writes on.

    A program that printed exactly as much as it may and ended well printed nothing too much.
    """
    if seen.engine:
        return bool(seen.engine["stdout_truncated"] or seen.engine["stderr_truncated"])
    if seen.signal == SIGXFSZ:
        return True
    return seen.status not in RAN_WELL and max(len(seen.output), len(seen.stderr)) >= limits.output_kib * 1024


def _used_too_much_memory(seen: _Seen, limits: Limits) -> bool:
    """Judge0 has no such status: the kernel kills the program (137) with its memory at the limit.

    The memory must be within a hundredth of the limit, since kernels count in batches; a program may also kill
    itself, which is a runtime error.
    """
    if seen.engine:
        return seen.engine["killed"] == "memory" or bool(seen.engine["oom"])
    return seen.signal == SIGKILL and seen.memory_kib * 100 >= limits.memory_kib * 99


def _decode(text: str | None) -> bytes:
    """Bytes from base64 that is broken into lines; null is nothing."""
    if text is None:
        return b""
    return base64.b64decode(text.encode("ascii").translate(None, b"\r\n "), validate=True)


def _milliseconds(seconds: str | float | None) -> int:
    value = float(seconds or 0)
    if not math.isfinite(value) or value < 0:
        raise ValueError("a time that is none")
    return round(value * 1000)


def _refusal_of(response: requests.Response) -> str:
    """The server's own words, if it has any that it means for us: many of its errors are empty HTML."""
    try:
        return _refusal(json.loads(response.content))
    except ValueError:
        return ""


def _refusal(body: Any) -> str:
    """`{"error": text}`, `{"field": [text]}`, or a list of these, in one line."""
    match body:
        case [first, *_]:
            return _refusal(first)
        case {"error": str(text)} | {"message": str(text)}:
            return text[:QUOTED_REFUSAL]
        case dict():
            fields = [
                f"{field} {texts[0]}" for field, texts in body.items() if isinstance(texts, list) and texts
            ]
            return "; ".join(fields)[:QUOTED_REFUSAL]
        case _:
            return ""


def _retry_after(response: requests.Response) -> float | None:
    """Seconds; None where it is not said (or said as a date)."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return None
