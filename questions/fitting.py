"""What a package says, as the columns of a question take it.

What has to be bent for that is remarked; what would make judging wrong refuses the package. Values only, no rows.
"""

import hashlib
import math
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db.models import CharField, PositiveIntegerField

from execution import languages
from execution.checker_programs import LARGEST_BYTES
from execution.types import CheckerKind, Limits
from questions.groups import GroupsRefused, from_json, to_json
from questions.models import MOST_TOTAL_RUNTIME_S, Question, usual_memory_kib
from questions.packages.values import Format, Package, PackageRefused, Remark

GUESSED_TIME_MS = 2000
MIB = 1024
METADATA_FILES = {Format.POLYGON: "problem.xml", Format.DMOJ: "init.yml", Format.PLAIN: ""}
KATTIS_MEMORY_KIB, KATTIS_OUTPUT_KIB = 2048 * MIB, 8 * MIB
"""What Kattis's formats mean where a package does not say; the others mean nothing."""
NAMES_ITSELF = (Format.DMOJ, Format.PLAIN)
"""Formats without titles: a package's name stands for it."""
is_web_address = URLValidator(schemes=["http", "https"])


@dataclass(frozen=True)
class Fitted:
    """`fields` are a question's by name. `unsaid` are those that the package does not tell: they are for a new
    question, and one that is there keeps its own.
    """

    fields: dict[str, Any]
    unsaid: frozenset[str]
    remarks: tuple[Remark, ...]

    @property
    def told(self) -> dict[str, Any]:
        return {name: value for name, value in self.fields.items() if name not in self.unsaid}


def metadata_file(package: Package) -> str:
    """Where its format tells limits and names; empty where it does not."""
    return METADATA_FILES.get(package.format, "problem.yaml")


def fit(package: Package, *, most_memory_kib: int | None, known_time_ms: int | None = None) -> Fitted:
    """`most_memory_kib` is what judges give, None where nobody knows; `known_time_ms` the time limit of the question
    that is there already. Raises PackageRefused.
    """
    fitter = _Fitter(package, most_memory_kib, known_time_ms or GUESSED_TIME_MS)
    fields = fitter.texts() | fitter.limits() | fitter.judging() | fitter.checker()
    fitter.remark_what_no_check_takes(1024 * fields["output_limit_kib"])
    unsaid = set(fitter.unsaid)
    if package.format is Format.PLAIN:
        unsaid |= fields.keys() - {"statement", "statement_language"}
    if package.format in NAMES_ITSELF:
        unsaid.add("title")
    if not fields["statement"].strip():
        unsaid |= {"statement", "statement_language"}
    return Fitted(fields, frozenset(unsaid), tuple(fitter.remarks))


