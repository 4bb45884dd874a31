"""The submissions folder of Kattis's problem package format: solutions, and what each of them must show.

    submissions ── accepted ── right.py
                ── partially_accepted, wrong_answer, time_limit_exceeded, run_time_error, rejected, brute_force, mixed …
                ── submissions.yaml    2023-07 and later: rules by globs over these paths

What a folder does not say, an annotation in the source may: @EXPECTED_RESULTS@ and @EXPECTED_SCORE@, as DOMjudge
knows them, and @EXPECTED_GRADES@ of the testdata_tools, a verdict for each group of data/secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any

from execution.groups import Group, GroupVerdict
from execution.types import Verdict
from questions import expectations
from questions.expectations import Rule
from questions.packages import kattis_keys, programs
from questions.packages.documents import Keys, Reading, Use, as_number
from questions.packages.kattis_metadata import LANGUAGE_CODES, Metadata
from questions.packages.plain import natural
from questions.packages.values import File, PackageCase, PackageRefused, PackageSolution

RULES = "submissions.yaml"
MAX_SOURCE_BYTES = 1024 * 1024
MAX_PATH = 200
LESS = Decimal("0.001")  # at least so many points are lacking where not all are to be got

# Kattis knows neither MLE nor OLE: to it, a program that is stopped for these has crashed.
WORDS: dict[str, tuple[str, ...]] = {
    "AC": (Verdict.AC,),
    "WA": (Verdict.WA, Verdict.OLE),
    "TLE": (Verdict.TLE,),
    "RTE": (Verdict.RTE, Verdict.MLE, Verdict.OLE),
    "MLE": (Verdict.MLE,),
    "OLE": (Verdict.OLE,),
    "CE": (Verdict.CE,),
}
NOT_ACCEPTED = ("WA", "TLE", "RTE", "CE")

# Folders: of the final verdict where there is no submissions.yaml to say it of cases.
FOLDERS: dict[str, tuple[str, ...]] = {
    "accepted": ("AC",),
    "partially_accepted": ("AC",),
    "wrong_answer": ("WA",),
    "time_limit_exceeded": ("TLE",),
    "run_time_error": ("RTE",),
    "rejected": NOT_ACCEPTED,
    "brute_force": ("TLE", "RTE"),
    "compile_error": ("CE",),
    "compiler_error": ("CE",),
    "memory_limit_exceeded": ("MLE",),
    "output_limit_exceeded": ("OLE",),
}
LEGACY_BOUNDS = {"accepted": "lower", "time_limit_exceeded": "upper"}

# What submissions.yaml says of folders unless it says otherwise, in the words of the format.
DEFAULTS: dict[str, dict[str, Any]] = {
    "accepted": {"permitted": ["AC"]},
    "rejected": {"required": ["RTE", "TLE", "WA"]},
    "wrong_answer": {"permitted": ["AC", "WA"], "required": ["WA"]},
    "time_limit_exceeded": {"permitted": ["AC", "TLE"], "required": ["TLE"]},
    "run_time_error": {"permitted": ["AC", "RTE"], "required": ["RTE"]},
    "brute_force": {"permitted": ["AC", "RTE", "TLE"], "required": ["RTE", "TLE"]},
}

# The words of annotations.
ANNOTATED: dict[str, str] = {
    "CORRECT": "AC",
    "ACCEPTED": "AC",
    "WRONG-ANSWER": "WA",
    "NO-OUTPUT": "WA",
    "TIMELIMIT": "TLE",
    "TIME-LIMIT-EXCEEDED": "TLE",
    "RUN-ERROR": "RTE",
    "RUN-TIME-ERROR": "RTE",
    "MEMORY-LIMIT": "MLE",
    "OUTPUT-LIMIT": "OLE",
    "COMPILER-ERROR": "CE",
}
_ANNOTATION = re.compile(r"@EXPECTED_(RESULTS|SCORE)@:[ \t]*([^\n\r]{0,300})", re.IGNORECASE)
_GRADES = re.compile(r"@EXPECTED_GRADES@:?[ \t]*([^\n\r]{0,1000})", re.IGNORECASE)
_COMMENT_END = re.compile(r"\*/.*|-->.*|\*\).*")

# Languages of the format's table that are not ours, by the endings of files.
# fmt: off
_FOREIGN = frozenset({
    ".a68", ".adb", ".ads", ".apl", ".cl", ".cob", ".cr", ".cs", ".d", ".dart", ".def", ".erl", ".ex",
    ".f90", ".forth", ".frt", ".fs", ".fth", ".hs", ".jl", ".kt", ".lisp", ".m", ".ml", ".mod", ".nim",
    ".odin", ".py2", ".rkt", ".sc", ".scala", ".sim", ".sno", ".ss", ".st", ".swift", ".ts", ".vb",
    ".zig",
})
# fmt: on
_PYTHON_2 = re.compile(r"#!.*python2\b")
_PROLOG = re.compile(r"^:-|:-\s", re.MULTILINE)
_PERL = re.compile(r"^[ \t]*use \w|\$\w", re.MULTILINE)


@dataclass(frozen=True)
class _Expected:
    """`verdicts` are final ones, empty: any."""

    verdicts: tuple[str, ...] = ()
    score: tuple[Decimal | None, Decimal | None] = (None, None)
    rules: tuple[Rule, ...] = ()
    bounds: str = ""
    language: str = ""

    @property
    def says_nothing(self) -> bool:
        return not self.verdicts and not self.rules and self.score == (None, None)


def read(
    reading: Reading,
    metadata: Metadata,
    maximum: Decimal | None,
    cases: Sequence[PackageCase],
    groups: Sequence[Group],
) -> tuple[tuple[PackageSolution, ...], frozenset[str]]:
    """The solutions, and the paths in the package that are read completely.

    `maximum` is what a submission can earn, None: no bound is known. Raises PackageRefused where submissions.yaml
    cannot be understood.
    """
    rules = _rules(reading, metadata)
    graded = _graded(cases, groups)
    entries: dict[str, dict[str, File]] = {}
    for path, file in reading.tree.under("submissions").items():
        parts = path.split("/")
        if len(parts) == 1:
            if path != RULES:
                reading.remark(f"submissions/{path}", "is in none of the folders for solutions")
        else:
            entries.setdefault("/".join(parts[:2]), {})[path] = file
    solutions, used = [], set()
    for name, files in entries.items():
        solution = _solution(reading, metadata, name, files, rules, maximum, graded)
        if solution is not None:
            solutions.append(solution)
            used |= {solution.path} if not solution.skipped else set()
    if not any(one.path.startswith("submissions/accepted/") for one in solutions):
        reading.remark("submissions/accepted", "there is no solution that must be accepted")
    return tuple(solutions), frozenset(used)


def _solution(
    reading: Reading,
    metadata: Metadata,
    name: str,
    files: Mapping[str, File],
    rules: Mapping[str, Keys],
    maximum: Decimal | None,
    graded: Sequence[Group],
) -> PackageSolution | None:
    """None where it is no program."""
    folder = name.split("/")[0]
    expected = _of_rules(name, rules, maximum) if rules else _of_folder(metadata, folder, maximum)
    sources = {path: file for path, file in files.items() if _ending(path) in _ENDINGS}
    if not sources:
        reading.remark(f"submissions/{name}", "is no program that is known")
        return None
    path = min(sources)
    if len(programs.without_notes(files)) > 1:
        return _skipped(f"submissions/{name}", expected, programs.SEVERAL)
    return _of_source(reading, metadata, f"submissions/{path}", expected, graded)


def _of_source(
    reading: Reading, metadata: Metadata, path: str, expected: _Expected, graded: Sequence[Group]
) -> PackageSolution:
    if len(path) > MAX_PATH:
        return _skipped(path[:MAX_PATH], expected, "its path is too long")
    if reading.tree.files[path].size > MAX_SOURCE_BYTES:
        return _skipped(path, expected, f"it is larger than {MAX_SOURCE_BYTES // 1024} KiB")
    try:
        source = metadata.with_constants(reading.tree.text(path))
    except PackageRefused as refusal:
        return _skipped(path, expected, refusal.reason)
    if "\0" in source:
        return _skipped(path, expected, "it holds a NUL character")
    if not source.strip():
        return _skipped(path, expected, programs.EMPTY)
    expected = _with_grades(reading, path, source, _annotated(reading, path, source, expected), graded)
    if expected.says_nothing:
        reading.remark(path, "neither its folder nor its source says a verdict: it may get any")
    language, reason = _language(path, source, expected.language)
    if reason:
        return _skipped(path, expected, reason)
    return PackageSolution(
        path=path,
        language=language,
        source=programs.as_started(path, language, source),
        expected=expected.verdicts,
        score=expected.score,
        rules=expected.rules,
        bounds=expected.bounds,
    )


def _skipped(path: str, expected: _Expected, reason: str) -> PackageSolution:
    return PackageSolution(
        path[:MAX_PATH], "", "", expected.verdicts, expected.score, expected.rules, skipped=reason[:MAX_PATH]
    )


# Languages


def _ending(path: str) -> str:
    ending = PurePosixPath(path).suffix
    return ".cc" if ending == ".C" else ending.lower()


_ENDINGS = frozenset(programs.ENDINGS) | _FOREIGN | {".pm"}


def _language(path: str, source: str, said: str) -> tuple[str, str]:
    """Our slug, or "" and the reason why there is none; `said` is the format's code, "" where nothing is said."""
    if said:
        slugs = LANGUAGE_CODES.get(said, ())
        return (slugs[0], "") if slugs else ("", f"no language for {said[:40]}")
    ending = _ending(path)
    slug = "perl" if ending == ".pm" else programs.ENDINGS.get(ending, "")
    if not slug:
        return "", f"no language for {ending}"
    if ending == ".py" and _PYTHON_2.match(source.partition("\n")[0]):
        return "", "no language for Python 2"
    if ending == ".pl" and _PROLOG.search(source) and not _PERL.search(source):
        return "", "no language for Prolog"
    return slug, ""


