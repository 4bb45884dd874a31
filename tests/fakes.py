"""The one fake of the judging library: a server at the HTTP seam that behaves like Judge0 1.13.1, unkindness included.

    with FakeJudge0(lambda source, stdin: printed(stdin)) as judge0:
        Pool([Backend(judge0.url)])
        judge0.runs          what was run, as (source, stdin)
        judge0.requests      every request that came
        judge0.fail("500")   switch a fault on

It compiles and runs nothing: a Python callable says what a program shows. Base64 is broken into lines, no output is
null, errors of the framework are empty HTML unless JSON is asked for, the single GET is a second old, and a token
shows "In Queue" and "Processing" before it shows a result. Where a `callback_url` was given, it is called once the
program has taken its time. `tests/execution/test_fake.py` holds it against recordings of a real Judge0.
"""

import base64
import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import requests

LANGUAGES = {
    71: "Python (3.8.1)",
    70: "Python (2.7.17)",
    54: "C++ (GCC 9.2.0)",
    76: "C++ (Clang 7.0.1)",
    50: "C (GCC 9.2.0)",
    79: "Objective-C (Clang 7.0.1)",
}

CONFIG: dict[str, Any] = {
    "maintenance_mode": False,
    "enable_wait_result": True,
    "enable_compiler_options": True,
    "allowed_languages_for_compile_options": [],
    "enable_command_line_arguments": True,
    "enable_submission_delete": False,
    "enable_callbacks": True,
    "callbacks_max_tries": 3,
    "callbacks_timeout": 5.0,
    "enable_additional_files": True,
    "max_queue_size": 100,
    "cpu_time_limit": 5.0,
    "max_cpu_time_limit": 15.0,
    "cpu_extra_time": 1.0,
    "max_cpu_extra_time": 5.0,
    "wall_time_limit": 10.0,
    "max_wall_time_limit": 20.0,
    "memory_limit": 128000,
    "max_memory_limit": 512000,
    "stack_limit": 64000,
    "max_stack_limit": 128000,
    "max_processes_and_or_threads": 60,
    "max_max_processes_and_or_threads": 120,
    "enable_per_process_and_thread_time_limit": False,
    "allow_enable_per_process_and_thread_time_limit": True,
    "enable_per_process_and_thread_memory_limit": False,
    "allow_enable_per_process_and_thread_memory_limit": True,
    "max_file_size": 1024,
    "max_max_file_size": 4096,
    "number_of_runs": 1,
    "max_number_of_runs": 20,
    "redirect_stderr_to_stdout": False,
    "max_extract_size": 10240,
    "enable_batched_submissions": True,
    "max_submission_batch_size": 20,
    "submission_cache_duration": 1.0,
    "use_docs_as_homepage": False,
    "allow_enable_network": True,
    "enable_network": False,
}
# Where our engine differs in what is asked for here.
ENGINE_CONFIG = {
    "enable_submission_delete": True,
    "enable_callbacks": False,
    "engine": {"fields": ["engine"]},
}

FIELDS = [
    "source_code",
    "language_id",
    "stdin",
    "expected_output",
    "stdout",
    "status_id",
    "created_at",
    "finished_at",
    "time",
    "memory",
    "stderr",
    "token",
    "number_of_runs",
    "cpu_time_limit",
    "cpu_extra_time",
    "wall_time_limit",
    "memory_limit",
    "stack_limit",
    "max_processes_and_or_threads",
    "enable_per_process_and_thread_time_limit",
    "enable_per_process_and_thread_memory_limit",
    "max_file_size",
    "compile_output",
    "exit_code",
    "exit_signal",
    "message",
    "wall_time",
    "compiler_options",
    "command_line_arguments",
    "redirect_stderr_to_stdout",
    "callback_url",
    "additional_files",
    "enable_network",
    "status",
    "language",
]
DEFAULT_FIELDS = ["stdout", "time", "memory", "stderr", "token", "compile_output", "message", "status"]
NOT_TEXT = (
    "some attributes for one or more submissions cannot be converted to UTF-8, "
    "use base64_encoded=true query parameter"
)

MULTI_FILE = 89  # of which the zip is what others' source is

DESCRIPTIONS = {
    1: "In Queue",
    2: "Processing",
    3: "Accepted",
    4: "Wrong Answer",
    5: "Time Limit Exceeded",
    6: "Compilation Error",
    11: "Runtime Error (NZEC)",
    13: "Internal Error",
    14: "Exec Format Error",
}