@dataclass
class _Fitter:
    package: Package
    most_memory_kib: int | None
    known_time_ms: int
    unsaid: set[str] = field(default_factory=set)
    remarks: list[Remark] = field(default_factory=list)

    def _remark(self, message: str) -> None:
        self.remarks.append(Remark(metadata_file(self.package), message))

    # --- texts ---

    def texts(self) -> dict[str, Any]:
        package, statement = self.package, self.package.statement
        if statement.leftovers:
            self.remarks.append(
                Remark("", f"its statement: not understood: {', '.join(statement.leftovers)}")
            )
        return {
            "title": self._line("title", package.title or package.name),
            "statement": storable(statement.markdown).replace("\r\n", "\n"),
            "statement_language": self._line("statement_language", statement.language),
            "credits": self._line("credits", package.credits),
            "source": self._line("source", package.source),
            "source_url": self._address(package.source_url),
            "licence": self._line("licence", package.licence),
            "package_uuid": self._line("package_uuid", package.uuid),
        }

    def _line(self, name: str, text: str) -> str:
        line = " ".join(storable(text).split())
        most = cast("CharField[str, str]", Question._meta.get_field(name)).max_length or len(line)
        if len(line) <= most:
            return line
        self._remark(f"its {name.replace('_', ' ')} has {len(line)} characters; the first {most} are kept")
        return line[: most - 1] + "…"

    def _address(self, text: str) -> str:
        try:
            if text:
                is_web_address(text)
        except ValidationError:
            self._remark(f"{text[:60]!r} is no web address, so it is left out")
            return ""
        return text

    # --- limits ---

    def limits(self) -> dict[str, Any]:
        time_ms = self._time_ms()
        return {
            "time_limit_ms": time_ms,
            "time_limit_is_derived": self.package.limits.time_ms is None,
            "memory_limit_kib": self._memory_kib(),
            "output_limit_kib": self._output_kib(),
            "total_runtime_s": self._total_s(time_ms),
        }

    def _time_ms(self) -> int:
        given = self.package.limits.time_ms
        if given is None:
            self.unsaid |= {"time_limit_ms", "time_limit_is_derived"}
            return self.known_time_ms
        return self._bounded("time_limit_ms", given, "ms")

    def _memory_kib(self) -> int:
        given, name = self.package.limits.memory_kib, "memory_limit_kib"
        most = min(_bounds(name)[1], self.most_memory_kib or math.inf)
        if given is None:
            if not self.package.format.is_kattis:
                self.unsaid.add(name)
            usual = KATTIS_MEMORY_KIB if self.package.format.is_kattis else usual_memory_kib()
            if usual > most:
                self._remark(
                    f"its format gives {usual // MIB} MiB of memory; here it is {int(most) // MIB} MiB"
                )
            return int(min(usual, most))
        if given > most:
            raise PackageRefused(
                metadata_file(self.package),
                f"its memory limit of {given // MIB} MiB is more than the judges give ({int(most) // MIB} MiB)",
            )
        return self._bounded(name, given, "KiB")

    def _output_kib(self) -> int:
        given, name = self.package.limits.output_kib, "output_limit_kib"
        if given is not None:
            return self._bounded(name, given, "KiB")
        is_kattis = self.package.format.is_kattis
        if not is_kattis:
            self.unsaid.add(name)
        longest = max((case.answer.size for case in self.package.cases), default=0)
        usual = KATTIS_OUTPUT_KIB if is_kattis else int(_column(name).get_default())
        return self._bounded(name, max(usual, math.ceil(2 * longest / 1024)), "KiB")

    def _total_s(self, time_ms: int) -> int | None:
        """Room for a program that is right but slow; None where the platform's own is enough."""
        needed = room_s(len(self.package.cases), time_ms, self.package.time_factors)
        if needed is None:
            return None
        self._remark(
            f"{len(self.package.cases)} testcases of {time_ms / 1000:g} s may take {needed} s, more than "
            f"MAX_TOTAL_RUNTIME ({settings.MAX_TOTAL_RUNTIME_S} s): the question has a total of its own"
        )
        return needed

    def _bounded(self, name: str, given: int, unit: str) -> int:
        least, most = _bounds(name)
        bent = min(max(given, least), most)
        if bent != given:
            label = str(_column(name).verbose_name).partition(" (")[0]
            self._remark(
                f"its {label} of {given} {unit} is beyond what is possible; it is {bent} {unit} here"
            )
        return bent

    # --- judging ---

    def judging(self) -> dict[str, Any]:
        package = self.package
        return {
            "allowed_languages": list(package.languages),
            "run_policy": package.policy.value,
            "scoring": package.scoring.value,
            "groups": self._groups(),
            "time_factors": dict(package.time_factors),
        }

    def _groups(self) -> list[dict[str, Any]]:
        document = to_json(self.package.groups)
        try:
            from_json(document)
        except GroupsRefused as refused:
            raise PackageRefused("", str(refused)) from refused
        return document

    def checker(self) -> dict[str, Any]:
        checker = self.package.checker
        arguments = storable(shlex.join(checker.arguments))
        if len(arguments) > 1000:
            raise PackageRefused(
                metadata_file(self.package), "its checker's arguments have over 1000 characters"
            )
        return {
            "checker": checker.kind.value,
            "checker_arguments": arguments,
            "checker_protocol": checker.protocol.value,
            "interactive": checker.interactive,
            "absolute_tolerance": checker.absolute,
            "relative_tolerance": checker.relative,
            "checker_time_limit_ms": self._own_or_usual("checker_time_limit_ms", checker.time_ms, "ms"),
            "checker_memory_limit_kib": self._own_or_usual(
                "checker_memory_limit_kib", checker.memory_kib, "KiB"
            ),
        }

    def remark_what_no_check_takes(self, output_bytes: int) -> None:
        """A program of the author's is given a testcase and the output at once, and that has a limit."""
        checker = self.package.checker
        if checker.kind is not CheckerKind.PROGRAM or checker.interactive:
            return
        for case in self.package.cases:
            size = case.input.size + case.answer.size + output_bytes
            if size > LARGEST_BYTES:
                self.remarks.append(
                    Remark(
                        case.input.path,
                        f"with its answer and the longest output it is {size} bytes for the checker, which is given "
                        f"{LARGEST_BYTES} at most: a program that prints so much is not judged",
                    )
                )

    def _own_or_usual(self, name: str, given: int | None, unit: str) -> int:
        usual = int(_column(name).get_default())
        return usual if given is None else self._bounded(name, given, unit)