# What folders and annotations say


def _of_folder(metadata: Metadata, folder: str, maximum: Decimal | None) -> _Expected:
    verdicts = _in_our_words(FOLDERS.get(folder, ()))
    return _Expected(
        verdicts, _points(folder, maximum), bounds=LEGACY_BOUNDS.get(folder, "") if metadata.is_legacy else ""
    )


def _points(folder: str, maximum: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """Where points have a maximum, all of them are what is accepted, and fewer what is so in part."""
    if maximum is None:
        return None, None
    return {"accepted": (maximum, maximum), "partially_accepted": (None, maximum - LESS)}.get(
        folder, (None, None)
    )


def _in_our_words(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(verdict) for word in words for verdict in WORDS[word]))


def _annotated(reading: Reading, path: str, source: str, expected: _Expected) -> _Expected:
    """With what the source says of itself. A folder's verdict holds where both contradict each other."""
    results: list[str] = []
    scores: list[str] = []
    for found in _ANNOTATION.finditer(source):
        said = _COMMENT_END.sub("", found[2]).strip()
        (scores if found[1].upper() == "SCORE" and as_number(said) is not None else results).append(said)
    for kind in (results, scores):
        if len(kind) > 1:
            reading.remark(path, "is annotated more than once, the first one counts")
    if scores and (score := as_number(scores[0])) is not None:
        expected = replace(expected, score=(score, score))
    return _with_results(reading, path, results[0], expected) if results else expected