SLOW_S = 0.2  # how long a slow answer takes

UPPER_BOUNDS = {
    "cpu_time_limit": "max_cpu_time_limit",
    "wall_time_limit": "max_wall_time_limit",
    "memory_limit": "max_memory_limit",
    "max_file_size": "max_max_file_size",
}


@dataclass(frozen=True)
class Result:
    """What a program shows, in Judge0's words; nothing keeps a test from saying nonsense.

    `takes_s` is how long it is "Processing"; `engine` is only shown by a
    server that is said to be our engine.
    """

    status: int = 3
    stdout: bytes = b""
    stderr: bytes = b""
    compile_output: bytes | None = None
    exit_code: Any = 0
    exit_signal: int | None = None
    message: str | None = None
    time: str | None = "0.016"
    wall_time: str | None = "0.030"
    memory: Any = 3492
    takes_s: float = 0.0
    engine: Mapping[str, Any] | None = None


def printed(stdout: bytes, **more: Any) -> Result:
    return Result(stdout=stdout, **more)


def exited(code: int, stdout: bytes = b"", **more: Any) -> Result:
    """Also for signals, which Judge0's bash turns into 128 + n."""
    return Result(11, stdout, exit_code=code, message=f"Exited with error status {code}", **more)


def timed_out(stdout: bytes = b"", **more: Any) -> Result:
    """Judge0 says that it exited 0."""
    return Result(5, stdout, message="Time limit exceeded", **({"time": "1.02"} | more))


def not_compiled(text: bytes, **more: Any) -> Result:
    return Result(6, compile_output=text, exit_code=None, time=None, wall_time=None, memory=None, **more)


def internal_error(**more: Any) -> Result:
    return Result(
        13,
        exit_code=None,
        time=None,
        wall_time=None,
        memory=None,
        message="Cleanup of sandbox 410 failed.",
        **more,
    )


def echo(source: bytes, stdin: bytes) -> Result:
    return printed(stdin)


Program = Callable[[bytes, bytes], Result]


