"""A language model's provider on loopback that speaks both APIs as streams, and says what it was told to say.

    POST /v1/messages           Anthropic's
    POST /v1/chat/completions   OpenAI's, and that of the many servers that speak like it

What it says are values, one for each request in turn; the last one is said again and again:

    Says      a reply, whatever its text is        Fails    a status, such as 429 or 500
    Waits     half of a reply, then more on `go_on` Breaks   half of a reply, then no connection
    Declines  a refusal                            Silent   nothing at all, for as long as it runs
    Flows     a reply without an end               Drips    heads of a response without an end
    Trickles  a stream of nothing, without an end  Pages    anything that is no such answer
"""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

TOKENS_IN, TOKENS_OUT = 321, 45
SIZE_OF_A_PIECE = 7


def hint(**changes: Any) -> str:
    """A reply that is a hint, with these fields instead."""
    return json.dumps(
        {
            "hint": "Which numbers does your loop leave out? Try the first public case by hand.",
            "confidence": 0.8,
            "approach": "Follow the loop on a small input.",
            "next_steps": ["Write down each value of the loop's variable."],
            "line": 2,
        }
        | changes
    )


def review(**changes: Any) -> str:
    remark = {"line": 1, "type": "style", "message": "The name says little.", "severity": "info"}
    return json.dumps(
        {
            "overall_score": 70,
            "suggestions": [remark],
            "strengths": ["It is short."],
            "improvements": ["Names that say what they hold."],
        }
        | changes
    )


def analysis(**changes: Any) -> str:
    complexity = {"time": "O(n)", "space": "O(1)", "explanation": "One loop over the input."}
    issue = {"line": 2, "type": "correctness", "message": "The last one is left out.", "severity": "error"}
    return review(**{"complexity": complexity, "issues": [issue]} | changes)


@dataclass(frozen=True)
class Says:
    text: str


@dataclass(frozen=True)
class Waits:
    text: str


@dataclass(frozen=True)
class Declines:
    pass


@dataclass(frozen=True)
class Breaks:
    text: str


@dataclass(frozen=True)
class Fails:
    """`body` is what it says of it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True)
class Silent:
    pass


@dataclass(frozen=True)
class Flows:
    text: str


@dataclass(frozen=True)
class Drips:
    pass


@dataclass(frozen=True)
class Trickles:
    pass


@dataclass(frozen=True)
class Pages:
    body: str
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)


Saying = Says | Waits | Declines | Breaks | Fails | Silent | Flows | Drips | Trickles | Pages


@dataclass(frozen=True)
class Asked:
    """One request, as it came; names of headers are in small letters."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def system(self) -> str:
        """What the platform says."""
        said = self.body["system"] if self.is_anthropic else self.body["messages"][0]["content"]
        return str(said)

    @property
    def data(self) -> dict[str, Any]:
        """The document with what others wrote."""
        return json.loads(self.body["messages"][-1]["content"])

    @property
    def is_anthropic(self) -> bool:
        return self.path.endswith("/messages")


class FakeProvider:
    """`asked` are the requests in order; `bytes` is all that it was ever sent, requests' lines and headers too.

    `was_left` is set once somebody has hung up on it.
    """

    def __init__(self, *sayings: Saying) -> None:
        self.sayings = list(sayings)
        self.asked: list[Asked] = []
        self.bytes = b""
        self.was_left = threading.Event()
        self._go_on = threading.Event()
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.fake = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def openai_url(self) -> str:
        """What OPENAI_BASE_URL is set to; ANTHROPIC_BASE_URL is set to `url`."""
        return f"{self.url}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def says(self, *sayings: Saying) -> None:
        """From now on."""
        with self._lock:
            self.sayings = list(sayings)
            self._go_on.clear()

    def go_on(self) -> None:
        """Those that wait say the rest."""
        self._go_on.set()

    def _next(self, asked: Asked) -> Saying:
        with self._lock:
            self.asked.append(asked)
            return self.sayings.pop(0) if len(self.sayings) > 1 else self.sayings[0]

    def _keep(self, sent: bytes) -> bytes:
        with self._lock:
            self.bytes += sent
        return sent

    def _pieces(self, saying: Says | Waits | Breaks | Flows) -> Iterator[str]:
        """Of the reply's text; each may be said once the one before was sent."""
        half = len(saying.text) // 2
        if isinstance(saying, Flows):
            while not self._is_over.is_set():
                yield saying.text
        for start in range(0, half, SIZE_OF_A_PIECE):
            yield saying.text[start : min(start + SIZE_OF_A_PIECE, half)]
        if isinstance(saying, Breaks):
            raise ConnectionAbortedError
        if isinstance(saying, Waits):
            self._go_on.wait(30)
        for start in range(half, len(saying.text), SIZE_OF_A_PIECE):
            yield saying.text[start : start + SIZE_OF_A_PIECE]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    fake: FakeProvider

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""
        self.fake.was_left.set()


