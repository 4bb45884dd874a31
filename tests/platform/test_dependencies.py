"""What is pinned for the platform is whole without what is pinned for its tests: `bin/run` installs only the former."""

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.platform.running import ROOT

LISTS = ("requirements.txt", "requirements-ai.txt", "requirements-dev.txt")


def pinned(name: str) -> dict[str, Requirement]:
    """The requirements of the list, those of lists that it names included, by canonical name."""
    found: dict[str, Requirement] = {}
    for line in (ROOT / name).read_text().splitlines():
        if other := re.match(r"-r (\S+)", line):
            found |= pinned(other[1])
        elif line and not line.startswith("#"):
            requirement = Requirement(line)
            found[canonicalize_name(requirement.name)] = requirement
    return found


def needed_by(requirement: Requirement) -> list[Requirement]:
    """What the installed distribution asks for here, with the extras that are asked of it."""
    extras = requirement.extras or {""}
    stated = [Requirement(text) for text in metadata.requires(requirement.name) or []]
    return [
        one
        for one in stated
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras)
    ]


@pytest.mark.parametrize("name", LISTS)
def test_every_list_pins_all_that_its_packages_need(name: str):
    there = pinned(name)
    missing = [
        f"{requirement.name} needs {one.name}"
        for requirement in there.values()
        if requirement.marker is None or requirement.marker.evaluate()
        for one in needed_by(requirement)
        if canonicalize_name(one.name) not in there
    ]
    assert missing == []