def _with_results(reading: Reading, path: str, said: str, expected: _Expected) -> _Expected:
    words = [re.sub(r"[_ ]", "-", word.strip().upper()) for word in said.split(",")]
    if unknown := [word for word in words if word not in ANNOTATED]:
        reading.remark(path, f"@EXPECTED_RESULTS@: {unknown[0][:40]} is not known")
        return expected
    verdicts = _in_our_words(tuple(ANNOTATED[word] for word in words))
    if expected.verdicts and not set(verdicts) & set(expected.verdicts):
        reading.remark(path, f"@EXPECTED_RESULTS@: {said[:60]} contradicts its folder, which counts")
        return expected
    return replace(expected, verdicts=verdicts)


# Verdicts of groups


def _graded(cases: Sequence[PackageCase], groups: Sequence[Group]) -> tuple[Group, ...]:
    """The groups that are folders of data/secret, in the order in which @EXPECTED_GRADES@ names their verdicts."""
    known = {group.path: group for group in groups}
    parts = [case.group.split("/") for case in cases]
    paths = {"/".join(part[:2]) for part in parts if len(part) > 1 and part[0] == "secret"}
    return tuple(known.get(path, Group(path)) for path in sorted(paths, key=natural))


def _with_grades(
    reading: Reading, path: str, source: str, expected: _Expected, graded: Sequence[Group]
) -> _Expected:
    found = _GRADES.search(source)
    if found is None:
        return expected
    words = _COMMENT_END.sub("", found[1]).replace(",", " ").upper().split()
    # Words of a sentence may follow.
    words = list(takewhile(WORDS.__contains__, words))
    if len(words) != len(graded):
        reading.remark(
            path,
            f"@EXPECTED_GRADES@: verdicts of {len(words)} groups, but there are {len(graded)}: not followed",
        )
        return expected
    rules = [rule for group, word in zip(graded, words, strict=True) if (rule := _of_grade(group, word))]
    return replace(expected, rules=(*expected.rules, *rules))


