"""What deploy/k8s holds: overlays, as kubectl builds them, and the files that they are built from."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from tests.deployment import manifests
from tests.platform.running import ROOT

K8S = ROOT / "deploy/k8s"
OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir())
EXAMPLES = ("secrets.yaml", "ingress.yaml", "backup.yaml", "restore.yaml", "hints-provider.yaml")
"""Those of Kubernetes' own kinds."""

WITH_PODS = ("Deployment", "StatefulSet", "Job", "CronJob")

needs_kubectl = pytest.mark.skipif(
    manifests.kubectl() is None, reason="kubectl is needed to build manifests (bin/setup --tests brings it)"
)

Object = dict[str, Any]


def parsed(text: str) -> list[Object]:
    return [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]


@cache
def built(overlay: str) -> list[Object]:
    return [dict(one) for one in manifests.built(K8S / "overlays" / overlay)]


def plain() -> Iterator[Object]:
    """The objects of all files, as they are written."""
    for path in sorted(K8S.rglob("*.yaml")):
        is_foreign = path.parent.name == "examples" and path.name not in EXAMPLES
        if path.name != "kustomization.yaml" and not is_foreign:
            yield from parsed(path.read_text())


def example(name: str) -> list[Object]:
    return parsed((K8S / "examples" / name).read_text())


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    return [one for one in objects if one["kind"] in kinds]


def named(objects: list[Object], kind: str, name: str) -> Object:
    (found,) = [one for one in of_kind(objects, kind) if one["metadata"]["name"] == name]
    return found


def template(workload: Object) -> Object:
    """Of its pods."""
    found: Object = workload["spec"].get("jobTemplate", workload)["spec"]["template"]
    return found


def pod(workload: Object) -> Object:
    """The specification of its pods."""
    found: Object = template(workload)["spec"]
    return found


def containers(workload: Object) -> list[Object]:
    spec = pod(workload)
    return [*spec.get("initContainers", ()), *spec["containers"]]