@dataclass(frozen=True)
class Request:
    """What came in; `body` is the parsed JSON."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass
class _Submission:
    token: str
    body: Mapping[str, Any]
    source: bytes
    stdin: bytes
    looks: int = 0
    started: float = field(default_factory=time.monotonic)
    result: Result | None = None
    cached: tuple[float, Any] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class _Fault:
    """`times` None: until it is lifted. `method` and `path` say what it hits ("" for all)."""

    kind: str
    times: int | None
    method: str
    path: str
    headers: Mapping[str, str]


class FakeJudge0:
    """`looks` is how often a token must be asked for before it shows its result, `takes_s` how long each program
    takes beside what its result says. `engine`: it is our own one. `demands` are headers without which, as at a
    hosted one, nothing is answered; without an `authz_token` nothing is deleted, as on a server that has none.
    """

    def __init__(
        self,
        program: Program = echo,
        *,
        looks: int = 2,
        takes_s: float = 0.0,
        languages: Mapping[int, str] = LANGUAGES,
        config: Mapping[str, Any] | None = None,
        auth_token: str = "",
        authz_token: str = "",
        demands: Mapping[str, str] | None = None,
        engine: bool = False,
    ) -> None:
        self.program = program
        self.looks = looks
        self.takes_s = takes_s
        self.languages = dict(languages)
        self.config = CONFIG | (ENGINE_CONFIG if engine else {}) | dict(config or {})
        self.auth_token = auth_token
        self.authz_token = authz_token
        self.demands = dict(demands or {})
        self.engine = engine
        self.workers = [{"queue": "1.13.1", "size": 0, "available": 2, "idle": 2, "working": 0, "paused": 0}]
        self.stuck_at: int | None = None  # a status that every token shows for ever
        self.is_forgetful = False  # every token is unknown as soon as it was given
        self.refuse: Callable[[bytes], dict[str, list[str]] | None] = lambda stdin: None  # errors of an item
        self.requests: list[Request] = []
        self.runs: list[tuple[bytes, bytes]] = []
        self.submissions: dict[str, _Submission] = {}
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Nothing listens at its address any more; connections break."""
        if self._released.is_set():
            return
        self._released.set()
        self._server.shutdown()
        self._server.break_connections()
        self._server.server_close()
        self._thread.join()

    # --- Switches --------------------------------------------------------------------------------------------

    def fail(
        self,
        kind: str,
        *,
        times: int | None = None,
        method: str = "",
        path: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """From now on requests meet this fault:

        500, 401, 404, 400, 429, 503      that status with an empty body (`headers` may add Retry-After)
        queue_full, maintenance           Judge0's two 503s
        garbage, nested, wrong_shape      200 with what is not JSON, too deep, or not what was asked for
        half                              the connection breaks in the middle of the answer
        stall                             nothing comes after half an answer
        broken                            it breaks before the answer
        hang                              no answer, until the server is stopped
        slow                              the right answer, after 0.2 seconds
        """
        self._faults.append(_Fault(kind, times, method, path, headers or {}))

    def mend(self) -> None:
        self._faults.clear()

    def forget(self) -> None:
        """All tokens are lost, as after a restart with an empty database."""
        with self._lock:
            self.submissions.clear()

    @property
    def connections(self) -> int:
        """How many connections were opened to it so far."""
        return self._server.opened

    def asked(self, method: str, path: str) -> list[Request]:
        """The requests of this kind, in order."""
        return [one for one in self.requests if (one.method, one.path) == (method, path)]

    # --- Answers ---------------------------------------------------------------------------------------------

    def _fault(self, method: str, path: str) -> _Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.times != 0 and method.startswith(fault.method) and path.startswith(fault.path):
                    fault.times = fault.times and fault.times - 1
                    return fault
        return None

    def _create(self, items: Any, *, is_base64: bool) -> tuple[int, Any]:
        most = self.config["max_submission_batch_size"]
        if not isinstance(items, list) or not items:
            return 400, {"error": "there should be at least one submission in a batch"}
        if len(items) > most:
            return 400, {"error": f"number of submissions in a batch should be less than or equal to {most}"}
        answers = [self._create_one(item, is_base64=is_base64) for item in items if item is not None]
        return (201 if any("token" in answer for answer in answers) else 422), answers

    def _create_one(self, item: Mapping[str, Any], *, is_base64: bool) -> dict[str, Any]:
        errors: dict[str, list[str]] = {}
        source = _read(item.get("source_code"), is_base64=is_base64)
        stdin = _read(item.get("stdin"), is_base64=is_base64)
        if item.get("language_id") == MULTI_FILE:
            if source:
                errors["source_code"] = ["must be blank"]
            source = _read(item.get("additional_files"), is_base64=True)
        elif not source.strip():
            errors["source_code"] = ["can't be blank"]
        if item.get("language_id") not in self.languages:
            number = item.get("language_id")
            blank = ["can't be blank"] if number is None else []
            errors["language_id"] = [*blank, f"language with id {number or ''} doesn't exist"]
        if item.get("callback_url") and not self.config["enable_callbacks"]:
            errors["callback_url"] = ["setting callback is not allowed"]
        for name, bound in UPPER_BOUNDS.items():
            if item.get(name, 0) > self.config[bound]:
                errors[name] = [f"must be less than or equal to {self.config[bound]}"]
        errors |= self.refuse(stdin) or {}
        if errors:
            return dict(errors)
        submission = _Submission(str(uuid.uuid4()), item, source, stdin)
        with self._lock:
            self.submissions[submission.token] = submission
            self.runs.append((source, stdin))
        if item.get("callback_url"):
            threading.Thread(target=self._call_back, args=(submission,), daemon=True).start()
        return {"token": submission.token}

    def _show(self, token: str, fields: Sequence[str], *, is_base64: bool) -> dict[str, Any] | None:
        """UnicodeDecodeError for bytes asked for as plain text."""
        submission = self.submissions.get(token)
        if submission is None or self.is_forgetful:
            return None
        status, result = self._proceed(submission)
        language = submission.body["language_id"]
        shown = (
            dict.fromkeys(FIELDS)
            | dict(submission.body)
            | {
                "token": token,
                "status_id": status,
                "status": {"id": status, "description": DESCRIPTIONS.get(status, "Runtime Error (Other)")},
                "language": {"id": language, "name": self.languages[language]},
            }
        )
        texts = {"source_code": submission.source, "stdin": submission.stdin}
        if result:
            texts |= {
                "stdout": result.stdout,
                "stderr": result.stderr,
                "compile_output": result.compile_output or b"",
                "message": (result.message or "").encode(),
            }
            numbers = ("exit_code", "exit_signal", "time", "wall_time", "memory", "engine")
            shown |= {name: getattr(result, name) for name in numbers}
        written = {name: _write(data, is_base64=is_base64) for name, data in texts.items() if name in fields}
        shown |= written
        return {name: shown.get(name) for name in [*FIELDS, "engine"] if name in fields}

    def _proceed(self, submission: _Submission) -> tuple[int, Result | None]:
        """One look: In Queue, Processing, and then the result, once the program has taken its time."""
        if self.stuck_at:
            return self.stuck_at, None
        submission.looks += 1
        if submission.looks <= self.looks:
            return (1 if submission.looks == 1 else 2), None
        if self._left_s(submission) > 0:
            return 2, None
        result = self._result(submission)
        return result.status, result

    def _result(self, submission: _Submission) -> Result:
        with submission.lock:
            if submission.result is None:
                submission.result = self.program(submission.source, submission.stdin)
            return submission.result

    def _left_s(self, submission: _Submission) -> float:
        """How long the program will still run."""
        takes_s = self.takes_s + self._result(submission).takes_s
        return submission.started + takes_s - time.monotonic()

    def _call_back(self, submission: _Submission) -> None:
        """One PUT, again only when it breaks; the result is there before it. A submission that is stuck has none."""
        if self._released.wait(max(0.0, self._left_s(submission))) or self.stuck_at:
            return
        submission.looks = self.looks
        shown = self._show(submission.token, DEFAULT_FIELDS, is_base64=True)
        headers = {"Content-Type": "application/json", "Accept": "*/*", "User-Agent": "Ruby"}
        for _ in range(self.config["callbacks_max_tries"]):
            with contextlib.suppress(requests.RequestException):
                url, timeout_s = submission.body["callback_url"], self.config["callbacks_timeout"]
                requests.put(url, json.dumps(shown), headers=headers, timeout=timeout_s)
                return

    def _fields(self, wanted: str) -> list[str] | dict[str, Any]:
        """The names, or the error."""
        names = [name for name in wanted.split(",") if name] or DEFAULT_FIELDS
        known = {*FIELDS, "engine"} if self.engine else set(FIELDS)
        if unknown := [name for name in names if name not in known and name != "*"]:
            return {"error": f"invalid fields: [{', '.join(unknown)}]"}
        return sorted(known) if "*" in names else names

    def _get_batch(self, query: Mapping[str, str]) -> tuple[int, Any]:
        tokens = [token for token in query.get("tokens", "").split(",") if token]
        most = self.config["max_submission_batch_size"]
        if not tokens:
            return 400, {"error": "there should be at least one submission in a batch"}
        if len(tokens) > most:
            return 400, {"error": f"number of submissions in a batch should be less than or equal to {most}"}
        fields = self._fields(query.get("fields", ""))
        if isinstance(fields, dict):
            return 400, fields
        is_base64 = query.get("base64_encoded") == "true"
        try:
            return 200, {"submissions": [self._show(token, fields, is_base64=is_base64) for token in tokens]}
        except UnicodeDecodeError:
            return 400, {"error": NOT_TEXT}

    def _get_one(self, token: str, query: Mapping[str, str]) -> tuple[int, Any]:
        fields = self._fields(query.get("fields", ""))
        if isinstance(fields, dict):
            return 400, fields
        submission = self.submissions.get(token)
        if submission is None:
            return 404, None
        now = time.monotonic()
        if submission.cached is None or now - submission.cached[0] > 1:
            submission.cached = (now, self._show(token, fields, is_base64=True))
        return 200, submission.cached[1]

    def _delete(self, request: Request) -> tuple[int, Any]:
        if not self.engine and (
            not self.authz_token or request.headers.get("X-Auth-User") != self.authz_token
        ):
            return 403, None
        if not self.config["enable_submission_delete"]:
            return 400, {"error": "delete not allowed"}
        token = request.path.rpartition("/")[2]
        submission = self.submissions.get(token)
        if submission is None:
            return 404, None
        status, _ = self._proceed(submission)
        if status in (1, 2):
            state = f"{status} ({DESCRIPTIONS[status]})"
            return 400, {"error": f"submission cannot be deleted because its status is {state}"}
        shown = self._show(token, DEFAULT_FIELDS, is_base64=True)
        with self._lock:
            self.submissions.pop(token, None)
        return 200, shown

    def answer(self, request: Request) -> tuple[int, Any]:
        """Status and JSON, None for the framework's own error page."""
        if any(request.headers.get(name) != value for name, value in self.demands.items()):
            return 403, {"message": "You are not subscribed to this API."}
        if self.auth_token and request.headers.get("X-Auth-Token") != self.auth_token:
            return 401, None
        match request.method, request.path:
            case "POST", "/submissions/batch":
                is_base64 = request.query.get("base64_encoded") == "true"
                return self._create(request.body.get("submissions"), is_base64=is_base64)
            case "GET", "/submissions/batch":
                return self._get_batch(request.query)
            case "GET", path if path.startswith("/submissions/"):
                return self._get_one(path.rpartition("/")[2], request.query)
            case "DELETE", path if path.startswith("/submissions/"):
                return self._delete(request)
            case "GET", "/languages":
                return 200, [{"id": number, "name": name} for number, name in self.languages.items()]
            case "GET", "/config_info":
                return 200, self.config
            case "GET", "/workers":
                return 200, self.workers
            case "GET", "/about":
                return 200, {"version": "1.13.1"}
            case _:
                return 404, None


def _read(text: str | None, *, is_base64: bool) -> bytes:
    return base64.b64decode(text or "") if is_base64 else (text or "").encode()


def _write(data: bytes, *, is_base64: bool) -> str | None:
    """MIME base64: a newline after every 60 characters and at the end; nothing is null."""
    if not is_base64:
        return data.decode("ascii") or None
    text = base64.b64encode(data).decode()
    return "".join(text[start : start + 60] + "\n" for start in range(0, len(text), 60)) or None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.connections: set[Any] = set()
        self.opened = 0

    def process_request(self, request: Any, client_address: Any) -> None:
        self.opened += 1
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""

    def break_connections(self) -> None:
        for connection in list(self.connections):
            self.shutdown_request(connection)


def _handler(fake: FakeJudge0) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one packet: else each answer waits 40 ms for an acknowledgement

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def do_DELETE(self) -> None:
            self._answer("DELETE")

        def _answer(self, method: str) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            query = {
                name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()
            }
            request = Request(method, parts.path, query, dict(self.headers), json.loads(raw) if raw else None)
            with fake._lock:
                fake.requests.append(request)
            fault = fake._fault(method, parts.path)
            if fault and fault.kind != "slow":
                self._misbehave(fault)
            else:
                fake._released.wait(SLOW_S if fault else 0)
                self._send(*fake.answer(request))

        def _misbehave(self, fault: _Fault) -> None:
            match fault.kind:
                case "hang":
                    fake._released.wait(60)
                    self.close_connection = True
                case "broken":
                    self.close_connection = True
                case "half":
                    self._write(200, b'{"submissions":[', "application/json; charset=utf-8", length=4000)
                    self.close_connection = True
                case "stall":
                    self._write(200, b'{"submissions":[', "application/json; charset=utf-8", length=4000)
                    self.wfile.flush()
                    fake._released.wait(60)
                    self.close_connection = True
                case "garbage":
                    self._write(200, b"<html>It works!</html>", "text/html")
                case "nested":
                    self._write(200, b"[" * 100_000, "application/json; charset=utf-8")
                case "wrong_shape":
                    self._send(200, {"nothing": "of the kind"})
                case "queue_full":
                    self._send(503, {"error": "queue is full"})
                case "maintenance":
                    self._send(503, {"error": "Judge0 is currently in maintenance."})
                case status:
                    self._write(int(status), b"", "text/html", headers=fault.headers)

        def _send(self, status: int, body: Any) -> None:
            if body is not None:
                self._write(status, json.dumps(body).encode(), "application/json; charset=utf-8")
            elif status not in (401, 403) and "application/json" in self.headers.get("Accept", ""):
                errors = {404: "Not Found", 400: "Bad Request", 500: "Internal Server Error"}
                self._send(status, {"status": status, "error": errors[status]})
            else:
                self._write(status, b"", "text/html")

        def _write(
            self,
            status: int,
            body: bytes,
            kind: str,
            *,
            length: int | None = None,
            headers: Mapping[str, str] | None = None,
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    return Handler
