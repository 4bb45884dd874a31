"""deploy/k8s: valid by Kubernetes' own schemas, and shaped as the operations of this platform need it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import kubernetes_validate.utils
import pytest
import yaml
from django.core.management import CommandError, call_command

from judgeplatform import settings as configured
from judgeplatform import stopping
from judgeplatform.manifests import engine_urls
from tests.deployment import dockerfile, manifests
from tests.deployment.overlays import (
    EXAMPLES,
    K8S,
    OVERLAYS,
    WITH_PODS,
    Object,
    built,
    containers,
    example,
    named,
    needs_kubectl,
    of_kind,
    parsed,
    plain,
    pod,
)
from tests.platform.running import ROOT, clean_environment

SCHEMAS_OF = "1.34"
WORKERS = ("code-exec", "code-exec-low", "hints")
ALL = list(plain())
"""Without what Kustomize makes."""

SECONDS_TO_SPARE = 30


def workloads(objects: list[Object], namespace: str = "") -> list[Object]:
    return [one for one in of_kind(objects, *WITH_PODS) if namespace in ("", one["metadata"]["namespace"])]


def config_map(objects: list[Object], name: str) -> dict[str, str]:
    """Kustomize puts a hash behind its name."""
    (found,) = [
        one["data"] for one in of_kind(objects, "ConfigMap") if one["metadata"]["name"].startswith(f"{name}-")
    ]
    return dict(found)


def printed(capsys, overlay: str = "with-engine", *arguments: str) -> list[Object]:
    call_command("manifests", overlay, *arguments)
    return parsed(capsys.readouterr().out)


# --- Valid ---------------------------------------------------------------------------------------------------


@pytest.fixture
def schemas(monkeypatch):
    """The library reads them anew for each object; all have two megabytes of definitions in common."""
    for name in ("schema_contents", "all_versions"):
        monkeypatch.setattr(kubernetes_validate.utils, name, cache(getattr(kubernetes_validate.utils, name)))


def everything() -> list[Object]:
    """Built, where kubectl is there; else as it is written. Of what several overlays have, one."""
    examples = [one for name in EXAMPLES for one in example(name)]
    overlays = [one for overlay in OVERLAYS for one in built(overlay)] if manifests.kubectl() else ALL
    return list({_identity(one): one for one in [*examples, *overlays]}.values())


def _identity(one: Object) -> tuple[str, str, str]:
    return one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]


def test_every_object_is_valid_by_kubernetes_own_schemas(schemas):
    """S2.27–S2.34 (in part)"""
    for one in everything():
        kubernetes_validate.validate(one, SCHEMAS_OF, strict=True)


def test_an_object_with_a_word_that_kubernetes_does_not_know_is_not_valid():
    wrong = json.loads(json.dumps(named(ALL, "Deployment", "web")))
    wrong["spec"]["template"]["spec"]["terminationGracePeriod"] = 5
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, SCHEMAS_OF, strict=True)


def test_every_file_belongs_to_some_overlay():
    def files(folder):
        words = yaml.safe_load((folder / "kustomization.yaml").read_text())
        yield from (folder / name for name in words.get("resources", ()))
        for base in words.get("bases", ()):
            yield from files((folder / base).resolve())

    used = {path for overlay in OVERLAYS for path in files(K8S / "overlays" / overlay)}
    there = {path for path in K8S.rglob("*.yaml") if path.name != "kustomization.yaml"}
    assert {path for path in there - used if path.parent.name != "examples"} == set()


# --- What there is -------------------------------------------------------------------------------------------


@needs_kubectl
@pytest.mark.parametrize(
    ("overlay", "kind", "name"),
    [
        ("with-judge0", "StatefulSet", "judge0-postgres"),  # S2.29
        ("with-judge0", "Deployment", "judge0-redis"),  # S2.30
        ("with-judge0", "Deployment", "judge0-server"),  # S2.31
        ("with-judge0", "Deployment", "judge0-workers"),  # S2.32
        ("with-judge0", "HorizontalPodAutoscaler", "judge0-workers"),
        ("with-engine", "Deployment", "code-exec"),  # S2.33
        ("with-engine", "HorizontalPodAutoscaler", "code-exec"),
        ("with-engine", "Deployment", "code-exec-low"),
        ("with-engine", "Deployment", "hints"),
        ("with-engine", "Deployment", "web"),
        ("with-engine", "HorizontalPodAutoscaler", "web"),
        ("with-engine", "StatefulSet", "engine"),
        ("with-engine", "Job", "migrate"),
        ("with-engine", "StatefulSet", "postgres"),
        ("with-engine", "StatefulSet", "redis"),
    ],
)
def test_each_part_is_a_workload_of_its_own(overlay, kind, name):
    """S1.40, S2.27, S2.29, S2.30, S2.31, S2.32, S2.33"""
    assert named(built(overlay), kind, name)


def test_databases_keep_what_they_hold_in_a_claimed_volume():
    """S2.29"""
    databases = [one for one in of_kind(ALL, "StatefulSet") if one["metadata"]["name"] != "engine"]
    assert len(databases) == 3
    for one in databases:
        (claim,) = one["spec"]["volumeClaimTemplates"]
        assert claim["metadata"]["name"] in {
            mount["name"] for mount in pod(one)["containers"][0]["volumeMounts"]
        }


@needs_kubectl
def test_nothing_is_reached_from_outside_but_by_an_ingress_that_the_operator_writes():
    """S2.28"""
    for overlay in OVERLAYS:
        assert {one["spec"]["type"] for one in of_kind(built(overlay), "Service")} == {"ClusterIP"}
        assert of_kind(built(overlay), "Ingress") == []


def test_judges_are_scaled_by_themselves():
    """S1.40: no other workload's number follows theirs, and each has an autoscaler of its own."""
    targets = [one["spec"]["scaleTargetRef"]["name"] for one in of_kind(ALL, "HorizontalPodAutoscaler")]
    assert sorted(targets) == ["code-exec", "judge0-workers", "web"]
    assert all("replicas" not in named(ALL, "Deployment", name)["spec"] for name in targets)


