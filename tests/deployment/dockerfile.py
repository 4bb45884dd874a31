"""The images of our Dockerfile, as far as whoever starts a container of one must know: its variables and commands."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import yaml

from tests.deployment.workloads import Image

OURS = "manage.py"


def images(path: Path) -> dict[str, Image]:
    """By the name of the stage; each has what the stages below it have."""
    found: dict[str, Image] = {}
    for word, rest in _instructions(path.read_text()):
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            below = found.get(base, Image(base))
            found[name] = replace(below, name=name)
        else:
            found[name] = _with(found[name], word, rest)
    return found


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        word, _, rest = line.partition(" ")
        if word:
            yield word, rest.strip()


def _with(image: Image, word: str, rest: str) -> Image:
    match word:
        case "ENV":
            more = dict(one.split("=", 1) for one in shlex.split(rest))
            return replace(image, environment={**image.environment, **more})
        case "ENTRYPOINT":
            return replace(image, entrypoint=tuple(yaml.safe_load(rest)))
        case "CMD":
            return replace(image, command=tuple(yaml.safe_load(rest)))
        case "EXPOSE":
            return replace(image, ports=(*image.ports, *map(int, rest.split())))
        case "RUN":
            ours = tuple(_words(part) for part in rest.split("&&") if OURS in part)
            return replace(image, built=(*image.built, *ours))
    return image


def _words(command: str) -> tuple[str, ...]:
    """With variables before it, it is what `env` starts."""
    words = shlex.split(command)
    return ("env", *words) if "=" in words[0] else tuple(words)
