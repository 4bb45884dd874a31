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
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

import urllib3
from prometheus_client import Counter, Histogram
from structlog.contextvars import get_contextvars

from execution import feedback
from execution.errors import (
    BackendBusy,
    BackendFault,
    BackendForbids,
    BackendRejected,
    BackendUnavailable,
    InteractionUnavailable,
    JudgingError,
    LanguageUnavailable,
    LimitsUnavailable,
    OptionsUnavailable,
)
from execution.exchanges import Answer, Connections, Exchange, NoneFree, Request, TooLarge
from execution.languages import LANGUAGES, Language
from execution.types import Interacted, Interactor, Limits, Run, Verdict

FIELDS = "token,status_id,stdout,stderr,compile_output,message,exit_code,exit_signal,time,wall_time,memory"
KNOWN_FOR_S = 300.0  # how long what a server said of itself is believed
QUOTED_REFUSAL = 200  # characters of a server's own words in our message
NOT_FINISHED = "cannot be deleted because its status is"
TOKEN = re.compile(r"[\w-]{1,64}", re.ASCII)

SHORT_BYTES = 4 * 1024 * 1024  # all that a server says of itself
LONG_BYTES = 256 * 1024 * 1024  # of any answer, whatever the limits are
IN_BASE64 = 1.4  # bytes for each that is shown: a third more, and a line break after 60 of them, escaped
BESIDE_TEXTS = 64 * 1024  # of a submission: its numbers, and the message

TALK_MS = 3_000  # that a program waits, all in all, for the checker that it talks with

MOST = 2**31 - 1  # of any number that a server tells, as the database has room for

ABOUT_THE_BODY = (400, 413, 415, 422)  # refusals that have something to do with what was sent

HOLD_A_BATCH = ("max_submission_batch_size", "max_queue_size")

IN_QUEUE, PROCESSING = 1, 2
TIME_LIMIT_EXCEEDED, COMPILATION_ERROR, INTERNAL_ERROR, EXEC_FORMAT_ERROR = 5, 6, 13, 14
RAN_WELL = (3, 4)
RAN_BADLY = (7, 8, 9, 10, 11, 12)

SIGKILL, SIGXFSZ = 9, 25
LAST_SIGNAL = 31

CALLS = Counter(
    "judge_backend_calls_total",
    "Requests to backends: 2xx, 4xx, 5xx, or unavailable (no answer), busy (no free connection), fault (too long).",
    ["backend", "call", "outcome"],
)
CALL_SECONDS = Histogram(
    "judge_backend_call_seconds",
    "How long a request to a backend took, to the end of its answer.",
    ["backend", "call"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 20),
)


def name_of(url: str) -> str:
    """The server as metrics and people may know it: host, port and path, without name, password and query."""
    split = urlsplit(url)
    return split.netloc.rpartition("@")[2] + split.path.rstrip("/")


class Progress(Enum):
    """What a token shows that has no run (yet)."""

    QUEUED = "queued"
    RUNNING = "running"
    LOST = "lost"  # the server does not know it
    FAULTY = "faulty"  # the server failed at it, or says something that makes no sense