@needs_kubectl
@pytest.mark.parametrize("overlay", [name for name in OVERLAYS if name != "with-judge0"])
def test_workers_know_every_engine_by_a_name_of_its_own_and_as_equals(overlay):
    """What an engine has run, only that one knows; and those that are equal share a load."""
    engine = named(built(overlay), "StatefulSet", "engine")
    service = named(built(overlay), "Service", engine["spec"]["serviceName"])
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == engine["spec"]["selector"]["matchLabels"]
    said = config_map(built(overlay), "settings")
    assert said["JUDGE0_URLS"] == engine_urls(engine["spec"]["replicas"])
    assert said["JUDGE0_URLS"].split("|")[1] == "http://engine-1.engine.judge-backends:2358"
    slots = {one["name"]: one["value"] for one in pod(engine)["containers"][0]["env"]}["ENGINE_SLOTS"]
    assert int(said["JUDGE0_MAX_INFLIGHT"]) == 8 * int(slots)


@needs_kubectl
def test_as_many_engines_as_are_wanted_are_known_to_the_workers(capsys):
    objects = printed(capsys, "with-callbacks", "--engines", "5")
    assert named(objects, "StatefulSet", "engine")["spec"]["replicas"] == 5
    assert config_map(objects, "settings")["JUDGE0_URLS"] == engine_urls(5)
    with pytest.raises(CommandError, match="This overlay has no engine"):
        call_command("manifests", "with-judge0", "--engines", "5")
    with pytest.raises(CommandError, match="0 is no number from 1 to 1000"):
        call_command("manifests", "with-engine", "--engines", "0")


