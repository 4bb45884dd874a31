"""Groups of testcases as JSON, in which a question stores them and its author writes them.

    [{"path": "", "stops": false, "ignores_sample": true},
     {"path": "secret/small", "points": "min", "maximum": "30", "requires": ["sample"]}]

Keys are those of `execution.groups.Group`; what is left out has its default. Points are written as text, so that they
stay as they are, and may be given as numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from execution.groups import Aggregation, Group, GroupVerdict

MOST_GROUPS = 1000
MOST_DEPTH = 20
MOST_POINTS = Decimal(10) ** 9
DEFAULTS = Group()
KEYS = tuple(field.name for field in fields(Group))


class GroupsRefused(ValueError):
    """`errors` name the group and the key at which each was seen."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__(" ".join(errors))
        self.errors = tuple(errors)


def to_json(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Without what is as usual; the path always."""
    return [
        {"path": group.path}
        | {
            key: _written(getattr(group, key))
            for key in KEYS
            if key != "path" and getattr(group, key) != getattr(DEFAULTS, key)
        }
        for group in groups
    ]


def from_json(document: Any) -> tuple[Group, ...]:
    """Raises GroupsRefused with all that is wrong."""
    if not isinstance(document, list):
        raise GroupsRefused(["Groups are a list of objects."])
    if len(document) > MOST_GROUPS:
        raise GroupsRefused([f"There are at most {MOST_GROUPS} groups."])
    errors: list[str] = []
    groups = [group for place, one in enumerate(document, 1) if (group := _group(one, place, errors))]
    paths = [group.path for group in groups]
    errors += [
        f"{_named(path)} is there more than once." for path in dict.fromkeys(paths) if paths.count(path) > 1
    ]
    if errors:
        raise GroupsRefused(errors)
    return tuple(groups)


def _written(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return list(value) if isinstance(value, tuple) else value


def _group(one: Any, place: int, errors: list[str]) -> Group | None:
    path = one.get("path", "") if isinstance(one, Mapping) else None
    if not isinstance(path, str) or not _is_path(path):
        errors.append(f"Group number {place} is no object with a path such as secret/small.")
        return None
    values: dict[str, Any] = {"path": path}
    for key, given in one.items():
        try:
            values[key] = _read(key, given)
        except ValueError as error:
            errors.append(f"{_named(path)}, {key}: {error}")
    if errors:
        return None
    group = Group(**values)
    if group.minimum is not None and group.maximum is not None and group.minimum > group.maximum:
        errors.append(f"{_named(path)}, minimum: it is more than the maximum.")
    if path and group.ignores_sample:
        errors.append(f"{_named(path)}, ignores_sample: only the whole has this.")
    return group


def _named(path: str) -> str:
    return f"Group {path}" if path else "The whole"


def _is_path(path: str) -> bool:
    names = path.split("/") if path else []
    return len(path) <= 200 and len(names) <= MOST_DEPTH and all(name.strip() for name in names)


def _read(key: str, given: Any) -> Any:
    """Raises ValueError with what is expected."""
    match key:
        case "path":
            return given
        case "verdict":
            return _choice(GroupVerdict, given)
        case "points":
            return _choice(Aggregation, given)
        case "accepts_any" | "ignores_sample" | "stops" | "needs_acceptance":
            if not isinstance(given, bool):
                raise ValueError("it is true or false.")
            return given
        case "minimum" | "maximum":
            return None if given is None else _points(given)
        case "reject_points":
            return _points(given)
        case "requires":
            return _paths(given)
    raise ValueError(f"this key is not known; known are {', '.join(KEYS)}.")


def _choice(choices: type[StrEnum], given: Any) -> StrEnum:
    if not isinstance(given, str) or given not in list(choices):
        raise ValueError(f"it is one of {', '.join(choices)}.")
    return choices(given)


def _points(given: Any) -> Decimal:
    wrong = ValueError("it is a number, of at most 1000000000.")
    if isinstance(given, bool) or not isinstance(given, str | int | float) or len(str(given)) > 60:
        raise wrong
    try:
        points = Decimal(str(given))
    except InvalidOperation:
        raise wrong from None
    if not points.is_finite() or abs(points) > MOST_POINTS:
        raise wrong
    return points


def _paths(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(
        isinstance(one, str) and one and _is_path(one) for one in given
    ):
        raise ValueError("it is a list of paths.")
    return tuple(given)
