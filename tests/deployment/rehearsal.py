"""A rehearsal of a deployment on this machine, without containers: `python -m tests.deployment.rehearsal FILE`.

FILE is docker-compose.yml, or the folder of a Kustomize overlay. Its workloads are started as processes, with the very
commands, variables, ports, probes, preStop and grace that it holds (`machine` tells what is replaced), in its order;
then `manage.py smoke` runs against them. Exit code 0 if all of it went well; in any case all of it is ended.
"""

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.deployment import compose, manifests
from tests.deployment.machine import READY_S, Addresses, Machine, Running
from tests.deployment.workloads import Deployment, NotReady, NotUnderstood, Probe
from tests.platform.running import ROOT

FRONT = "web"
PREPARE = ("python", "manage.py", "load_samples")
SMOKE = ("python", "manage.py", "smoke")


def operators_values(addresses: Addresses) -> dict[str, str]:
    """What an operator fills in: made up, but for the address that people know, which is the front's."""
    secret = {
        name: secrets.token_urlsafe(40)
        for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "JUDGE0_AUTH_TOKEN", "CODE_EXEC_KEY", "METRICS_TOKEN")
    }
    return {
        **secret,
        "PUBLIC_URL": f"http://{addresses[FRONT]}:8000",
        "ENGINE_AUTH_TOKEN": secret["JUDGE0_AUTH_TOKEN"],
        "DATABASE_URL": f"postgres://judge:{secret['POSTGRES_PASSWORD']}@postgres:5432/judge",
        "REDIS_URL": "redis://redis:6379/0",
    }


class Rehearsal:
    """The deployment on this machine. `replicas` by the workload's name."""

    def __init__(self, machine: Machine, deployment: Deployment, say: Callable[[str], None]) -> None:
        self.machine = machine
        self.deployment = deployment
        self.say = say
        self.replicas: dict[str, list[Running]] = {}

    def start(self, counts: dict[str, int] | None = None) -> None:
        """All of it; of a workload in `counts` so many. Raises NotReady."""
        began = time.monotonic()
        for name in self._balanced(counts or {}):
            self.machine.balance(name)
        for name, workload in self.deployment.workloads.items():
            self._await(self.deployment.needs[name])
            count = (counts or {}).get(name, workload.replicas)
            self.replicas[name] = [self.machine.start(workload) for _ in range(count)]
            self.say(
                f"{time.monotonic() - began:5.1f} s  {name} × {count}: {' '.join(workload.command) or workload.image}"
            )
        self._await(self.deployment.workloads)
        self.say(f"{time.monotonic() - began:5.1f} s  every probe says yes")

    def _balanced(self, counts: dict[str, int]) -> list[str]:
        """The front, and what has several replicas."""
        found = self.deployment.services.items()
        several = {
            name for name, one in self.deployment.workloads.items() if counts.get(name, one.replicas) > 1
        }
        return [
            name
            for name, service in found
            if name == FRONT or (service.workload in several and not service.pods)
        ]

    def _await(self, names: Iterable[str]) -> None:
        self.machine.await_ready(*(one for name in names for one in self.replicas[name]), then=self.enter)

    def enter(self, one: Running) -> None:
        """Into the rotation of the balancers in front of it."""
        for name, port in self._fronts(one):
            self.machine.balancers[name].add((one.address, port))

    def leave(self, one: Running) -> None:
        for name, port in self._fronts(one):
            self.machine.balancers[name].remove((one.address, port))

    def _fronts(self, one: Running) -> list[tuple[str, int]]:
        found = []
        for name in self.machine.balancers:
            if self.machine.services[name].workload == one.workload.name:
                (port,) = self.machine.ports_of(name).values()
                found.append((name, port))
        return found

    def execute(self, *command: str) -> None:
        """In a container of the web. Raises NotReady with what it said."""
        done = self.machine.execute(self.replicas[FRONT][0], command)
        for line in done.stdout.splitlines():
            self.say(f"         {line}")
        if done.returncode != 0:
            raise NotReady(
                f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}"
            )

    def await_backends(self) -> None:
        """Until workers have told how the backends are, which they do some seconds after they were started."""
        front = self.machine.addresses[FRONT]
        probe = Probe(path="/readyz", port=next(iter(self.machine.ports_of(FRONT))), timeout_s=5)
        deadline = time.monotonic() + READY_S
        while not self.machine.says_yes_at(front, probe):
            if time.monotonic() > deadline:
                raise NotReady(f"/readyz says no:\n{self.last_lines()}")
            time.sleep(0.1)

    def last_lines(self) -> str:
        return "\n".join(f"--- {one.name}\n{one.last_lines()}" for one in self.machine.running)


def read(path: Path, values: dict[str, str]) -> Deployment:
    """Raises NotUnderstood."""
    return manifests.read(path, values) if path.is_dir() else compose.read(path, values)


def rehearse(path: Path, say: Callable[[str], None], counts: dict[str, int] | None = None) -> None:
    """As many replicas as `counts` says, or the file. Raises NotReady, NotUnderstood."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-", ignore_cleanup_errors=True) as scratch:
        addresses = Addresses()
        deployment = read(path, operators_values(addresses))
        with Machine(Path(scratch), addresses, deployment.services) as machine:
            rehearsal = Rehearsal(machine, deployment, say)
            rehearsal.start(counts)
            rehearsal.execute(*PREPARE)
            rehearsal.await_backends()
            for workload, text, here in machine.changed:
                say(f"{workload}: {text} → {here}")
            rehearsal.execute(*SMOKE)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path", type=Path, nargs="?", default=ROOT / "docker-compose.yml")
    options = parser.parse_args()
    try:
        rehearse(options.path, print)
    except (NotReady, NotUnderstood) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