def test_no_service_keeps_a_client_at_one_pod():
    """The rehearsal's balancers do not, so that it would show nothing of such a service."""
    assert [one for one in of_kind(ALL, "Service") if "sessionAffinity" in one["spec"]] == []


PER_WEB, BESIDE_SLOTS = 20, 10
"""The most connections to PostgreSQL of one web, and of one worker beside those of its slots: docs/scaling.md."""
RESERVED = 3 + 2
"""PostgreSQL's own for superusers; the job that migrates, and a person."""


def most_connections(web: int, workers: int, low: int, hints: int) -> int:
    of_workers = (
        workers * (configured.JUDGE_CONCURRENCY + BESIDE_SLOTS)
        + low * (4 + BESIDE_SLOTS)
        + hints * (configured.HINTS_CONCURRENCY + BESIDE_SLOTS)
    )
    return web * PER_WEB + of_workers + RESERVED


def max_connections(command: list[str]) -> int:
    (found,) = [word.partition("=")[2] for word in command if word.startswith("max_connections=")]
    return int(found)


def test_postgresql_has_connections_for_all_that_autoscalers_allow_and_a_rolling_restart():
    most = {
        one["metadata"]["name"]: one["spec"]["maxReplicas"] for one in of_kind(ALL, "HorizontalPodAutoscaler")
    }
    low, hints = (named(ALL, "Deployment", name) for name in ("code-exec-low", "hints"))
    assert pod(low)["containers"][0]["command"][-2:] == ["--concurrency", "4"]
    wanted = most_connections(
        most["web"] + 1, most["code-exec"] + 1, low["spec"]["replicas"] + 1, hints["spec"]["replicas"] + 1
    )
    (postgres,) = pod(named(ALL, "StatefulSet", "postgres"))["containers"]
    assert max_connections(postgres["command"]) >= wanted
    keda = yaml.safe_load((K8S / "examples/keda.yaml").read_text())
    assert keda["spec"]["maxReplicaCount"] == most["code-exec"]


def test_postgresql_of_compose_has_connections_for_the_replicas_that_the_page_tells_of():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert "--scale web=3 --scale worker=2" in (ROOT / "docs/deployment.md").read_text()
    assert max_connections(compose["postgres"]["command"]) >= most_connections(3, 2, 1, 1)


def test_redis_refuses_before_the_kernel_ends_it():
    """With room for the copy that rewrites its log."""
    (redis,) = pod(named(ALL, "StatefulSet", "redis"))["containers"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["redis"]
    for command in (redis["command"], compose["command"]):
        assert command[command.index("--maxmemory") + 1] == "512mb"
        assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert redis["resources"]["limits"]["memory"] == "1Gi"


def test_whatever_is_scaled_loses_one_pod_at_a_time():
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in of_kind(ALL, "HorizontalPodAutoscaler")}
    budgets = {one["metadata"]["name"]: one["spec"] for one in of_kind(ALL, "PodDisruptionBudget")}
    for name in scaled:
        deployment = named(ALL, "Deployment", name)
        assert budgets[name]["selector"] == deployment["spec"]["selector"]
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        assert pod(deployment)["topologySpreadConstraints"]


def test_a_machine_can_be_emptied_while_all_workers_are_unready_as_without_any_judge():
    budgets = of_kind(ALL, "PodDisruptionBudget")
    assert {"web", "code-exec", "engine"} <= {one["metadata"]["name"] for one in budgets}
    assert {one["spec"].get("unhealthyPodEvictionPolicy") for one in budgets} == {"AlwaysAllow"}


# --- Stopping ------------------------------------------------------------------------------------------------


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_worker_has_time_for_the_longest_judging_and_its_pod_for_the_worker(overlay):
    """S2.25, S2.26 (in part)"""
    said = config_map(built(overlay), "settings")
    for name in WORKERS:
        grace_s = pod(named(built(overlay), "Deployment", name))["terminationGracePeriodSeconds"]
        assert grace_s >= int(said["JUDGE_GRACE_S"]) + SECONDS_TO_SPARE
        assert int(said["JUDGE_GRACE_S"]) >= int(said["MAX_TOTAL_RUNTIME"]) + SECONDS_TO_SPARE


