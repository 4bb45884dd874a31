"""An overlay below deploy/k8s as a deployment: what `kubectl apply -k` would start, with an operator's values."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.deployment.workloads import Deployment, Init, NotUnderstood, Probe, Service, Workload
from tests.platform.running import ROOT

KINDS = ("StatefulSet", "Job", "Deployment")
"""In the order in which they are started here; a cluster starts all at once, and again whatever failed meanwhile."""

BUILT_FROM = {"judgeplatform": "app", "judgeplatform-engine": "engine"}
"""The Dockerfile's stages, by the names that manifests give to their images."""

Object = Mapping[str, Any]


def kubectl() -> str | None:
    """The system's, or what `bin/setup --tests` has brought."""
    brought = sorted((ROOT / "var" / "tools").glob("**/kubectl"))
    return shutil.which("kubectl") or (str(brought[0]) if brought else None)


def built(overlay: Path) -> list[Object]:
    """Its objects, as kubectl builds them. Raises NotUnderstood."""
    program = kubectl()
    if program is None:
        raise NotUnderstood("kubectl is needed to build an overlay (bin/setup --tests brings it)")
    done = subprocess.run([program, "kustomize", str(overlay)], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise NotUnderstood(done.stderr)
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def read(overlay: Path, values: Mapping[str, str]) -> Deployment:
    """`values` are what operators fill in, in the settings or in whatever Secret. Raises NotUnderstood."""
    objects = built(overlay)
    found = sorted((one for one in objects if one["kind"] in KINDS), key=lambda one: KINDS.index(one["kind"]))
    reader = _Reader(objects, values)
    workloads = {workload.name: workload for workload in map(reader.workload, found)}
    services = {one.name: one for one in reader.services(found)}
    before = {kind: _names(found, *KINDS[:rank]) for rank, kind in enumerate(KINDS)}
    return Deployment(workloads, services, {one["metadata"]["name"]: before[one["kind"]] for one in found})


def _names(objects: list[Object], *kinds: str) -> frozenset[str]:
    return frozenset(one["metadata"]["name"] for one in objects if one["kind"] in kinds)


class _Reader:
    def __init__(self, objects: list[Object], values: Mapping[str, str]) -> None:
        self.objects = objects
        self.values = values

    def workload(self, one: Object) -> Workload:
        name, spec = one["metadata"]["name"], one["spec"]
        pod = spec["template"]["spec"]
        (container,) = pod["containers"]
        inits = pod.get("initContainers", ())
        is_deployment = one["kind"] == "Deployment"
        return Workload(
            name=name,
            image=BUILT_FROM.get(container["image"].partition(":")[0], container["image"]),
            command=_command(container),
            environment=self._environment(container),
            inits=tuple(Init(_command(first), self._environment(first)) for first in inits),
            readiness=_probe(container, "readinessProbe"),
            liveness=_probe(container, "livenessProbe"),
            startup=_probe(container, "startupProbe"),
            pre_stop=_pre_stop(container),
            grace_s=pod.get("terminationGracePeriodSeconds", 30),
            replicas=self._replicas(one),
            is_job=one["kind"] == "Job",
            goes_ahead=is_deployment and _surge(spec) > 0,
            settles_s=spec.get("minReadySeconds", 0),
        )

    def _replicas(self, one: Object) -> int:
        """The fewest, where an autoscaler says how many there are."""
        if "replicas" in one["spec"]:
            return int(one["spec"]["replicas"])
        for scaler in self._of_kind("HorizontalPodAutoscaler"):
            target = scaler["spec"]["scaleTargetRef"]
            if (target["kind"], target["name"]) == (one["kind"], one["metadata"]["name"]):
                return int(scaler["spec"]["minReplicas"])
        return 1

    def services(self, workloads: list[Object]) -> Iterator[Service]:
        for service in self._of_kind("Service"):
            _refuse_affinity(service)
            wanted = service["spec"]["selector"].items()
            for one in workloads:
                template = one["spec"]["template"]
                if wanted <= template["metadata"]["labels"].items():
                    (container,) = template["spec"]["containers"]
                    ports = {
                        each["port"]: _number(each["targetPort"], container)
                        for each in service["spec"]["ports"]
                    }
                    name, pods = one["metadata"]["name"], self._pods(service, one)
                    yield Service(service["metadata"]["name"], name, ports, pods)

    def _pods(self, service: Object, one: Object) -> tuple[str, ...]:
        """Names in the cluster's DNS, which a StatefulSet's pods have by its headless Service."""
        if service["spec"].get("clusterIP") != "None" or one["kind"] != "StatefulSet":
            return ()
        return tuple(f"{one['metadata']['name']}-{number}" for number in range(self._replicas(one)))

    def _of_kind(self, kind: str) -> list[Object]:
        return [one for one in self.objects if one["kind"] == kind]

    def _environment(self, container: Object) -> dict[str, str]:
        found: dict[str, str] = {}
        for source in container.get("envFrom", ()):
            if "configMapRef" in source:
                found |= self._config_map(source["configMapRef"]["name"])
            elif not source["secretRef"].get("optional"):  # whoever has filled in no more has none of those
                found |= self._secret(source["secretRef"]["name"])
        for one in container.get("env", ()):
            found[one["name"]] = one["value"] if "value" in one else self._referred(one["valueFrom"])
        return found

    def _referred(self, source: Object) -> str:
        if "secretKeyRef" in source:
            return self.values[source["secretKeyRef"]["key"]]
        if "configMapKeyRef" in source:
            reference = source["configMapKeyRef"]
            return self._config_map(reference["name"])[reference["key"]]
        raise NotUnderstood(f"a variable from {', '.join(source)}")

    def _config_map(self, name: str) -> dict[str, str]:
        """An operator's values go into the platform's settings, the engine's into its own; none that is secret."""
        (found,) = [one for one in self._of_kind("ConfigMap") if one["metadata"]["name"] == name]
        beginnings = [begin for settings, begin in SETTINGS.items() if name.startswith(settings)]
        filled_in = {
            key: self.values[key]
            for key in self.values.keys() - SECRET
            if beginnings and key.startswith(beginnings[0])
        }
        return {**found["data"], **filled_in}

    def _secret(self, name: str) -> dict[str, str]:
        return {key: self.values[key] for key in SECRETS[name]}


SECRETS = {
    "judge": ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "CODE_EXEC_KEY", "METRICS_TOKEN"),
    "backend-tokens": ("JUDGE0_AUTH_TOKEN",),
    "engine": ("ENGINE_AUTH_TOKEN",),
}
"""The keys of Secrets that are read whole: nothing in the repository holds them."""
SECRET = {key for keys in SECRETS.values() for key in keys} | {"POSTGRES_PASSWORD"}
SETTINGS = {"settings": "", "engine": "ENGINE_"}
"""How the names of ConfigMaps begin that operators fill in, and how the names of what they put there."""


