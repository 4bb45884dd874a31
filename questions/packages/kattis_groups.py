"""Rules of groups in Kattis's problem package format: testdata.yaml, and test_group.yaml in two versions.

    legacy    every key is inherited; a grader's flags make verdict and points of a group
    2023-07   `scoring` is not inherited; what is not given of a maximum is shared out among those without one
    2025-09   groups are folders of secret only; their maxima stand there

A 2023-07 package whose groups are described by testdata.yaml is read by the legacy rules, as the format's own tools
read it; between both there were drafts with `scoring` in testdata.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal

from execution.groups import Aggregation, Group, GroupVerdict, by_groups
from execution.types import Case, Judged, Run, Verdict
from questions.packages import kattis_keys
from questions.packages.documents import Keys, Reading, Use, as_number
from questions.packages.kattis_metadata import LegacyGrading, Metadata
from questions.packages.values import Format, PackageRefused

SMALLEST = Decimal("0.000001")  # of points, as the database holds them
UNBOUNDED = "unbounded"

_AGGREGATIONS = {
    "sum": Aggregation.SUM,
    "min": Aggregation.MIN,
    "max": Aggregation.MAX,
    "avg": Aggregation.AVG,
}
_WORDS = {Aggregation.PASS_FAIL: "pass-fail", Aggregation.SUM: "sum", Aggregation.MIN: "min"}
_VERDICTS = {
    "worst_error": GroupVerdict.WORST_ERROR,
    "no_errors": GroupVerdict.WORST_ERROR,  # as it was called before legacy
    "first_error": GroupVerdict.FIRST_ERROR,
    "always_accept": GroupVerdict.ALWAYS_ACCEPT,
}
_FLAGS = ("ignore_sample", "accept_if_any_accepted")


@dataclass
class Folder:
    """A folder of the data folder by its path in it, with its folders and the names of its cases in their order."""

    path: str = ""
    folders: dict[str, Folder] = field(default_factory=dict)
    cases: list[str] = field(default_factory=list)

    def below(self) -> list[Folder]:
        """Itself and all folders below it, in order."""
        return [self, *(one for name in sorted(self.folders) for one in self.folders[name].below())]

    def all_cases(self) -> list[str]:
        return [name for folder in self.below() for name in folder.cases]


@dataclass(frozen=True)
class CaseRules:
    group: str
    points: Decimal = Decimal(1)
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """`groups` is empty where nothing but accepting all cases counts. `arguments` are those of most of the cases."""

    groups: tuple[Group, ...]
    of_cases: Mapping[str, CaseRules]
    arguments: tuple[str, ...] = ()


def read(reading: Reading, metadata: Metadata, root: Folder) -> Rules:
    """Raises PackageRefused for what would change a verdict and is not understood."""
    if metadata.is_legacy or _is_described_as_legacy(reading):
        return _Legacy(reading, metadata).read(root)
    if metadata.format is Format.KATTIS_2025_09:
        return _Flat(reading, metadata, kattis_keys.GROUP_2025_09).read(root)
    return _Nested(reading, metadata, kattis_keys.GROUP_2023_07).read(root)


def _is_described_as_legacy(reading: Reading) -> bool:
    paths = [path for path in reading.tree.files if path.startswith("data/")]
    old = [path for path in paths if path.endswith("/testdata.yaml")]
    if not old or any(path.endswith("/test_group.yaml") for path in paths):
        return False
    return not any("scoring" in reading.values(path) for path in old)


def refuse_program_arguments(keys: Keys) -> None:
    if keys.words("args", vital=True):
        raise keys.refuse("args", "cases that give arguments to programs cannot be judged")


# Legacy


@dataclass(frozen=True)
class _Described:
    """What a testdata.yaml says, with what it inherits."""

    stops: bool = True
    flags: tuple[str, ...] = ()
    validator_flags: tuple[str, ...] = ()
    accept_score: Decimal = Decimal(1)
    reject_score: Decimal = Decimal(0)
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    bounded_by: str = ""  # the file that says minimum and maximum


@dataclass
class _Legacy:
    reading: Reading
    metadata: Metadata
    groups: list[Group] = field(default_factory=list)
    of_cases: dict[str, CaseRules] = field(default_factory=dict)
    bounded_by: dict[str, str] = field(default_factory=dict)

    def read(self, root: Folder) -> Rules:
        self._descend(root, _Described())
        self._remark_unearnable(root)
        return Rules(self._judging(), self.of_cases, self.metadata.arguments)

    def _judging(self) -> tuple[Group, ...]:
        """Of a pass-fail problem they give all points or none: it has none to tell."""
        if self.metadata.is_scoring:
            return tuple(self.groups)
        if not self._decide():
            return ()
        whole, *parts = self.groups
        return (
            replace(whole, needs_acceptance=True),
            *(replace(group, points=Aggregation.PASS_FAIL) for group in parts),
        )

    def _remark_unearnable(self, root: Folder) -> None:
        """Groups whose cases are worth more or less, all accepted, than the group may get. Of a checker that gives
        points itself, nobody knows.
        """
        if not self.metadata.is_scoring or self.metadata.is_custom:
            return
        earned = self._earned(root)
        for group in self.groups:
            points = earned[group.path]
            too_few = group.minimum is not None and points < group.minimum
            if too_few or (group.maximum is not None and points > group.maximum):
                name = f"the group {group.path}" if group.path else "the whole"
                self.reading.remark(
                    self.bounded_by[group.path],
                    f"what a right program earns in {name}, {points.normalize():f} points, is outside its range",
                )

    def _earned(self, root: Folder) -> dict[str, Decimal]:
        """By group, where all cases are accepted and nothing bounds the groups."""
        cases = [
            Case(place, bytes, bytes, self.of_cases[name].group, self.of_cases[name].points)
            for place, name in enumerate(root.all_cases(), 1)
        ]
        tree = by_groups(cases, [replace(group, minimum=None, maximum=None) for group in self.groups])
        for case in cases:
            tree.note(Judged(case.index, Run(None), Verdict.AC, case.points))
        return {"": tree.points} | {one.path: one.earned for one in tree.standings()}

    def _decide(self) -> bool:
        """Whether the groups of a pass-fail problem do anything that stopping at the first failure does not."""
        return any(replace(group, path="") != Group() for group in self.groups)

    def _descend(self, folder: Folder, inherited: _Described) -> None:
        described = self._under_grading(self._own(folder, inherited))
        self.groups.append(self._group(folder.path, described))
        self.bounded_by[folder.path] = described.bounded_by
        for name in folder.cases:
            self.of_cases[name] = CaseRules(
                folder.path,
                described.accept_score if self.metadata.is_scoring else Decimal(1),
                (*self.metadata.arguments, *described.validator_flags),
            )
        for name in sorted(folder.folders):
            self._descend(folder.folders[name], described)

    def _own(self, folder: Folder, inherited: _Described) -> _Described:
        file = "/".join(filter(None, ["data", folder.path, "testdata.yaml"]))
        if file not in self.reading.tree.files:
            return inherited
        known = kattis_keys.LEGACY_GROUP if self.metadata.is_legacy else kattis_keys.EARLY_GROUP
        keys = self.reading.document(file, known)
        if keys.one_of("grading", ("default", "custom"), "default") == "custom":
            raise keys.refuse("grading", "custom graders cannot be run")
        score = keys.number("accept_score")
        rejected = keys.number("reject_score")
        bounds = _range(keys.file, keys.text("range", vital=True)) if "range" in keys else None
        return _Described(
            stops=_stops(keys, inherited.stops),
            flags=self._flags(keys, folder.path) if "grader_flags" in keys else inherited.flags,
            validator_flags=_validator_flags(keys, inherited.validator_flags),
            accept_score=inherited.accept_score if score is None else score,
            reject_score=inherited.reject_score if rejected is None else rejected,
            minimum=bounds[0] if bounds else inherited.minimum,
            maximum=bounds[1] if bounds else inherited.maximum,
            bounded_by=file if bounds else inherited.bounded_by,
        )

    def _under_grading(self, described: _Described) -> _Described:
        """Packages older than legacy say it once for all groups, in problem.yaml."""
        old: LegacyGrading = self.metadata.grading
        bounds = _range("problem.yaml", old.range) if old.range is not None else None
        return replace(
            described,
            accept_score=described.accept_score if old.accept_score is None else old.accept_score,
            reject_score=described.reject_score if old.reject_score is None else old.reject_score,
            minimum=bounds[0] if bounds else described.minimum,
            maximum=bounds[1] if bounds else described.maximum,
            bounded_by="problem.yaml" if bounds else described.bounded_by,
            stops={"first_error": True, "grade": False}.get(old.on_reject or "", described.stops),
        )

    def _flags(self, keys: Keys, path: str) -> tuple[str, ...]:
        flags = keys.words("grader_flags", vital=True, split=True)
        if unknown := [flag for flag in flags if flag not in (*_AGGREGATIONS, *_VERDICTS, *_FLAGS)]:
            raise keys.refuse("grader_flags", f"the default grader knows no {unknown[0][:40]}")
        if path and "ignore_sample" in flags:
            self.reading.remark(keys.file, "grader_flags: ignore_sample counts at the top only")
        return flags

    def _group(self, path: str, described: _Described) -> Group:
        group = Group(
            path=path,
            verdict=next(
                (_VERDICTS[one] for one in reversed(described.flags) if one in _VERDICTS), Group.verdict
            ),
            accepts_any="accept_if_any_accepted" in described.flags,
            ignores_sample=not path and "ignore_sample" in described.flags,
            stops=described.stops,
        )
        if not self.metadata.is_scoring:
            return group
        return replace(
            group,
            points=next(
                (_AGGREGATIONS[one] for one in reversed(described.flags) if one in _AGGREGATIONS),
                Group.points,
            ),
            reject_points=described.reject_score,
            minimum=described.minimum,
            maximum=described.maximum,
            needs_acceptance=not path,
        )


def _stops(keys: Keys, inherited: bool) -> bool:
    if "on_reject" not in keys:
        return inherited
    return keys.one_of("on_reject", ("break", "continue"), "break") == "break"


def _validator_flags(keys: Keys, inherited: tuple[str, ...]) -> tuple[str, ...]:
    """A text, or the name of a validator with its flags: there is only one that these could be for."""
    if "output_validator_args" in keys.known and "output_validator_args" in keys:
        return keys.words("output_validator_args", vital=True, split=True)
    value = keys.value("output_validator_flags")
    if value is None:
        return inherited
    if isinstance(value, dict) and isinstance(flags := value.get("flags", ""), str):
        return tuple(flags.split())
    return keys.words("output_validator_flags", vital=True, split=True)


def _range(file: str, text: str) -> tuple[Decimal | None, Decimal | None]:
    words = text.split()
    if len(words) != 2:
        raise PackageRefused(file, f"range: expected two numbers, found {text[:60]}")
    least, most = _bound(file, words[0]), _bound(file, words[1])
    if least is not None and most is not None and least > most:
        raise PackageRefused(file, f"range: {text[:60]}: the first is more than the second")
    return least, most


def _bound(file: str, word: str) -> Decimal | None:
    """None for an infinite one."""
    if word.lower().lstrip("+-") in ("inf", "infinity"):
        return None
    number = as_number(word)
    if number is None:
        raise PackageRefused(file, f"range: expected a number, found {word[:40]}")
    return number


# 2023-07


@dataclass(frozen=True)
class _Names:
    """What the version calls its keys."""

    score: str
    aggregation: str


@dataclass(frozen=True)
class _Scored:
    """`maximum` is None where it is unbounded, `is_given` whether the group says so itself."""

    aggregation: Aggregation
    maximum: Decimal | None = None
    is_given: bool = False
    requires: tuple[str, ...] = ()


@dataclass
class _Newer:
    """What both later versions have in common."""

    reading: Reading
    metadata: Metadata
    known: Mapping[str, Use]
    groups: list[Group] = field(default_factory=list)
    of_cases: dict[str, CaseRules] = field(default_factory=dict)
    _described: dict[str, Keys] = field(default_factory=dict)

    def read(self, root: Folder) -> Rules:
        arguments = self._arguments(root, ())
        for name in sorted(root.folders):
            self._pass_on(root.folders[name], arguments)
        if not self.metadata.is_scoring:
            return Rules((), self.of_cases, arguments)
        self._score(root)
        return Rules(tuple(self.groups), self.of_cases, arguments)

    def _score(self, root: Folder) -> None:
        secret = root.folders.get("secret")
        if secret is None:
            raise PackageRefused("data/secret", "there is no testcase")
        scored = self._scored(secret, Aggregation.SUM)
        if not scored.is_given:
            scored = replace(scored, maximum=Decimal(100))
        self.groups.append(Group(stops=False, maximum=scored.maximum))
        if "sample" in root.folders:
            self.groups.append(Group(path="sample", stops=False, maximum=Decimal(0)))
            self._points(root.folders["sample"].all_cases(), Decimal(0))
        self._share(secret, scored)

    def _share(self, folder: Folder, scored: _Scored) -> None:
        """Make the group, those below it, and the points of their cases."""
        raise NotImplementedError

    def _scored(self, folder: Folder, usual: Aggregation) -> _Scored:
        raise NotImplementedError

    def _group_of(self, name: str) -> str:
        return name.rpartition("/")[0]

    def _keys(self, folder: Folder) -> Keys:
        """What the group says; nothing where it says nothing."""
        if folder.path not in self._described:
            start = "/".join(filter(None, ["data", folder.path]))
            names = (f"{start}/test_group.yaml", f"{start}/testdata.yaml")
            file = next((name for name in names if name in self.reading.tree.files), "")
            values = self.reading.values(file, self.metadata.with_constants) if file else {}
            self._described[folder.path] = Keys(self.reading, file or start, values, self.known)
        return self._described[folder.path]

    def _arguments(self, folder: Folder, inherited: tuple[str, ...]) -> tuple[str, ...]:
        keys = self._keys(folder)
        refuse_program_arguments(keys)
        for key in ("static_validation", "static_validation_score"):
            if key in self.known and keys.value(key) not in (None, False):
                raise keys.refuse(key, "static validators cannot be run")
        if "output_validator_args" not in keys:
            return inherited
        return keys.words("output_validator_args", vital=True)

    def _pass_on(self, folder: Folder, inherited: tuple[str, ...]) -> None:
        arguments = self._arguments(folder, inherited)
        for name in folder.cases:
            self.of_cases[name] = CaseRules(self._group_of(name), arguments=arguments)
        for name in sorted(folder.folders):
            self._pass_on(folder.folders[name], arguments)

    def _points(self, names: list[str], each: Decimal) -> None:
        for name in names:
            self.of_cases[name] = replace(self.of_cases[name], points=each)

    def _points_by(self, names: list[str], scored: _Scored) -> None:
        """Of cases that are all that the group has."""
        if scored.maximum is None or scored.aggregation is Aggregation.PASS_FAIL:
            self._points(names, Decimal(0))
        elif scored.aggregation is Aggregation.MIN:
            self._points(names, scored.maximum)
        else:
            for name, points in zip(names, _shares(scored.maximum, len(names)), strict=True):
                self._points([name], points)

    def _group(self, folder: Folder, scored: _Scored) -> None:
        """A failure decides all groups but those whose points are a sum."""
        if scored.aggregation is Aggregation.PASS_FAIL and scored.maximum is None:
            raise PackageRefused(
                f"data/{folder.path}", "a group that is passed or failed needs a maximum score"
            )
        self.groups.append(
            Group(
                path=folder.path,
                points=scored.aggregation,
                stops=scored.aggregation is not Aggregation.SUM,
                maximum=scored.maximum,
                requires=scored.requires,
            )
        )

    def _read_scored(self, keys: Keys, folder: Folder, names: _Names, usual: Aggregation) -> _Scored:
        word = keys.one_of(names.aggregation, ("pass-fail", "sum", "min"), _WORDS[usual])
        is_given = names.score in keys
        is_bounded = is_given and keys.value(names.score) != UNBOUNDED
        return _Scored(
            {word: aggregation for aggregation, word in _WORDS.items()}[word],
            keys.number(names.score) if is_bounded else None,
            is_given,
            self._required(keys, folder),
        )

    def _required(self, keys: Keys, folder: Folder) -> tuple[str, ...]:
        """Groups and cases that must have been accepted; raises PackageRefused where they do not come before."""
        paths = keys.words("require_pass", vital=True)
        for path in paths:
            if not any(name == path or name.startswith(f"{path}/") for name in self.of_cases):
                raise keys.refuse("require_pass", f"there is no {path[:100]}")
            if path.split("/") >= folder.path.split("/"):
                raise keys.refuse("require_pass", f"{path[:100]} does not come before {folder.path[:100]}")
        return paths


@dataclass
class _Nested(_Newer):
    def _scored(self, folder: Folder, usual: Aggregation) -> _Scored:
        keys = self._keys(folder).map("scoring", kattis_keys.SCORING_2023_07, vital=True)
        return self._read_scored(keys, folder, _Names("score", "aggregation"), usual)

    def _share(self, folder: Folder, scored: _Scored) -> None:
        self._group(folder, scored)
        below = {
            name: self._scored(folder.folders[name], Aggregation.PASS_FAIL) for name in sorted(folder.folders)
        }
        shares = self._inferred(folder, scored, below)
        for name, one in below.items():
            if scored.aggregation is Aggregation.PASS_FAIL and one.aggregation is not Aggregation.PASS_FAIL:
                raise PackageRefused(
                    f"data/{folder.folders[name].path}", "must be passed or failed as a whole, too"
                )
            maximum = one.maximum if one.is_given else next(shares)
            if maximum is None and scored.maximum is not None:
                raise PackageRefused(f"data/{folder.folders[name].path}", "only its group may be unbounded")
            self._share(folder.folders[name], replace(one, maximum=maximum))
        for name in folder.cases:
            self._points([name], next(shares) or Decimal(0))

    def _inferred(
        self, folder: Folder, scored: _Scored, below: Mapping[str, _Scored]
    ) -> Iterator[Decimal | None]:
        """Maxima of the groups without one and then of the cases."""
        count = sum(not one.is_given for one in below.values()) + len(folder.cases)
        if scored.aggregation is Aggregation.PASS_FAIL:
            return iter([Decimal(0)] * count)
        if scored.maximum is None or scored.aggregation is Aggregation.MIN:
            return iter([scored.maximum] * count)
        rest = scored.maximum - sum((one.maximum or Decimal(0)) for one in below.values() if one.is_given)
        if rest < 0:
            raise PackageRefused(f"data/{folder.path}", "its groups have more points together than itself")
        return iter(_shares(rest, count))


# 2025-09


@dataclass
class _Flat(_Newer):
    def _group_of(self, name: str) -> str:
        """Only folders of secret are groups; those below them just hold cases."""
        return "/".join(name.split("/")[:-1][:2])

    def _scored(self, folder: Folder, usual: Aggregation) -> _Scored:
        return self._read_scored(self._keys(folder), folder, _Names("max_score", "score_aggregation"), usual)

    def _share(self, folder: Folder, scored: _Scored) -> None:
        self._group(folder, scored)
        if folder.cases and folder.folders:
            raise PackageRefused("data/secret", "holds both cases and groups")
        self._points_by(folder.cases, scored)
        for name in sorted(folder.folders):
            self._share_group(folder.folders[name], scored)

    def _share_group(self, folder: Folder, above: _Scored) -> None:
        scored = self._scored(folder, Aggregation.PASS_FAIL)
        if above.aggregation is Aggregation.PASS_FAIL:
            scored = replace(scored, maximum=Decimal(0))
        if scored.maximum is None and above.maximum is not None:
            raise PackageRefused(f"data/{folder.path}/test_group.yaml", "max_score is missing")
        self._group(folder, scored)
        self._points_by(folder.all_cases(), scored)


def _shares(whole: Decimal, count: int) -> list[Decimal]:
    """Equal ones, the last with what rounding left over: together they are exactly the whole."""
    if not count:
        return []
    each = (whole / count).quantize(SMALLEST, rounding=ROUND_DOWN)
    return [each] * (count - 1) + [whole - each * (count - 1)]
