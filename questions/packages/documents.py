"""YAML that strangers wrote, and its keys by their types. What a key means is not known here.

A document is bounded in size, depth, and in what its aliases expand to. Keys are texts as they were written (`no` is
a language, not False), and the last of two equal ones counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import yaml

from questions.packages.tree import Tree
from questions.packages.values import PackageRefused, Remark

MAX_DOCUMENT_BYTES = 1024 * 1024
MAX_DEPTH = 30
MAX_VALUES = 50_000
MAX_DIGITS = 40
MAX_NUMBER = Decimal(10) ** 9  # what the database holds, in whatever unit

# YAML's own constructors stumble in all these ways over values that contradict their tags, such as `!!int x`.
_YAML_ERRORS = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, OverflowError)

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Use(StrEnum):
    """What becomes of a key."""

    READ = "read"
    KEPT = "kept"  # for the export, without effect here
    IGNORED = "ignored"
    REFUSED = "refused"  # we cannot judge with it, so it refuses the package (or the case)


@dataclass
class Reading:
    """A package while it is read: its files, what was remarked, and keys without effect that an export wants."""

    tree: Tree
    remarks: list[Remark] = field(default_factory=list)
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)

    def remark(self, file: str, message: str) -> None:
        self.remarks.append(Remark(file, message))

    def fault(self, file: str, message: str) -> None:
        self.remarks.append(Remark(file, message, is_fault=True))

    def document(self, file: str, known: Mapping[str, Use]) -> Keys:
        """The keys of a YAML file, none where it is empty; raises PackageRefused where it is no map."""
        values = self.values(file)
        return Keys(self, file, values, known)

    def values(self, file: str, change: Callable[[str], str] = str) -> dict[str, Any]:
        """`change` is what is done to the text before it is parsed."""
        if self.tree.files[file].size > MAX_DOCUMENT_BYTES:
            raise PackageRefused(file, f"is larger than {MAX_DOCUMENT_BYTES // 1024} KiB")
        values = self.parsed(file, change(self.tree.text(file)))
        if not isinstance(values, dict):
            raise PackageRefused(file, f"expected keys with values, found {_kind(values)}")
        return values

    def parsed(self, file: str, text: str) -> Any:
        """The document's value, {} for an empty one; raises PackageRefused."""
        try:
            _bound_depth(file, text)
            loader = _Keyed(text)
            try:
                value = loader.get_single_data()
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
            raise PackageRefused(file, f"is no YAML: {line}{error.problem}") from error
        except _YAML_ERRORS as error:
            raise PackageRefused(file, f"is no YAML: {_in_short(error)}") from error
        _bound_values(file, value)
        for key in loader.repeated:
            self.remark(file, f"{key} is there twice, the last one counts")
        return {} if value is None else value


class _Keyed(_Loader):  # type: ignore[misc]
    """Keys are texts. `<<` is no merge: nobody needs it here, and it lets a small document grow without end."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a text", key_node.start_mark
                )
            if key_node.value in found:
                self.repeated.append(key_node.value)
            found[key_node.value] = self.construct_object(value_node, deep=True)
        return found

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > MAX_DIGITS:
            raise yaml.constructor.ConstructorError(None, None, "a number is too long", node.start_mark)
        return int(super().construct_yaml_int(node))


_Keyed.add_constructor("tag:yaml.org,2002:int", _Keyed.construct_yaml_int)


def _bound_depth(file: str, text: str) -> None:
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or count > 2 * MAX_VALUES:
            raise PackageRefused(file, "is nested too deeply or holds too much")


def _bound_values(file: str, value: Any) -> None:
    """An alias counts as often as it is used, so that nothing that walks over the value takes long."""
    waiting = [value]
    count = 0
    while waiting:
        count += 1
        if count > MAX_VALUES:
            raise PackageRefused(file, "its aliases expand to too much")
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple | set):
            waiting.extend(one)


class Keys:
    """The keys of one map in a package's file. Unknown ones are remarked; one is asked for by the type it must have.

    A value of another type is remarked and left out; where `vital`, because it would change a verdict, it raises
    PackageRefused. A value of None counts as not given.
    """

    def __init__(
        self,
        reading: Reading,
        file: str,
        values: Mapping[str, Any],
        known: Mapping[str, Use],
        within: str = "",
    ) -> None:
        self.reading = reading
        self.file = file
        self._values = values
        self.known = known
        self._within = within
        for key, value in values.items():
            if key not in known:
                reading.remark(file, f"{within}{key} is not known")
            elif known[key] is Use.KEPT and value is not None:
                reading.kept.setdefault(file, {})[f"{within}{key}"] = as_json(value)

    def __contains__(self, key: str) -> bool:
        return self.value(key) is not None

    def value(self, key: str) -> Any:
        if key not in self.known:
            raise KeyError(key)
        return self._values.get(key)

    def text(self, key: str, default: str = "", *, vital: bool = False) -> str:
        """Numbers are texts too: a problem may be called 2048."""
        value = self.value(key)
        if value is None:
            return default
        if isinstance(value, str | int | float | date) and not isinstance(value, bool):
            return str(value).strip()
        self._wrong(key, "a text", vital=vital)
        return default

    def number(self, key: str, *, least: float = 0, vital: bool = True) -> Decimal | None:
        value = self.value(key)
        if value is None:
            return None
        number = as_number(value)
        if number is not None and least <= number <= MAX_NUMBER:
            return number
        self._wrong(key, f"a number of at least {least:g}", vital=vital)
        return None

    def flag(self, key: str, *, vital: bool = False) -> bool | None:
        value = self.value(key)
        if value is None or isinstance(value, bool):
            return value
        self._wrong(key, "true or false", vital=vital)
        return None

    def words(self, key: str, *, vital: bool = False, split: bool = False) -> tuple[str, ...]:
        """A list of texts, or one text: a single item, unless it is to be `split` at blanks."""
        value = self.value(key)
        if value is None:
            return ()
        if isinstance(value, str):
            return tuple(value.split()) if split else (value,)
        if isinstance(value, list) and all(_is_scalar(item) for item in value):
            return tuple(str(item) for item in value)
        self._wrong(key, "a list of texts", vital=vital)
        return ()

    def map(self, key: str, known: Mapping[str, Use], *, vital: bool = False) -> Keys:
        value = self.value(key)
        if value is not None and not isinstance(value, dict):
            self._wrong(key, "keys with values", vital=vital)
            value = None
        return Keys(self.reading, self.file, value or {}, known, f"{self._within}{key}.")

    def one_of(self, key: str, allowed: Iterable[str], default: str) -> str:
        """Raises PackageRefused for another value."""
        value = self.text(key, default, vital=True)
        if value not in (choices := tuple(allowed)):
            self._wrong(key, f"one of {', '.join(choices)}", vital=True)
        return value

    def refuse(self, key: str, reason: str) -> PackageRefused:
        """The exception to raise."""
        return PackageRefused(self.file, f"{self._within}{key}: {reason}")

    def _wrong(self, key: str, expected: str, *, vital: bool) -> None:
        message = f"expected {expected}, found {_kind(self.value(key))}"
        if vital:
            raise self.refuse(key, message)
        self.reading.remark(self.file, f"{self._within}{key}: {message}")


def as_number(value: object) -> Decimal | None:
    """A finite number, also where YAML 1.1 takes it for a text, such as 1e-6; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value).strip()
    if len(text) > MAX_DIGITS or not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def as_json(value: Any) -> Any:
    """The value in JSON's types; dates become texts, and numbers that JSON cannot write, too."""
    if isinstance(value, dict):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [as_json(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else f"“{_in_short(value)}”"


def _in_short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