@dataclass(frozen=True)
class Ceilings:
    """What a server allows us, from its /config_info.

    `is_engine`: it tells us more of a run than Judge0 does. `is_reduced`: it is one that isolates programs less than
    fully. `deletes`, `callbacks`: `delete` and `callback_url` work. `networks`: programs may reach other machines.
    `compiler_options`: it takes them, in every language that is compiled. `interacts`: programs may talk with an
    author's checker.
    """

    batch: int
    cpu_s: float
    wall_s: float
    memory_kib: int
    file_kib: int
    is_engine: bool
    deletes: bool
    callbacks: bool
    networks: bool
    compiler_options: bool
    is_reduced: bool = False
    interacts: bool = False

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
    An answer that has begun may take as long again as the read timeout.

    All methods raise BackendUnavailable (no answer, 5xx, or a 3xx or 4xx that is about us and not about the body:
    BackendForbids), BackendBusy (its queue is full, 429, or no connection became free), BackendRejected (it
    understood what was sent and refused it) and BackendFault (an answer that is not Judge0's).
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
        self._headers = {"Accept-Encoding": "gzip, deflate", **(headers or {}), "Accept": "application/json"}
        self._path = urlsplit(self.url).path
        self.name = name_of(self.url)
        self._timeouts = (connect_timeout_s, read_timeout_s)
        self._retries = retries
        self._connections = Connections(self.url, connections)
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

    def is_known_to_lack(self, language: Language) -> bool:
        """What it said when it was asked last; it is not asked now."""
        return self._languages is not None and _find_language(language, self._languages[1]) is None

    def offered(self, timeout_s: float) -> tuple[str, ...]:
        """Asks now which of our languages it offers, by slug."""
        names = self._read_languages((timeout_s, timeout_s))
        return tuple(one.slug for one in LANGUAGES if _find_language(one, names) is not None)

    def queue(self, timeout_s: float | None = None) -> Queue:
        rows = self._ask("GET", "/workers", timeouts=(timeout_s, timeout_s) if timeout_s else None)
        try:
            # before the first job was ever enqueued, Judge0 lists nothing at all
            return Queue(
                waiting=sum(_count(row["size"]) for row in rows),
                workers=sum(_count(row["available"]) for row in rows),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise self._nonsense("/workers") from error

    def _read_ceilings(self) -> Ceilings:
        config = self._ask("GET", "/config_info")
        try:
            engine = config.get("engine")
            is_engine = engine is not None
            return Ceilings(
                batch=max(1, min(_count(config[name]) for name in HOLD_A_BATCH)),
                cpu_s=_ceiling(config["max_cpu_time_limit"]),
                wall_s=_ceiling(config["max_wall_time_limit"]),
                memory_kib=int(_ceiling(config["max_memory_limit"])),
                file_kib=int(_ceiling(config["max_max_file_size"])),
                is_engine=is_engine,
                deletes=config.get("enable_submission_delete") is True
                and (is_engine or "x-auth-user" in map(str.lower, self._headers)),
                callbacks=config.get("enable_callbacks") is True,
                networks=config.get("allow_enable_network") is True,
                compiler_options=config.get("enable_compiler_options") is True
                and not config.get("allowed_languages_for_compile_options"),
                is_reduced=isinstance(engine, dict) and engine.get("reduced") is True,
                interacts=isinstance(engine, dict) and engine.get("interactive") is True,
            )
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise self._nonsense("/config_info") from error

    def _read_languages(self, timeouts: tuple[float, float] | None = None) -> Mapping[int, str]:
        rows = self._ask("GET", "/languages", timeouts=timeouts)
        try:
            return {_count(row["id"]): str(row["name"]) for row in rows}
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise self._nonsense("/languages") from error

    # --- Programs in -----------------------------------------------------------------------------------------

    def submit(
        self,
        language: Language,
        source: bytes,
        inputs: Sequence[bytes],
        limits: Limits,
        *,
        compiler_options: str = "",
        files: bytes = b"",
        interactor: Interactor | None = None,
        indexes: Sequence[int] = (),
        callback_url: str = "",
    ) -> tuple[str, ...]:
        """Sends the program once for each input; the tokens, in the same order.

        `limits` are those of the runs (the language's factor included). A limit that the server cannot give is
        LimitsUnavailable: a lower one would be unfair, so it is never lowered silently, unless the limits are flexible.
        `files` is the zip of a multi-file program, which has no source. `callback_url` is what the
        server shall PUT to when a run has ended; only for one whose `ceilings` have `callbacks`. A server that takes
        no `compiler_options` is OptionsUnavailable. With an `interactor`, which gets the inputs of the cases `indexes`,
        a server that lets no program talk with one is InteractionUnavailable.
        """
        ceilings = self.ceilings()
        if compiler_options and not ceilings.compiler_options:
            raise OptionsUnavailable(f"{self.url} takes no options for compilers.")
        if interactor and not ceilings.interacts:
            raise InteractionUnavailable(f"{self.url} does not let programs talk with a checker.")
        common = {
            **_texts(source, files),
            "language_id": self.language_id(language),
            **_limit_fields(limits, ceilings, interactor),
            "number_of_runs": 1,
            "enable_network": limits.network and ceilings.networks,
            "redirect_stderr_to_stdout": False,
            **({"compiler_options": compiler_options} if compiler_options else {}),
            **({"callback_url": callback_url} if callback_url else {}),
        }
        if interactor:
            body = _talks(common, interactor, dict(zip(indexes, inputs, strict=True)), ceilings)
        else:
            body = _batch(common, inputs)
        answer = self._ask("POST", "/submissions/batch?base64_encoded=true", body=body)
        if not isinstance(answer, list) or len(answer) != len(inputs):
            raise self._nonsense("a batch")
        return tuple(self._token(item) for item in answer)

    def _token(self, item: Any) -> str:
        match item:
            case {"token": str(token)} if TOKEN.fullmatch(token):
                return token
            case dict() if "token" not in item:  # the others of the batch were taken; they run for nobody
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
        ceilings = self.ceilings()
        fields = FIELDS + ",engine" * ceilings.is_engine + ",interactor" * ceilings.interacts
        path = f"/submissions/batch?base64_encoded=true&fields={fields}&tokens={','.join(tokens)}"
        match self._ask("GET", path, most_bytes=len(tokens) * _most_shown(limits, ceilings)):
            case {"submissions": list(items)} if len(items) == len(tokens) and all(
                map(_is_of, items, tokens)
            ):
                return [_understand(item, limits) for item in items]
            case _:
                raise self._nonsense("a batch")

    def delete(self, token: str) -> bool:
        """Makes the server forget it, code and output; False while it still waits or runs.

        True also for one that the server does not know. BackendRejected where deleting is not allowed, which
        `ceilings` tell.
        """
        answer = self._answer(
            "DELETE", f"/submissions/{token}", most_bytes=LONG_BYTES
        )  # shows what it deletes
        if answer.status == 404 or answer.status < 300:
            return True
        if answer.status == 400 and NOT_FINISHED in _refusal_of(answer):
            return False
        raise self._refused("DELETE", answer)

    def forget(self, tokens: Sequence[str]) -> None:
        """Deletes what has ended of these, where the server keeps it for ever and lets us."""
        ceilings = self.ceilings()
        if ceilings.forgets_by_itself or not ceilings.deletes:
            return
        for token in tokens:
            self.delete(token)

    # --- HTTP ------------------------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        timeouts: tuple[float, float] | None = None,
        most_bytes: int = SHORT_BYTES,
    ) -> Any:
        """The JSON that the server answers."""
        answer = self._answer(method, path, body, timeouts, most_bytes)
        if answer.status >= 300:
            raise self._refused(method, answer)
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise self._nonsense(path.partition("?")[0]) from error

    def _answer(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        timeouts: tuple[float, float] | None = None,
        most_bytes: int = SHORT_BYTES,
    ) -> Answer:
        """Whatever the server answers, read to its end; counted."""
        call = f"{method} /{path.partition('?')[0].split('/')[1]}"
        with CALL_SECONDS.labels(self.name, call).time():
            try:
                answer = self._exchange(method, path, body, timeouts, most_bytes)
            except JudgingError as error:
                CALLS.labels(self.name, call, error.code.removeprefix("judge_")).inc()
                raise
        CALLS.labels(self.name, call, f"{answer.status // 100}xx").inc()
        return answer

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        timeouts: tuple[float, float] | None,
        most_bytes: int,
    ) -> Answer:
        try:
            with self._connections.one(timeouts or self._timeouts) as exchange:
                return self._send(self._request(method, path, body), min(most_bytes, LONG_BYTES), exchange)
        except NoneFree as error:
            raise BackendBusy(f"All connections to {self.url} are in use.") from error
        except TooLarge as error:
            raise BackendFault(f"{self.url} answered more than there can be to say.") from error
        except urllib3.exceptions.HTTPError as error:
            raise BackendUnavailable(f"{self.url} does not answer ({type(error).__name__}).") from error

    def _send(self, request: Request, most_bytes: int, exchange: Exchange) -> Answer:
        """Again where the connection broke: a server may close an idle one just when we use it.

        What it did take the first time runs for nobody. One that breaks late was not idle.
        """
        until = time.monotonic() + self._timeouts[1]
        for _ in range(self._retries):
            try:
                return exchange(request, most_bytes)
            except urllib3.exceptions.ProtocolError:
                if time.monotonic() > until:
                    raise
        return exchange(request, most_bytes)

    def _request(self, method: str, path: str, body: bytes | None) -> Request:
        kind = {} if body is None else {"Content-Type": "application/json"}
        return Request(method, self._path + path, self._headers | kind | _whose_request(), body)

    def _refused(self, method: str, answer: Answer) -> JudgingError:
        status, words = answer.status, _refusal_of(answer)
        said = f"{self.url} answered {status}{': ' + words if words else ''}."
        if status == 429 or (status == 503 and "queue is full" in words):
            return BackendBusy(said, _retry_after(answer))
        if status >= 500:
            return BackendUnavailable(said)
        if status not in ABOUT_THE_BODY:
            return BackendForbids(said)
        return BackendFault(said) if method == "GET" else BackendRejected(said)

    def _nonsense(self, what: str) -> BackendFault:
        return BackendFault(f"{self.url} answered {what} in a way that is not Judge0's.")


