"""An overlay of deploy/k8s, built for this configuration; not its contents, which are plain Kustomize.

What the settings say is put in on top: the executor's image, the CPU at which workers become more, and how long a
stopping worker may go on, which follows from the longest judging. And, where that is given, how many engines there are.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings

OVERLAYS = settings.BASE_DIR / "deploy/k8s/overlays"
TOOLS = settings.BASE_DIR / "var/tools"
NAMESPACE, BACKENDS = "judge", "judge-backends"
APP, EXECUTOR = "judgeplatform", "judgeplatform-engine"
WORKERS = ("code-exec", "code-exec-low", "hints")
BUILD_TIMEOUT_S = 60

MARGIN_S = 30
"""Between the CPU time of the longest judging and a worker's grace, and between that and the pod's."""


class CannotBuild(Exception):
    """One sentence for the operator."""


def build(overlay: Path, *, image: str = APP, engines: int = 0) -> str:
    """The objects as YAML, the same for the same overlay and settings. `image` is that of web and workers.

    With `engines` there are so many of them, and workers know these judges only; else both are as the overlay says.
    """
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch).resolve()
        (top / "kustomization.yaml").write_text(json.dumps(_kustomization(overlay, top, image, engines)))
        for name, patch in _patches(engines).items():
            (top / name).write_text(json.dumps(patch))
        objects = _kustomize(top)
    # today's kubectl says nothing when there is nothing to patch
    if engines and "serviceName: engine\n" not in objects:
        raise CannotBuild("This overlay has no engine.")
    return objects


def kubectl() -> str:
    """The program: the system's, or the one that `bin/setup --tests` unpacked."""
    found = shutil.which("kubectl") or shutil.which("kubectl", path=str(TOOLS))
    if found is None:
        raise CannotBuild("kubectl is not installed: it builds the manifests.")
    return found


def engine_urls(count: int) -> str:
    """JUDGE0_URLS of as many equal engines."""
    return "|".join(f"http://engine-{number}.engine.{BACKENDS}:2358" for number in range(count))


def judge_grace_s() -> int:
    return int(settings.MAX_TOTAL_RUNTIME_S) + MARGIN_S


def _kustomization(overlay: Path, top: Path, image: str, engines: int) -> dict[str, Any]:
    """In words that both Kustomize 2 (kubectl before 1.21) and today's understand."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "bases": [os.path.relpath(overlay.resolve(), top)],
        "images": [_image(APP, image), _image(EXECUTOR, settings.CODE_EXECUTOR_DOCKER_IMAGE)],
        "configMapGenerator": [
            {
                "name": "settings",
                "namespace": NAMESPACE,
                "behavior": "merge",
                "literals": [
                    f"MAX_TOTAL_RUNTIME={settings.MAX_TOTAL_RUNTIME_S:g}",
                    f"JUDGE_GRACE_S={judge_grace_s()}",
                    *([f"JUDGE0_URLS={engine_urls(engines)}"] if engines else []),
                ],
            }
        ],
        "patchesJson6902": [
            {
                "target": _target("autoscaling", "v2", "HorizontalPodAutoscaler", "code-exec"),
                "path": "cpu.json",
            },
            *(
                {"target": _target("apps", "v1", "Deployment", name), "path": "grace.json"}
                for name in WORKERS
            ),
            *(
                [{"target": _target("apps", "v1", "StatefulSet", "engine", BACKENDS), "path": "engines.json"}]
                if engines
                else []
            ),
        ],
    }


def _patches(engines: int) -> dict[str, list[dict[str, Any]]]:
    cpu = {
        "path": "/spec/metrics/0/resource/target/averageUtilization",
        "value": settings.CODE_EXECUTOR_MAX_CPU,
    }
    grace = {
        "path": "/spec/template/spec/terminationGracePeriodSeconds",
        "value": judge_grace_s() + MARGIN_S,
    }
    replicas = {"path": "/spec/replicas", "value": engines}
    files = {"cpu.json": cpu, "grace.json": grace, "engines.json": replicas}
    return {name: [{"op": "replace", **patch}] for name, patch in files.items()}


def _target(group: str, version: str, kind: str, name: str, namespace: str = NAMESPACE) -> dict[str, str]:
    return {"group": group, "version": version, "kind": kind, "name": name, "namespace": namespace}


def _image(name: str, wanted: str) -> dict[str, str]:
    """`registry:5000/name:tag` or `name@sha256:…` in Kustomize's words. A port is no tag."""
    bare, _, digest = wanted.partition("@")
    if digest:
        return {"name": name, "newName": bare, "digest": digest}
    head, colon, tag = bare.rpartition(":")
    if not colon or "/" in tag:
        return {"name": name, "newName": bare}
    return {"name": name, "newName": head, "newTag": tag}


def _kustomize(top: Path) -> str:
    done = subprocess.run(
        [kubectl(), "kustomize", str(top)],
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise CannotBuild(f"kubectl cannot build it: {done.stderr.strip()}")
    return done.stdout
