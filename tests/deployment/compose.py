"""docker-compose.yml as a deployment: what `docker compose up` would start, with an `.env` beside it."""

import re
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from tests.deployment.workloads import Deployment, NotUnderstood, Probe, Service, Workload

VARIABLE = re.compile(r"\$\{(\w+)(?:(:?[-?])([^}]*))?\}")
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
USUAL_GRACE_S = 10.0
USUAL_TIMEOUT_S = 30.0


def read(path: Path, dotenv: Mapping[str, str]) -> Deployment:
    """Without services of a profile. Raises NotUnderstood, also where `dotenv` lacks what the file demands."""
    file = yaml.safe_load(path.read_text())
    wanted = {name: one for name, one in file["services"].items() if not one.get("profiles")}
    order = TopologicalSorter({name: _depends_on(one) & wanted.keys() for name, one in wanted.items()})
    workloads = {name: _workload(name, wanted[name], dotenv) for name in order.static_order()}
    services = {name: Service(name, name, _ports(one)) for name, one in wanted.items()}
    needs = {name: _depends_on(one, but="service_started") for name, one in wanted.items()}
    return Deployment(workloads, services, needs)


def _depends_on(service: Mapping[str, Any], but: str = "") -> frozenset[str]:
    """All, but those that need to fulfil no more than that."""
    given = service.get("depends_on", {})
    return frozenset(name for name, how in given.items() if how["condition"] != but)


def _ports(service: Mapping[str, Any]) -> dict[int, int]:
    """The container's, by the host's."""
    found = [str(port).split(":")[-2:] for port in service.get("ports", ())]
    return {int(outside): int(inside) for outside, inside in found}


def _workload(name: str, service: Mapping[str, Any], dotenv: Mapping[str, str]) -> Workload:
    target = service.get("build", {}).get("target")
    command = service.get("command", ())
    if not isinstance(command, list | tuple):
        raise NotUnderstood(f"the command of {name} is no list")
    return Workload(
        name=name,
        image=target or service["image"],
        command=tuple(_filled_in(str(word), dotenv) for word in command),
        environment=_environment(service.get("environment") or {}, dotenv),
        readiness=_probe(service.get("healthcheck"), dotenv),
        grace_s=_seconds(service.get("stop_grace_period"), USUAL_GRACE_S),
        is_job=service.get("restart") in ("no", "on-failure"),
    )


def _environment(given: Mapping[str, Any], dotenv: Mapping[str, str]) -> dict[str, str]:
    """A variable without a value comes from `.env`, or is not there at all."""
    told = {name: dotenv.get(name) if value is None else str(value) for name, value in given.items()}
    return {name: _filled_in(value, dotenv) for name, value in told.items() if value is not None}


def _filled_in(text: str, dotenv: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name, how, words = found.groups()
        given = dotenv.get(name)
        if given or (given is not None and not (how or "").startswith(":")):
            return given
        if how and how.endswith("?"):
            raise NotUnderstood(f"compose demands {name}: {words}")
        return words or ""

    return VARIABLE.sub(value, text).replace("$$", "$")


def _probe(check: Mapping[str, Any] | None, dotenv: Mapping[str, str]) -> Probe | None:
    if not check:
        return None
    kind, *command = check["test"]
    if kind != "CMD":
        raise NotUnderstood(f"a health check by {kind}")
    words = tuple(_filled_in(str(word), dotenv) for word in command)
    return Probe(command=words, timeout_s=_seconds(check.get("timeout"), USUAL_TIMEOUT_S))


def _seconds(text: str | None, otherwise: float) -> float:
    parts = re.findall(r"(\d+)(ms|s|m|h)", text or "")
    return sum(int(count) * SECONDS[unit] for count, unit in parts) if parts else otherwise