def _refuse_affinity(service: Object) -> None:
    if service["spec"].get("sessionAffinity", "None") != "None":
        raise NotUnderstood(
            f"{service['metadata']['name']} has a sessionAffinity, and balancers here have none"
        )


def _command(container: Object) -> tuple[str, ...]:
    if "command" not in container and "args" in container:
        raise NotUnderstood(f"{container['name']} has args without a command")
    return tuple(map(str, (*container.get("command", ()), *container.get("args", ()))))


def _probe(container: Object, kind: str) -> Probe | None:
    probe = container.get(kind)
    if probe is None:
        return None
    timeout_s = probe.get("timeoutSeconds", 1)
    if "exec" in probe:
        return Probe(command=tuple(probe["exec"]["command"]), timeout_s=timeout_s)
    if "tcpSocket" in probe:
        return Probe(port=_number(probe["tcpSocket"]["port"], container), timeout_s=timeout_s)
    how = probe["httpGet"]
    headers = {one["name"]: one["value"] for one in how.get("httpHeaders", ())}
    return Probe(how["path"], _number(how["port"], container), headers=headers, timeout_s=timeout_s)


def _pre_stop(container: Object) -> tuple[str, ...]:
    hook = container.get("lifecycle", {}).get("preStop", {})
    if hook and "exec" not in hook:
        raise NotUnderstood(f"a preStop hook by {', '.join(hook)}")
    return tuple(hook["exec"]["command"]) if hook else ()


def _number(port: int | str, container: Object) -> int:
    """Of a port that may be named."""
    if isinstance(port, int):
        return port
    (found,) = [one["containerPort"] for one in container["ports"] if one["name"] == port]
    return int(found)


def _surge(spec: Object) -> int:
    """Kubernetes' default is a quarter, which is at least one."""
    given = spec.get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 1)
    return int(re.sub(r"\D", "", str(given)))