def room_s(cases: int, time_ms: int, factors: Mapping[str, float]) -> int | None:
    """Seconds that a question gives so many testcases together, so that a right program may take its time on each,
    in the slowest language as well; None where MAX_TOTAL_RUNTIME is enough.
    """
    limits = Limits(time_ms=time_ms, time_factors=factors)
    longest_ms = max(language.limits(limits).time_ms for language in languages.LANGUAGES)
    needed_s = math.ceil(cases * longest_ms / 1000)
    return min(needed_s, MOST_TOTAL_RUNTIME_S) if needed_s > settings.MAX_TOTAL_RUNTIME_S else None


def _column(name: str) -> "PositiveIntegerField[int, int]":
    return cast("PositiveIntegerField[int, int]", Question._meta.get_field(name))


def _bounds(name: str) -> tuple[int, int]:
    """The least and the most that the column takes."""
    limits: dict[type, Any] = {
        type(one): getattr(one, "limit_value", None) for one in _column(name).validators
    }
    return int(limits[MinValueValidator]), int(limits[MaxValueValidator])


def origin_of(package: Package, path: str) -> dict[str, Any]:
    """What `Question.origin` keeps: where it came from, what derives its time limit, and what only an export needs."""
    kept = {
        "format": package.format.value,
        "name": package.name,
        "path": path,
        "limits": asdict(package.limits),
        "leftovers": list(package.statement.leftovers),
        "statement": statement_mark(package.statement.markdown),
        "metadata": package.metadata,
    }
    return cast(dict[str, Any], storable_json(kept))


def statement_mark(markdown: str) -> str:
    """By which an export knows whether a statement is still as it was imported."""
    return hashlib.sha256(storable(markdown).replace("\r\n", "\n").strip().encode()).hexdigest()


def points_of(value: Decimal) -> Decimal | None:
    """As the column takes them; None where it cannot."""
    if not value.is_finite() or value < 0 or value >= Decimal(10) ** 10:
        return None
    return value.quantize(Decimal("0.000001"))


# --- What databases take ---------------------------------------------------------------------------------------


def storable(text: str) -> str:
    """Without NUL and half characters, of which no database stores any."""
    whole = text.encode("utf-8", errors="replace").decode()
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")


def storable_json(value: Any) -> Any:
    """The same of what YAML may make: dates, sets and numbers beyond all bounds become text."""
    match value:
        case None | bool():
            return value
        case str():
            return storable(value)
        case int() if abs(value) < 2**63:
            return value
        case float() if math.isfinite(value):
            return value
        case Decimal():
            return str(value)
        case dict():
            return {storable(str(name)): storable_json(one) for name, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [storable_json(one) for one in value]
    return "a very large number" if isinstance(value, int) else storable(str(value))
