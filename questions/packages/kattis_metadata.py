"""problem.yaml of Kattis's problem package format, in all its versions, as one value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from execution import languages
from questions.packages import kattis_keys
from questions.packages.documents import Keys, Reading, as_number
from questions.packages.values import Format, PackageLimits, PackageRefused

PROBLEM = "problem.yaml"
TIME_LIMIT = ".timelimit"  # beside it, as installations write it

VERSIONS = {
    "legacy": Format.KATTIS_LEGACY,
    "legacy-icpc": Format.KATTIS_LEGACY,
    "2023-07": Format.KATTIS_2023_07,
    "2023-07-draft": Format.KATTIS_2023_07,
    "draft": Format.KATTIS_2023_07,
    "2025-09": Format.KATTIS_2025_09,
    "2025-09-draft": Format.KATTIS_2025_09,
}
LICENCES = ("unknown", "public domain", "cc0", "cc by", "cc by-sa", "educational", "permission")
KINDS = ("pass-fail", "scoring", "interactive", "multi-pass", "submit-answer")

# The format's codes of languages; what has none of ours is left out of `languages`.
LANGUAGE_CODES: dict[str, tuple[str, ...]] = {
    "bash": ("bash",),
    "c": ("c",),
    "cpp": ("cpp", "cpp20", "cpp23"),
    "go": ("go",),
    "java": ("java",),
    "javascript": ("javascript",),
    "lua": ("lua",),
    "pascal": ("pascal",),
    "perl": ("perl",),
    "php": ("php",),
    "python3": ("python",),
    "ruby": ("ruby",),
    "rust": ("rust",),
}

_CONSTANT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONSTANT_USED = re.compile(r"\{\{([A-Za-z_][A-Za-z0-9_]{0,99})\}\}")
_CONSTANT_IN_TEX = re.compile(r"\\constant\{([A-Za-z_][A-Za-z0-9_]{0,99})\}")
_AUTHORS = re.compile(r",\s|,$|\sand\s|\s&\s")
_MAIL = re.compile(r"<[^<>]*>")
_INI_LIMIT = re.compile(r"""^[ \t]*timelimit[ \t]*=[ \t]*["']?([^"'\n]{0,40})""", re.MULTILINE)


@dataclass(frozen=True)
class LegacyGrading:
    """What packages older than the legacy format said of all groups at once; None: not given."""

    accept_score: Decimal | None = None
    reject_score: Decimal | None = None
    range: str | None = None
    on_reject: str | None = None


@dataclass(frozen=True)
class Metadata:
    """`names` are by language, that of "" is of no language. `is_custom`: the author's checker is asked for (legacy;
    later formats say so by having one). `languages` are our slugs, empty: all.
    """

    format: Format
    names: Mapping[str, str]
    limits: PackageLimits
    is_scoring: bool = False
    is_interactive: bool = False
    is_custom: bool = False
    validation: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    grading: LegacyGrading = LegacyGrading()
    checker_time_ms: int | None = None
    checker_memory_kib: int | None = None
    uuid: str = ""
    credits: str = ""
    source: str = ""
    source_url: str = ""
    licence: str = ""
    tags: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    constants: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_legacy(self) -> bool:
        return self.format is Format.KATTIS_LEGACY

    def with_constants(self, text: str) -> str:
        """The text with {{name}} and \\constant{name} replaced; names that nobody defined stay."""
        if not self.constants:
            return text
        for pattern in (_CONSTANT_USED, _CONSTANT_IN_TEX):
            text = pattern.sub(lambda used: self.constants.get(used[1], used[0]), text)
        return text


def read(reading: Reading) -> Metadata:
    """Raises PackageRefused for what cannot be judged, or not be read at all."""
    values = reading.values(PROBLEM)
    version = values.get("problem_format_version", "legacy")
    format_ = VERSIONS.get(str(version))
    if format_ is None:
        raise PackageRefused(
            PROBLEM, f"problem_format_version: {str(version)[:40]} is none of {', '.join(VERSIONS)}"
        )
    if format_ is Format.KATTIS_LEGACY:
        return _legacy(reading, Keys(reading, PROBLEM, values, kattis_keys.LEGACY_PROBLEM))
    return _newer(reading, Keys(reading, PROBLEM, values, kattis_keys.NEWER_PROBLEM), format_)


# Legacy


def _legacy(reading: Reading, keys: Keys) -> Metadata:
    kind = keys.one_of("type", ("pass-fail", "scoring"), "pass-fail")
    validation = keys.words("validation", vital=True, split=True) or ("default",)
    unknown = set(validation[1:]) - {"score", "interactive"}
    if validation[0] not in ("default", "custom") or unknown:
        raise keys.refuse("validation", f"{' '.join(validation)[:60]} is not known")
    limits = keys.map("limits", kattis_keys.LEGACY_LIMITS, vital=True)
    return Metadata(
        format=Format.KATTIS_LEGACY,
        names={"": keys.text("name")},
        limits=_limits(
            limits,
            time_ms=_time_beside(reading),
            ac_to_limit=limits.number("time_multiplier", least=1),
            limit_to_tle=limits.number("time_safety_margin", least=1),
            usual=PackageLimits(ac_to_limit=5.0, limit_to_tle=2.0),
        ),
        is_scoring=kind == "scoring",
        is_interactive="interactive" in validation,
        is_custom=validation[0] == "custom",
        validation=validation,
        arguments=keys.words("validator_flags", vital=True, split=True),
        grading=_grading(keys),
        credits=", ".join(_people(_AUTHORS.split(keys.text("author")))),
        source=keys.text("source"),
        source_url=keys.text("source_url"),
        tags=_keywords(keys),
        **_common(keys, limits),
    )


def _keywords(keys: Keys) -> tuple[str, ...]:
    """Divided by blanks, as the format wants it; by commas where there are any."""
    words = keys.words("keywords")
    if any("," in one for one in words):
        return tuple(filter(None, (part.strip() for one in words for part in one.split(","))))
    return keys.words("keywords", split=True)


def _grading(keys: Keys) -> LegacyGrading:
    grading = keys.map("grading", kattis_keys.LEGACY_GRADING, vital=True)
    if grading.one_of("objective", ("max", "min"), "max") == "min":
        raise grading.refuse("objective", "problems in which the least score is the best cannot be judged")
    return LegacyGrading(
        accept_score=grading.number("accept_score"),
        reject_score=grading.number("reject_score"),
        range=grading.text("range", vital=True) or None,
        on_reject=grading.one_of("on_reject", ("first_error", "worst_error", "grade"), "worst_error"),
    )


def _common(keys: Keys, limits: Keys) -> dict[str, Any]:
    """What all versions have in common, as arguments of Metadata."""
    licence = keys.text("license", "unknown").lower()
    if licence not in LICENCES:
        keys.reading.remark(PROBLEM, f"license: {licence[:60]} is none of the format's")
    time_s = limits.number("validation_time", least=1)
    memory_mib = limits.number("validation_memory", least=1)
    return {
        "uuid": keys.text("uuid"),
        "licence": "" if licence == "unknown" else licence,
        "checker_time_ms": None if time_s is None else int(time_s * 1000),
        "checker_memory_kib": None if memory_mib is None else int(memory_mib * 1024),
    }


# 2023-07 and later


def _newer(reading: Reading, keys: Keys, format_: Format) -> Metadata:
    kinds = _kinds(keys)
    limits = keys.map("limits", kattis_keys.NEWER_LIMITS, vital=True)
    multipliers = limits.map("time_multipliers", kattis_keys.TIME_MULTIPLIERS, vital=True)
    seconds = limits.number("time_limit", least=0.001)
    source, source_url = _source(keys)
    if "embargo_until" in keys:
        reading.remark(
            PROBLEM, f"embargo_until: nothing here keeps it secret until {keys.text('embargo_until')}"
        )
    return Metadata(
        format=format_,
        names=_names(keys),
        limits=_limits(
            limits,
            time_ms=_time_beside(reading) if seconds is None else _milliseconds(seconds),
            ac_to_limit=multipliers.number("ac_to_time_limit", least=1),
            limit_to_tle=multipliers.number("time_limit_to_tle", least=1),
            resolution_s=limits.number("time_resolution", least=0.001),
            usual=PackageLimits(ac_to_limit=2.0, limit_to_tle=1.5),
        ),
        is_scoring="scoring" in kinds,
        is_interactive="interactive" in kinds,
        credits=_credits(keys),
        source=source,
        source_url=source_url,
        tags=keys.words("keywords"),
        languages=_languages(keys),
        constants=_constants(keys),
        **_common(keys, limits),
    )


def _kinds(keys: Keys) -> tuple[str, ...]:
    kinds = keys.words("type", vital=True) or ("pass-fail",)
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise keys.refuse("type", f"{unknown[0][:60]} is none of {', '.join(KINDS)}")
    for kind in ("multi-pass", "submit-answer"):
        if kind in kinds:
            raise keys.refuse("type", f"{kind} problems cannot be judged")
    if "pass-fail" in kinds and "scoring" in kinds:
        raise keys.refuse("type", "pass-fail and scoring exclude each other")
    return kinds


def _names(keys: Keys) -> dict[str, str]:
    names = keys.value("name")
    if isinstance(names, dict):
        return {language: str(name) for language, name in names.items()}
    return {"": keys.text("name")}


def _credits(keys: Keys) -> str:
    value = keys.value("credits")
    if value is None or isinstance(value, str):
        return ", ".join(_people([value or ""]))
    authors = keys.map("credits", kattis_keys.CREDITS).value("authors")
    return ", ".join(_people(authors if isinstance(authors, list) else [authors]))


def _people(persons: list[Any]) -> list[str]:
    """Names without mail addresses, which nobody wants to see published."""
    names = [person.get("name", "") if isinstance(person, dict) else person for person in persons]
    found = [_MAIL.sub("", str(name)).strip() for name in names if name is not None]
    return [name for name in found if name]


def _source(keys: Keys) -> tuple[str, str]:
    """Names of all sources, and the address of the first that has one."""
    value = keys.value("source")
    names, addresses = [], []
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            entry = Keys(keys.reading, PROBLEM, one, kattis_keys.SOURCE, "source.")
            names.append(entry.text("name"))
            addresses.append(entry.text("url"))
        elif one is not None:
            names.append(str(one))
    return ", ".join(filter(None, names)), next(filter(None, addresses), "")


def _languages(keys: Keys) -> tuple[str, ...]:
    codes = keys.words("languages", vital=True) or ("all",)
    if "all" in codes:
        return ()
    for code in codes:
        if code not in LANGUAGE_CODES:
            keys.reading.remark(PROBLEM, f"languages: {code[:40]} is not offered here")
    slugs = tuple(slug for code in codes for slug in LANGUAGE_CODES.get(code, ()))
    if not slugs:
        raise keys.refuse("languages", "none of them is offered here")
    return tuple(language.slug for language in languages.LANGUAGES if language.slug in slugs)


def _constants(keys: Keys) -> dict[str, str]:
    values = keys.value("constants") or {}
    if not isinstance(values, dict):
        raise keys.refuse("constants", "expected names with values")
    for name, value in values.items():
        if not _CONSTANT.fullmatch(name) or not isinstance(value, str | int | float):
            raise keys.refuse("constants", f"{name[:60]} is no name with a number or text")
    return {name: str(value) for name, value in values.items()}


# Limits


def _limits(
    keys: Keys,
    *,
    time_ms: int | None,
    ac_to_limit: Decimal | None,
    limit_to_tle: Decimal | None,
    usual: PackageLimits,
    resolution_s: Decimal | None = None,
) -> PackageLimits:
    return PackageLimits(
        time_ms=time_ms,
        memory_kib=_kib(keys, "memory", 1024),
        output_kib=_kib(keys, "output", 1024),
        source_kib=_kib(keys, "code", 1),
        ac_to_limit=usual.ac_to_limit if ac_to_limit is None else float(ac_to_limit),
        limit_to_tle=usual.limit_to_tle if limit_to_tle is None else float(limit_to_tle),
        resolution_ms=usual.resolution_ms if resolution_s is None else _milliseconds(resolution_s),
    )


def _kib(keys: Keys, key: str, unit: int) -> int | None:
    number = keys.number(key, least=0.001)
    return None if number is None else max(1, int(number * unit))


def _milliseconds(seconds: Decimal) -> int:
    return max(1, int(seconds * 1000))


def _time_beside(reading: Reading) -> int | None:
    """The limit that stands in a file of its own, as installations write it; None where there is none."""
    for file, taken in ((TIME_LIMIT, str.strip), ("domjudge-problem.ini", _of_ini)):
        if file in reading.tree.files and (said := taken(reading.tree.text(file))):
            seconds = as_number(said)
            if seconds is None or not 0 < seconds <= 3600:
                raise PackageRefused(file, f"expected seconds, found {said[:40]}")
            return _milliseconds(seconds)
    return None


def _of_ini(text: str) -> str:
    found = _INI_LIMIT.search(text)
    return found[1].strip() if found else ""
