"""What compose files and manifests say of a workload, in one form: images, commands, variables, ports, probes, grace.

Nothing is known here of the machine on which it will run: addresses are still names, paths still a container's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


class NotUnderstood(Exception):
    """A file says something that a rehearsal would have to leave out. One sentence."""


@dataclass(frozen=True)
class Probe:
    """A request for `path` at `port`, or a `command` inside the container; a `port` alone is a connection."""

    path: str = ""
    port: int = 0
    command: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 1


@dataclass(frozen=True)
class Image:
    """What an image brings: `entrypoint` and `command` are those of its Dockerfile, `built` what it ran of ours."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    built: tuple[tuple[str, ...], ...] = ()
    ports: tuple[int, ...] = ()


@dataclass(frozen=True)
class Init:
    """What must have ended well before the workload's own command is started."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Workload:
    """`command` is empty where the image's own counts. `readiness` is what whoever depends on it waits for.

    `goes_ahead`: a new one is started and ready before an old one is told to end (Kubernetes' `maxSurge`).
    `settles_s`: so long a new one must have been ready before the next old one is told to end (`minReadySeconds`).
    """

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    inits: tuple[Init, ...] = ()
    readiness: Probe | None = None
    liveness: Probe | None = None
    startup: Probe | None = None
    pre_stop: tuple[str, ...] = ()
    grace_s: float = 10
    replicas: int = 1
    is_job: bool = False
    goes_ahead: bool = False
    settles_s: float = 0

    @property
    def probes(self) -> tuple[Probe, ...]:
        return tuple(probe for probe in (self.startup, self.liveness, self.readiness) if probe)


@dataclass(frozen=True)
class Service:
    """A name under which a workload is reached, and which port of the name is which of the workload.

    `pods`: the names of its replicas, where each has one of its own; the service's name is then the first one's, too.
    """

    name: str
    workload: str
    ports: Mapping[int, int]
    pods: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deployment:
    """`workloads` in the order in which they are started; `needs`: what must be ready before each of them is."""

    workloads: Mapping[str, Workload]
    services: Mapping[str, Service]
    needs: Mapping[str, frozenset[str]]


class NotReady(Exception):
    """A process ended, or was not ready in time; with its last lines."""