class _Kept:
    """A request as it is read, byte by byte what the fake keeps."""

    def __init__(self, source: Any, fake: FakeProvider) -> None:
        self._source, self._fake = source, fake

    def readline(self, most: int = -1) -> bytes:
        return self._fake._keep(self._source.readline(most))

    def read(self, size: int = -1) -> bytes:
        return self._fake._keep(self._source.read(size))

    def close(self) -> None:
        self._source.close()

    @property
    def closed(self) -> bool:
        return bool(self._source.closed)


def _handler(fake: FakeProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.rfile: Any = _Kept(self.rfile, fake)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            saying = fake._next(asked)
            if isinstance(saying, Fails):
                self._fail(saying)
            elif isinstance(saying, Silent):
                fake._is_over.wait(30)
            elif isinstance(saying, Drips | Trickles):
                self._drip(saying)
            elif isinstance(saying, Pages):
                self._answer(200, {**saying.headers, "Content-Type": saying.content_type}, saying.body)
            else:
                self._stream(asked, saying)

        def _fail(self, saying: Fails) -> None:
            error = {"type": "error", "error": {"type": "fake", "message": saying.body}}
            headers = {**saying.headers, "Content-Type": "application/json"}
            self._answer(saying.status, headers, json.dumps(error))

        def _answer(self, status: int, headers: Mapping[str, str], body: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def _drip(self, saying: Drips | Trickles) -> None:
            drop = b"X-Still: here\r\n"
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            if isinstance(saying, Trickles):
                self.wfile.write(b"Content-Type: text/event-stream\r\n\r\n")
                drop = b": nothing\n\n"
            while not fake._is_over.wait(0.02):
                self.wfile.write(drop)

        def _stream(self, asked: Asked, saying: Says | Waits | Declines | Breaks | Flows) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            events = _anthropic if asked.is_anthropic else _openai
            try:
                for event in events(asked.body["model"], fake, saying):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                self.wfile.write(b"0\r\n\r\n")
            except ConnectionAbortedError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler


def _event(data: Mapping[str, Any], *, is_named: bool) -> bytes:
    name = f"event: {data['type']}\n" if is_named else ""
    return f"{name}data: {json.dumps(data)}\n\n".encode()


def _anthropic(model: str, fake: FakeProvider, saying: Any) -> Iterator[bytes]:
    for data in _anthropic_events(model, fake, saying):
        yield _event(data, is_named=True)


def _anthropic_events(model: str, fake: FakeProvider, saying: Any) -> Iterator[dict[str, Any]]:
    declines = isinstance(saying, Declines)
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": []}
    usage = {"input_tokens": TOKENS_IN, "output_tokens": 1}
    yield {"type": "message_start", "message": message | {"stop_reason": None, "usage": usage}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "ping"}
    for piece in () if declines else fake._pieces(saying):
        delta = {"type": "text_delta", "text": piece}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    ended = {"stop_reason": "refusal" if declines else "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": TOKENS_OUT}}
    yield {"type": "message_stop"}


def _openai(model: str, fake: FakeProvider, saying: Any) -> Iterator[bytes]:
    for data in _openai_chunks(model, fake, saying):
        yield _event(data, is_named=False)
    yield b"data: [DONE]\n\n"


def _openai_chunks(model: str, fake: FakeProvider, saying: Any) -> Iterator[dict[str, Any]]:
    chunk = {"id": "chat_1", "object": "chat.completion.chunk", "created": 1, "model": model}

    def choice(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    yield choice({"role": "assistant", "content": ""})
    if isinstance(saying, Declines):
        yield choice({"refusal": "I cannot help with that."})
    else:
        for piece in fake._pieces(saying):
            yield choice({"content": piece})
    yield choice({}, "stop")
    usage = {
        "prompt_tokens": TOKENS_IN,
        "completion_tokens": TOKENS_OUT,
        "total_tokens": TOKENS_IN + TOKENS_OUT,
    }
    yield chunk | {"choices": [], "usage": usage}