@needs_kubectl
def test_the_grace_follows_from_the_settings(settings, capsys):
    """S2.26 (in part)"""
    settings.MAX_TOTAL_RUNTIME_S = 300
    objects = printed(capsys)
    said = config_map(objects, "settings")
    assert (said["MAX_TOTAL_RUNTIME"], said["JUDGE_GRACE_S"]) == ("300", "330")
    for name in WORKERS:
        assert pod(named(objects, "Deployment", name))["terminationGracePeriodSeconds"] == 360


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_is_drained_before_its_container_ends(name):
    """S2.25, S2.34"""
    (container,) = pod(named(ALL, "Deployment", name))["containers"]
    assert container["lifecycle"]["preStop"] == {"exec": {"command": ["deploy/drain-worker"]}}


def test_the_web_has_time_to_leave_the_service_and_to_answer_whoever_waits_for_a_verdict():
    """S2.25"""
    spec = pod(named(ALL, "Deployment", "web"))
    (word, seconds) = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert word == "sleep"
    most_s = configured.SYNC_WAIT_MAX_S + stopping.MARGIN_S
    assert 5 <= int(seconds) <= spec["terminationGracePeriodSeconds"] - most_s


# --- Scaling -------------------------------------------------------------------------------------------------


def test_workers_become_more_by_cpu_by_what_is_judged_and_by_how_long_somebody_has_waited():
    """S2.24: that these metrics are there is shown with all others that somebody names."""
    cpu, in_flight, waiting = named(ALL, "HorizontalPodAutoscaler", "code-exec")["spec"]["metrics"]
    assert cpu["resource"]["name"] == "cpu"
    assert in_flight["pods"]["metric"]["name"] == "judge_inflight"
    assert waiting["external"]["metric"] == {
        "name": "judge_queue_oldest_seconds",
        "selector": {"matchLabels": {"queue": "default"}},
    }


def test_the_adapter_offers_each_metric_that_an_autoscaler_asks_for():
    rules = yaml.safe_load((K8S / "examples/prometheus-adapter.yaml").read_text())["rules"]
    offered = {
        kind: {rule["seriesQuery"].partition("{")[0] for rule in rules[kind]}
        for kind in ("custom", "external")
    }
    asked = [one for scaler in of_kind(ALL, "HorizontalPodAutoscaler") for one in scaler["spec"]["metrics"]]
    assert {one["pods"]["metric"]["name"] for one in asked if "pods" in one} == offered["custom"]
    assert {one["external"]["metric"]["name"] for one in asked if "external" in one} == offered["external"]


@needs_kubectl
def test_the_cpu_at_which_workers_become_more_follows_the_setting(settings, capsys):
    """S3.29"""
    settings.CODE_EXECUTOR_MAX_CPU = 55
    cpu = named(printed(capsys), "HorizontalPodAutoscaler", "code-exec")["spec"]["metrics"][0]
    assert cpu["resource"]["target"] == {"type": "Utilization", "averageUtilization": 55}