# --- What we say ---------------------------------------------------------------------------------------------


def _batch(common: Mapping[str, Any], inputs: Sequence[bytes]) -> bytes:
    """The body of a batch. What all items share is written once, and base64 needs no escaping: both may be large."""
    head = json.dumps(common, separators=(",", ":")).encode().removesuffix(b"}")
    items = (b'%s,"stdin":"%s"}' % (head, base64.b64encode(data)) for data in inputs)
    return b'{"submissions":[%s]}' % b",".join(items)


def _talks(
    common: Mapping[str, Any], interactor: Interactor, inputs: Mapping[int, bytes], ceilings: Ceilings
) -> bytes:
    """The same, where the inputs are for whom the program talks with."""
    shared = {
        "files": _base64(interactor.files),
        "accepts": interactor.accepts,
        "cpu_time_limit": min(interactor.time_ms / 1000, ceilings.cpu_s),
        "memory_limit": min(interactor.memory_kib, ceilings.memory_kib),
        "max_file_size": min(interactor.output_kib, ceilings.file_kib),
    }
    items = []
    for index, data in inputs.items():
        answer = interactor.answers.get(index)
        own = {"input": _base64(data), "arguments": interactor.arguments[index]}
        if answer is not None:
            own["answer"] = _base64(answer())
        items.append({**common, "interactor": shared | own})
    return json.dumps({"submissions": items}, separators=(",", ":")).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _texts(source: bytes, files: bytes) -> dict[str, str]:
    """Judge0 wants no source where files are all that there is."""
    name, data = ("additional_files", files) if files else ("source_code", source)
    return {name: _base64(data)}


