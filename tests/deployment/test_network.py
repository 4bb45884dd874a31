"""The NetworkPolicies of each overlay, evaluated for all pairs: exactly what is listed here is allowed."""

from collections.abc import Iterator

import pytest

from tests.deployment.overlays import (
    OVERLAYS,
    WITH_PODS,
    Object,
    built,
    example,
    needs_kubectl,
    of_kind,
    template,
)
from tests.deployment.reachability import Network, Place, Policy

pytestmark = needs_kubectl

PUBLIC = ("public", "public-v6")
OUTSIDE = [
    Place("public", "93.184.216.34"),
    Place("public-v6", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"),
    Place("machine", "169.254.169.254"),
    Place("company", "10.20.0.7"),
    Place("ingress", "10.244.9.1", "ingress-nginx", {"app.kubernetes.io/name": "ingress-nginx"}),
    Place("prometheus", "10.244.9.2", "monitoring", {"app.kubernetes.io/name": "prometheus"}),
    Place("dns", "10.244.9.3", "kube-system", {"k8s-app": "kube-dns"}),
    Place("system", "10.244.9.4", "kube-system", {"k8s-app": "metrics-server"}),
    # Somebody's pod that says it is one of ours.
    Place("stranger", "10.244.9.5", "default", {"app.kubernetes.io/name": "code-exec"}),
]
PORTS = {"TCP": (22, 53, 80, 443, 465, 587, 2358, 5432, 6379, 8000, 9100), "UDP": (53,)}

Connection = tuple[str, str, int]


# What nobody has thought of yet.
NEWCOMERS = [
    Place("newcomer", "10.244.2.1", "judge", {"app.kubernetes.io/name": "newcomer"}),
    Place("new-judge", "10.244.2.2", "judge-backends", {"app.kubernetes.io/name": "new-judge"}),
]


def pods(objects: list[Object]) -> list[Place]:
    workloads = of_kind(objects, *WITH_PODS)
    return [
        Place(
            one["metadata"]["name"],
            f"10.244.1.{number}",
            one["metadata"]["namespace"],
            template(one)["metadata"]["labels"],
        )
        for number, one in enumerate(workloads, start=1)
    ]


def allowed(objects: list[Object], policies: list[Policy]) -> set[Connection]:
    """From a pod to anywhere, or from anywhere to a pod. UDP's 53 counts as TCP's."""
    network = Network(policies)
    ours = [*pods(objects), *NEWCOMERS]
    return {
        (source.name, target.name, port)
        for source in [*ours, *OUTSIDE]
        for target in [*ours, *OUTSIDE]
        if source != target and (source in ours or target in ours)
        for protocol, ports in PORTS.items()
        for port in ports
        if network.may(source, target, port, protocol)
    }


def policies_of(objects: list[Object]) -> list[Policy]:
    return list(of_kind(objects, "NetworkPolicy"))


def each(sources: str, targets: str, *ports: int) -> Iterator[Connection]:
    for source in sources.split():
        for target in targets.split():
            yield from ((source, target, port) for port in ports)


JUDGING = "code-exec code-exec-low"
WORKERS = f"{JUDGING} hints"
OF_THE_APP = {
    *each(f"web migrate {WORKERS}", "dns", 53),
    *each("ingress prometheus", "web", 8000),
    *each("prometheus", WORKERS, 9100),
    *each("web", " ".join(PUBLIC), 443, 465, 587),  # mail, keys of the OIDC issuer
    *each(JUDGING, " ".join(PUBLIC), 80, 443),  # webhooks
}
OF_THE_DATA = {
    *each(f"web migrate {WORKERS}", "postgres", 5432),
    *each(f"web {WORKERS}", "redis", 6379),
}
OF_THE_ENGINE = {*each(WORKERS, "engine", 2358)}
OF_JUDGE0 = {
    *each(WORKERS, "judge0-server", 2358),
    *each("judge0-server judge0-workers", "judge0-redis", 6379),
    *each("judge0-server judge0-workers", "judge0-postgres", 5432),
    *each("judge0-server judge0-workers", "dns", 53),
}
OF_CALLBACKS = {*each("engine", "web", 8000), *each("engine", "dns", 53)}
TO_MANAGED_DATA = {*each(f"web migrate {WORKERS}", "company", 5432, 6379)}

EXPECTED = {
    "with-engine": OF_THE_APP | OF_THE_DATA | OF_THE_ENGINE,
    "with-judge0": OF_THE_APP | OF_THE_DATA | OF_JUDGE0,
    "with-callbacks": OF_THE_APP | OF_THE_DATA | OF_THE_ENGINE | OF_CALLBACKS,
    "managed-data": OF_THE_APP | OF_THE_ENGINE | TO_MANAGED_DATA,
}


def test_every_overlay_has_its_table():
    assert sorted(EXPECTED) == OVERLAYS


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_exactly_the_listed_connections_are_allowed_among_all_pairs(overlay):
    """S2.12, S2.44 (in part)"""
    objects = built(overlay)
    assert allowed(objects, policies_of(objects)) == EXPECTED[overlay]


def test_the_examples_let_a_backup_reach_the_database_and_a_restore_also_ask_who_works():
    objects = [*built("with-engine"), *example("backup.yaml"), *example("restore.yaml")]
    opened = allowed(objects, policies_of(objects)) - EXPECTED["with-engine"]
    assert opened == {
        *each("backup restore", "dns", 53),
        *each("backup restore", "postgres", 5432),
        *each("restore", "redis", 6379),
    }


def test_hints_reach_nobody_outside_but_by_the_example_that_lets_them_reach_a_provider():
    """S3.23 (in part)"""
    objects = [*built("with-engine"), *example("hints-provider.yaml")]
    opened = allowed(objects, policies_of(objects)) - EXPECTED["with-engine"]
    assert opened == {*each("hints", " ".join(PUBLIC), 443)}


@pytest.mark.parametrize("overlay", ["with-engine", "with-judge0"])
def test_nobody_but_workers_reaches_a_judge_and_a_judge_reaches_nothing_of_ours(overlay):
    """S2.12"""
    objects = built(overlay)
    judging = {pod.name for pod in pods(objects) if pod.namespace == "judge-backends"}
    found = allowed(objects, policies_of(objects))
    assert {source for source, target, _ in found if target in judging} - judging == set(WORKERS.split())
    assert {target for source, target, _ in found if source in judging} - judging <= {"dns"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_policy_matters_without_it_other_connections_are_allowed(overlay):
    """Also shows that the evaluation notices what is missing."""
    objects = built(overlay)
    policies = policies_of(objects)
    useless = [
        one["metadata"]["name"]
        for one in policies
        if allowed(objects, [other for other in policies if other is not one]) == EXPECTED[overlay]
    ]
    assert useless == []


def test_without_the_default_a_judge_that_nobody_thought_of_would_reach_the_internet():
    objects = built("with-engine")
    opened = [
        one
        for one in policies_of(objects)
        if (one["metadata"]["name"], one["metadata"]["namespace"]) != ("default-deny", "judge-backends")
    ]
    assert ("new-judge", "public", 443) in allowed(objects, opened)