@pytest.mark.parametrize("value", ["0", "101"])
def test_a_cpu_that_is_no_percentage_is_refused(value, tmp_path):
    """S3.29"""
    done = subprocess.run(
        [sys.executable, "-c", "import judgeplatform.settings"],
        cwd=ROOT,
        env=clean_environment(tmp_path, CODE_EXECUTOR_MAX_CPU=value),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"CODE_EXECUTOR_MAX_CPU is {value}; it must be 1 to 100." in done.stderr


# --- Images --------------------------------------------------------------------------------------------------


def images(objects: list[Object]) -> set[str]:
    return {container["image"] for one in workloads(objects) for container in containers(one)}


@needs_kubectl
@pytest.mark.parametrize(
    "image",
    ["registry:5000/judge/engine:1.2", "registry:5000/judge/engine", "example.org/engine@sha256:" + "a" * 64],
)
def test_the_executors_image_is_the_settings(settings, capsys, image):
    """S3.30"""
    settings.CODE_EXECUTOR_DOCKER_IMAGE = image
    (container,) = pod(named(printed(capsys), "StatefulSet", "engine"))["containers"]
    assert container["image"] == image


@needs_kubectl
def test_all_that_is_ours_and_judges_nothing_runs_one_image(capsys):
    """S2.43 (in part)"""
    objects = printed(capsys, "with-judge0", "--image", "example.org/judge:3")
    ours = {one["metadata"]["name"] for one in workloads(objects) if "example.org/judge:3" in images([one])}
    assert ours == {"web", "migrate", *WORKERS}
    assert "judgeplatform" not in images(objects)


def test_an_overlay_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(CommandError, match="with-callbacks, with-engine, with-judge0"):
        call_command("manifests", "elsewhere")


@needs_kubectl
def test_what_is_printed_is_the_same_each_time(capsys):
    assert printed(capsys) == printed(capsys)


# --- Rights --------------------------------------------------------------------------------------------------


def test_programs_of_strangers_run_only_where_judges_are():
    """S1.49: neither web nor worker has what a sandbox is made of, and Kubernetes lets nobody give it to them."""
    namespace = named(ALL, "Namespace", "judge")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for one in workloads(ALL, "judge"):
        own = pod(one)["securityContext"]
        assert own["runAsNonRoot"] is True
        assert own["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod(one).keys()
        for container in containers(one):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_only_judge0s_workers_are_privileged_and_they_have_machines_of_their_own():
    """S1.40"""
    privileged = [
        one
        for one in workloads(ALL)
        if any(container.get("securityContext", {}).get("privileged") for container in containers(one))
    ]
    assert [one["metadata"]["name"] for one in privileged] == ["judge0-workers"]
    assert pod(privileged[0])["nodeSelector"] == {"judge/backends": "true"}
    assert pod(privileged[0])["tolerations"][0]["key"] == "judge/backends"


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_has_no_volume(name):
    """S2.43"""
    assert "volumes" not in pod(named(ALL, "Deployment", name))


def test_no_pod_gets_a_token_of_the_cluster_or_addresses_of_services_as_variables():
    """With them, a service called `engine` would say `ENGINE_PORT=tcp://…`."""
    for one in workloads(ALL):
        assert pod(one)["automountServiceAccountToken"] is False
        assert pod(one)["enableServiceLinks"] is False
        assert pod(one)["serviceAccountName"] == one["metadata"]["name"]


def test_every_container_says_what_it_needs_and_how_much_it_may_have():
    for one in workloads(ALL):
        for container in containers(one):
            assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


def test_what_strangers_write_on_a_machines_disk_is_bounded():
    engine = pod(named(ALL, "StatefulSet", "engine"))
    assert "ephemeral-storage" in engine["containers"][0]["resources"]["limits"]
    assert all("sizeLimit" in volume["emptyDir"] for volume in engine["volumes"])


def test_an_engine_runs_as_many_programs_at_once_as_it_has_processors():
    (container,) = pod(named(ALL, "StatefulSet", "engine"))["containers"]
    said = {one["name"]: one["value"] for one in container["env"]}
    assert (
        container["resources"]["requests"]["cpu"]
        == container["resources"]["limits"]["cpu"]
        == said["ENGINE_SLOTS"]
    )


# --- Probes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "ready_at"),
    [
        ("web", "/readyz?role=web"),
        ("code-exec", "/readyz"),
        ("code-exec-low", "/readyz"),
        ("hints", "/readyz"),
    ],
)
def test_what_is_asked_whether_it_lives_touches_nothing_and_whether_it_is_ready_all_that_it_needs(
    name, ready_at
):
    (container,) = pod(named(ALL, "Deployment", name))["containers"]
    asked = {
        kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")
    }
    assert asked == {"startup": "/healthz", "liveness": "/healthz", "readiness": ready_at}


# --- Names of settings and secrets ---------------------------------------------------------------------------


@cache
def is_a_setting(name: str) -> bool:
    return any(setting.is_given_by(name) for setting in configured.env.settings.values())


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_variable_of_ours_is_one_that_the_settings_read(overlay):
    objects = built(overlay)
    given = set(config_map(objects, "settings"))
    for one in workloads(objects):
        if one["metadata"]["name"] in ("web", "migrate", "engine", *WORKERS):
            given |= {each["name"] for container in containers(one) for each in container.get("env", ())}
    assert {name for name in given if not is_a_setting(name)} == set()


def secrets_named(one: Object) -> Iterator[tuple[str, str | None]]:
    for container in containers(one):
        yield from (
            (each["secretRef"]["name"], None) for each in container.get("envFrom", ()) if "secretRef" in each
        )
        for each in container.get("env", ()):
            if reference := each.get("valueFrom", {}).get("secretKeyRef"):
                yield reference["name"], reference["key"]


@needs_kubectl
def test_secrets_are_only_referred_to_and_the_example_has_them_all():
    example = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): one["stringData"]
        for one in of_kind(ALL, "Secret")
    }
    used = set()
    for overlay in OVERLAYS:
        assert of_kind(built(overlay), "Secret") == []
        for one in workloads(built(overlay)):
            for name, key in secrets_named(one):
                used.add((one["metadata"]["namespace"], name))
                assert key is None or key in example[one["metadata"]["namespace"], name]
    assert used == example.keys()


