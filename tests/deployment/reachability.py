"""Who may speak to whom, as networking.k8s.io/v1 defines it; the policies are given, nothing is built or asked here.

A connection is allowed if what sends may send it and what receives may receive it. Each may do anything in a direction
in which no policy selects it, and otherwise what at least one of those allows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """A pod, or, without a namespace, an address outside."""

    name: str
    address: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)


class Network:
    """What `policies` make of a network."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._policies = list(policies)
        self._known: dict[tuple[str, Place], list[Policy]] = {}

    def may(self, source: Place, target: Place, port: int, protocol: str = "TCP") -> bool:
        return self._allows("Egress", source, target, port, protocol) and self._allows(
            "Ingress", target, source, port, protocol
        )

    def _allows(self, direction: str, own: Place, other: Place, port: int, protocol: str) -> bool:
        selecting = self._selecting(direction, own)
        return not selecting or any(
            _has_port(rule, port, protocol) and _is_peer(rule, direction, own.namespace, other)
            for policy in selecting
            for rule in policy["spec"].get(direction.lower(), ())
        )

    def _selecting(self, direction: str, place: Place) -> list[Policy]:
        if (direction, place) not in self._known:
            self._known[direction, place] = [
                one for one in self._policies if direction in _directions(one) and _selects(one, place)
            ]
        return self._known[direction, place]


_network = cache(ip_network)


def _directions(policy: Policy) -> Sequence[str]:
    usual = ["Ingress", "Egress"] if "egress" in policy["spec"] else ["Ingress"]
    found: Sequence[str] = policy["spec"].get("policyTypes", usual)
    return found


def _selects(policy: Policy, place: Place) -> bool:
    is_near = policy["metadata"]["namespace"] == place.namespace
    return is_near and _fits(policy["spec"]["podSelector"], place.labels)


def _is_peer(rule: Mapping[str, Any], direction: str, namespace: str, other: Place) -> bool:
    """A rule that names nobody means everybody."""
    peers = rule.get("to" if direction == "Egress" else "from")
    return not peers or any(_is_this_peer(peer, namespace, other) for peer in peers)


def _is_this_peer(peer: Mapping[str, Any], namespace: str, other: Place) -> bool:
    if block := peer.get("ipBlock"):
        address = ip_address(other.address)
        excepted = any(address in _network(one) for one in block.get("except", ()))
        return address in _network(block["cidr"]) and not excepted
    if not other.namespace:
        return False
    is_in_namespace = (
        _fits(peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace})
        if "namespaceSelector" in peer
        else other.namespace == namespace
    )
    return is_in_namespace and _fits(peer.get("podSelector", {}), other.labels)


def _has_port(rule: Mapping[str, Any], port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    return not ports or any(one.get("protocol", "TCP") == protocol and _covers(one, port) for one in ports)


def _covers(allowed: Mapping[str, Any], port: int) -> bool:
    first = allowed.get("port")
    return first is None or first <= port <= allowed.get("endPort", first)


def _fits(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels", {})
    return wanted.items() <= labels.items() and all(
        _is_met(one, labels) for one in selector.get("matchExpressions", ())
    )


def _is_met(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values", ())
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case other:
            raise ValueError(f"{other} is no operator of a selector")