def _lowered(limits: Limits, ceilings: Ceilings) -> Limits:
    """As far as the server goes."""
    return replace(
        limits,
        time_ms=min(limits.time_ms, int(min(ceilings.cpu_s, ceilings.wall_s) * 1000)),
        memory_kib=min(limits.memory_kib, ceilings.memory_kib),
        output_kib=min(limits.output_kib, ceilings.file_kib),
    )


def _limit_fields(limits: Limits, ceilings: Ceilings, interactor: Interactor | None = None) -> dict[str, Any]:
    if limits.flexible:
        limits = _lowered(limits, ceilings)
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
        "wall_time_limit": min(
            wall_limit_s(limits, interactor.time_ms if interactor else 0), ceilings.wall_s
        ),
        "memory_limit": limits.memory_kib,
        "max_file_size": limits.output_kib,  # of every file, and so of what is printed
    }


def wall_limit_s(limits: Limits, talk_ms: int = 0) -> float:
    """Twice the CPU limit and a second: generous, since programs are judged by CPU time. A server may allow less.

    `talk_ms` is what the checker may take that it talks with; not all of it is waited for, since a program that says
    nothing (it does not flush, say) holds a place at the server for so long.
    """
    return 2 * limits.time_ms / 1000 + 1 + min(talk_ms, TALK_MS) / 1000


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


def _most_shown(limits: Limits, ceilings: Ceilings) -> int:
    """Bytes that an answer may have for one submission; what compilers print ends at the server's own limit."""
    texts = (2 * limits.output_kib + ceilings.file_kib) * 1024
    return int(texts * IN_BASE64) + BESIDE_TEXTS


def _is_of(item: Any, token: str) -> bool:
    """Null is what a server shows of a token that it does not know."""
    return item is None or (isinstance(item, dict) and item.get("token") == token)