def test_the_example_of_secrets_has_the_settings_names():
    for one in of_kind(ALL, "Secret"):
        if one["metadata"]["name"] in ("judge", "backend-tokens", "hints-provider", "engine"):
            assert [name for name in one["stringData"] if not is_a_setting(name)] == []


def test_only_workers_get_what_opens_the_judges():
    holding = {
        one["metadata"]["name"] for one in workloads(ALL) if ("backend-tokens", None) in secrets_named(one)
    }
    assert holding == set(WORKERS)


def test_only_the_worker_of_hints_gets_what_opens_language_models_and_works_without():
    """S3.23 (in part)"""
    holding = {
        one["metadata"]["name"] for one in workloads(ALL) if ("hints-provider", None) in secrets_named(one)
    }
    assert holding == {"hints"}
    (container,) = pod(named(ALL, "Deployment", "hints"))["containers"]
    (reference,) = [
        one["secretRef"]
        for one in container["envFrom"]
        if one.get("secretRef", {}).get("name") == "hints-provider"
    ]
    assert reference["optional"] is True


def test_ports_are_those_of_the_image():
    exposed = dockerfile.images(ROOT / "Dockerfile")
    of_image = {"judgeplatform": exposed["app"].ports, "judgeplatform-engine": exposed["engine"].ports}
    for one in workloads(ALL):
        for container in pod(one)["containers"]:
            for port in container.get("ports", ()):
                assert port["containerPort"] in of_image.get(container["image"], (port["containerPort"],))


def test_every_command_of_ours_is_there():
    for one in workloads(ALL):
        for container in containers(one):
            words = container.get("command", ["-"])
            if words[0].startswith("deploy/"):
                assert (ROOT / words[0]).stat().st_mode & 0o111
            elif "manage.py" in words:
                assert words[2] in {"judge_worker", "hints_worker", "migrate", "restore", "runengine"}


def test_the_documentation_names_every_overlay_and_every_example():
    text = (ROOT / "docs/deployment.md").read_text()
    examples = [path.name for path in (K8S / "examples").iterdir()]
    assert [name for name in [*OVERLAYS, *examples] if not re.search(rf"\b{re.escape(name)}", text)] == []