def _of_grade(group: Group, word: str) -> Rule | None:
    """What a group's verdict tells of its cases; None: nothing, as where a group is accepted whatever they are."""
    verdicts = _in_our_words((word,))
    if word == "AC":
        is_free = group.accepts_any or group.verdict is GroupVerdict.ALWAYS_ACCEPT
        return None if is_free else Rule(group.path, permitted=verdicts)
    permitted = (str(Verdict.AC), *verdicts) if group.stops else ()
    return Rule(group.path, permitted=permitted, required=verdicts)


# submissions.yaml


def _rules(reading: Reading, metadata: Metadata) -> dict[str, Keys]:
    """What is said of each glob, in the format's order: its own defaults first; nothing in the legacy format."""
    file = f"submissions/{RULES}"
    if metadata.is_legacy:
        return {}
    said = reading.values(file) if file in reading.tree.files else {}
    rules = {}
    for glob, values in ({name: {} for name in DEFAULTS} | said).items():
        values = {} if values is None else values
        if not isinstance(values, dict):
            raise PackageRefused(file, f"{glob[:60]}: expected keys with values")
        _refuse_glob(file, glob)
        known = kattis_keys.SOLUTION | kattis_keys.EXPECTATION
        groups = {key: value for key, value in values.items() if key not in known}
        values = DEFAULTS.get(glob, {}) | values
        rules[glob] = Keys(reading, file, values, known | dict.fromkeys(groups, Use.READ), f"{glob}.")
    return rules


def _refuse_glob(file: str, glob: str) -> None:
    try:
        expectations.refuse_unusable(glob)
    except expectations.NoGlob as error:
        raise PackageRefused(file, str(error)) from error


def _of_rules(name: str, rules: Mapping[str, Keys], maximum: Decimal | None) -> _Expected:
    """All globs that match the solution, taken together."""
    found: list[Rule] = []
    bounds: set[str] = set()
    language = ""
    for glob, keys in rules.items():
        if not expectations.matches(glob, name):
            continue
        language = keys.text("language", vital=True) or language
        for part in _parts(keys):
            rule = _rule(*part)
            if rule != Rule(rule.cases):
                found.append(rule)
            bounds.add(_bounds(*part, rule))
    folder = name.split("/")[0]
    verdicts = expectations.possible_verdicts(found) or _in_our_words(FOLDERS.get(folder, ()))
    if folder == "rejected" and verdicts:
        verdicts = (*verdicts, *_in_our_words(("CE",)))
    bound = next((one for one in ("upper", "lower") if one in bounds), "")
    return _Expected(verdicts, _points(folder, maximum), tuple(found), bound, language)


def _parts(keys: Keys) -> list[tuple[str, Keys]]:
    """What it says of all cases ("") and of some, by their globs."""
    own = kattis_keys.SOLUTION | kattis_keys.EXPECTATION
    parts = [("", keys)]
    for glob in keys.known:
        if glob not in own and glob in keys:
            _refuse_glob(keys.file, glob)
            parts.append((glob, keys.map(glob, kattis_keys.EXPECTATION, vital=True)))
    return parts


def _rule(glob: str, keys: Keys) -> Rule:
    return Rule(
        cases=glob,
        permitted=_verdicts(keys, "permitted"),
        required=_verdicts(keys, "required"),
        score=_score(keys),
        message=keys.text("message", vital=True),
    )


def _verdicts(keys: Keys, key: str) -> tuple[str, ...]:
    words = keys.words(key, vital=True)
    if unknown := [word for word in words if word not in WORDS]:
        raise keys.refuse(key, f"{unknown[0][:40]} is no verdict")
    return _in_our_words(words)


def _score(keys: Keys) -> tuple[Decimal, Decimal] | None:
    value = keys.value("score")
    if value is None:
        return None
    bounds = [as_number(one) for one in (value if isinstance(value, list) else [value, value])]
    least, most = bounds if len(bounds) == 2 else (None, None)
    if least is None or most is None:
        raise keys.refuse("score", "expected a number, or a list of two")
    return least, most


def _bounds(glob: str, keys: Keys, rule: Rule) -> str:
    """Whether the time limit must be above or below what it takes. Bounds of some cases only are not followed."""
    use = keys.value("use_for_time_limit")
    if use in ("lower", "upper"):
        return str(use)
    if use not in (None, True, False):
        raise keys.refuse("use_for_time_limit", "expected true, false, lower or upper")
    if use is False or glob:
        return ""
    if rule.required == (Verdict.TLE,):
        return "upper"
    return "lower" if rule.permitted and Verdict.TLE not in rule.permitted else ""