def _understand(item: Any, limits: Limits) -> Run | Progress:
    if item is None:
        return Progress.LOST
    try:
        status = int(item["status_id"])
        if status in (IN_QUEUE, PROCESSING):
            return Progress.QUEUED if status == IN_QUEUE else Progress.RUNNING
        if status == INTERNAL_ERROR and (told := _interacted(item)) and told.compile_output is not None:
            return Run(None, interacted=told)
        if status not in (*RAN_WELL, *RAN_BADLY, TIME_LIMIT_EXCEEDED, COMPILATION_ERROR):
            return Progress.FAULTY  # 13, 14, and what nobody has heard of
        return replace(_run(_seen(status, item), limits), interacted=_interacted(item))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return Progress.FAULTY


def _seen(status: int, item: Mapping[str, Any]) -> _Seen:
    """ValueError, TypeError, KeyError or OverflowError where the item makes no sense."""
    engine = item.get("engine") or {}
    exit_code, signal = _ending(status, _code(item["exit_code"]), _code(item["exit_signal"]), engine)
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
        memory_kib=_count(item["memory"] or 0),
        engine=engine,
    )


def _interacted(item: Mapping[str, Any]) -> Interacted | None:
    """ValueError, TypeError, KeyError or AttributeError where it makes no sense."""
    told = item.get("interactor")
    if told is None:
        return None
    compile_output = told["compile_output"]
    return Interacted(
        exit_code=_code(told["exit_code"]),
        signal=_code(told["signal"]),
        killed=str(told["killed"] or ""),
        ended_first=told["ended_first"] is True,
        time_ms=_milliseconds(told["time"]),
        files=tuple(feedback.kept((name, _decode(data)) for name, data in told["files"].items()).items()),
        feedback_complete=told["feedback_complete"] is True,
        messages=_decode(told["stderr"])[: feedback.MOST_FILE],
        compile_output=None if compile_output is None else _decode(compile_output),
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
        signal = _code(engine["signal"])
    elif exit_signal:
        signal = exit_signal
    else:
        signal = exit_code - 128 if exit_code and 128 < exit_code <= 128 + LAST_SIGNAL else None
    return (None, signal) if signal else (exit_code, None)


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
    return _count(float(seconds or 0) * 1000)


def _count(number: Any) -> int:
    """Judge0 writes some as strings. ValueError, OverflowError or TypeError where it is none that can be true."""
    value = round(float(number))
    if not 0 <= value <= MOST:
        raise ValueError("a number that nothing can have")
    return value


def _ceiling(number: Any) -> float:
    """One that is too high for us is as good as our highest."""
    value = float(number)
    if not (math.isfinite(value) and value > 0):
        raise ValueError("a limit under which nothing can run")
    return min(value, float(MOST))


def _code(number: Any) -> int | None:
    """An exit code or a signal. ValueError where it is none."""
    if number is None or (type(number) is int and 0 <= number <= MOST):
        return number
    raise ValueError("a code that is none")


def _whose_request() -> dict[str, str]:
    """The id by which the logs of everybody on the way know what is being judged, where it has one."""
    request_id = get_contextvars().get("request_id", "")
    return {"X-Request-Id": request_id} if request_id else {}


def _refusal_of(answer: Answer) -> str:
    """The server's own words, if it has any that it means for us: many of its errors are empty HTML."""
    try:
        return _refusal(json.loads(answer.body))
    except (ValueError, RecursionError):
        return ""


def _refusal(body: Any) -> str:
    """`{"error": text}`, `{"field": [text]}`, or a list of these, in one line."""
    match body:
        case [dict() as first, *_]:
            return _refusal(first)
        case {"error": str(text)} | {"message": str(text)}:
            return text[:QUOTED_REFUSAL]
        case dict():
            fields = [f"{field} {text}" for field, texts in body.items() if (text := _first_text(texts))]
            return "; ".join(fields)[:QUOTED_REFUSAL]
        case _:
            return ""


def _first_text(texts: Any) -> str:
    match texts:
        case [str(text), *_]:
            return text
        case _:
            return ""


def _retry_after(answer: Answer) -> float | None:
    """Seconds; None where it is not said (or said as a date)."""
    try:
        return max(0.0, float(answer.headers.get("Retry-After", "")))
    except ValueError:
        return None
