"""Testcases in a folder or zip without any description: pairs of files, found by their names, in any depth.

    1.in and 1.out, 1.ans, 1.answer or 1.a     01.input and 01.output        01 and 01.a, as Polygon has them
    input01.txt and output01.txt               in01 and out01                in/01.txt and out/01.txt

A case is public where its name or a folder of it says sample or example. What looks like one half of a case and has
no other half is a fault. A statement.md, problem.md or README.md is the statement, its first heading the title;
programs below submissions/ or solutions/ are reference solutions, in folders named as Kattis names them.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from execution.types import Verdict
from questions.packages import programs
from questions.packages.tree import Tree
from questions.packages.values import (
    PICTURE_TYPES,
    File,
    Format,
    Package,
    PackageCase,
    PackageRefused,
    PackageSolution,
    PackageStatement,
    Remark,
)

LOOKED_FOR = "1.in and 1.out (or 1.ans), input1.txt and output1.txt, in/1.txt and out/1.txt, 01 and 01.a"

INPUT_ENDINGS = frozenset({".in", ".inp", ".input"})
ANSWER_ENDINGS = (".ans", ".answer", ".out", ".output", ".a")  # the first that is there counts
TEXT_ENDINGS = frozenset({"", ".txt", ".dat"})
STATEMENTS = ("statement.md", "problem.md", "readme.md")
SOLUTION_FOLDERS = frozenset({"submissions", "solutions"})

EXPECTED: dict[str, tuple[Verdict, ...]] = {
    "accepted": (Verdict.AC,),
    "wrong_answer": (Verdict.WA, Verdict.OLE),
    "run_time_error": (Verdict.RTE, Verdict.MLE, Verdict.OLE),
    "time_limit_exceeded": (Verdict.TLE,),
    "memory_limit_exceeded": (Verdict.MLE,),
    "output_limit_exceeded": (Verdict.OLE,),
    "compile_error": (Verdict.CE,),
    "rejected": tuple(verdict for verdict in Verdict if verdict not in (Verdict.AC, Verdict.SK)),
}
BOUNDS = {"accepted": "lower", "time_limit_exceeded": "upper"}

_INPUT_WORD = re.compile(r"(?<![a-z])(?:inputs?|in)(?![a-z])")
_ANSWER_WORD = re.compile(r"(?<![a-z])(?:outputs?|out|answers?|ans)(?![a-z])")
_SAMPLE = re.compile(r"(?<![a-z])(?:sample|example)")
_SAMPLES = re.compile(r"(?:sample|example)s?")
_DIGITS = re.compile(r"(\d+)")
_HEADING = re.compile(r"#[ \t]+(\S.*)")

_NO_STATEMENT = Remark("", f"it has no statement: none of {', '.join(STATEMENTS)}")


@dataclass(frozen=True)
class _Half:
    """One file of a case: what both halves are called, and how good an answer it is, None: it is the input."""

    key: str
    answers: int | None


_Halves = tuple[dict[str, File], dict[str, dict[int, File]]]


def read(tree: Tree) -> Package:
    """Raises PackageRefused where there is no case at all."""
    others = {path: file for path, file in tree.files.items() if SOLUTION_FOLDERS.isdisjoint(_folders(path))}
    pairs, faults = _paired(others)
    if not pairs:
        raise PackageRefused("", f"no testcases were found; looked for pairs such as {LOOKED_FOR}")
    found = solutions(tree)
    title, text, lack = statement(tree)
    cases = _cases(pairs)
    return Package(
        format=Format.PLAIN,
        name=tree.name,
        title=title,
        statement=text,
        cases=cases,
        time_factors={},
        solutions=found[0],
        remarks=(*faults, *found[1], *lack, *(_of_several_folders(cases) if lack else ())),
    )


# Cases


def has_cases(tree: Tree) -> bool:
    return are_cases(tree.files)


def are_cases(paths: Iterable[str]) -> bool:
    """Whether two of the paths are a case by their names."""
    return bool(_paired({path: File(path, 0, bytes) for path in paths})[0])


def _paired(files: dict[str, File]) -> tuple[dict[str, tuple[File, File]], list[Remark]]:
    """Inputs and answers by what they have in common, and the halves that are left."""
    left = dict(files)
    pairs: dict[str, tuple[File, File]] = {}
    lonely: dict[str, str] = {}
    for rule in (_by_ending, _by_words, _by_number):
        inputs, answers = _halves(left, rule)
        for key in inputs.keys() & answers.keys() - pairs.keys():
            pairs[key] = (inputs[key], answers[key][min(answers[key])])
            for file in (inputs[key], *answers[key].values()):
                left.pop(file.path)
        if rule is not _by_number:  # a number alone, or an a, is too little to tell a half of a case
            lonely |= {file.path: "an input without an answer" for file in inputs.values()}
            lonely |= {
                file.path: "an answer without an input"
                for several in answers.values()
                for file in several.values()
            }
    return pairs, [
        Remark(path, message, is_fault=True) for path, message in sorted(lonely.items()) if path in left
    ]


def _halves(files: dict[str, File], rule: Callable[[PurePosixPath], _Half | None]) -> _Halves:
    """Inputs by their keys, and answers by theirs, each by how good it is."""
    inputs: dict[str, File] = {}
    answers: dict[str, dict[int, File]] = {}
    for path, file in files.items():
        half = rule(PurePosixPath(path))
        if half is None:
            continue
        if half.answers is None:
            inputs.setdefault(half.key, file)
        else:
            answers.setdefault(half.key, {}).setdefault(half.answers, file)
    return inputs, answers


def _by_ending(path: PurePosixPath) -> _Half | None:
    """1.in and 1.out, beside each other or in folders named for what they hold."""
    ending = path.suffix.lower()
    if ending in INPUT_ENDINGS and path.stem:
        return _Half(_without(_INPUT_WORD, path.parent, path.stem), None)
    if ending in ANSWER_ENDINGS:
        return _Half(_without(_ANSWER_WORD, path.parent, path.stem), ANSWER_ENDINGS.index(ending))
    return None


def _by_words(path: PurePosixPath) -> _Half | None:
    """input1.txt and output1.txt, input.1 and output.1, or in/1.txt and out/1.txt."""
    ending = path.suffix.lower()
    if ending not in {*TEXT_ENDINGS, *INPUT_ENDINGS, *ANSWER_ENDINGS} and not ending[1:].isdigit():
        return None
    name = (path.name if ending[1:].isdigit() else path.stem).lower()
    for word, answers in ((_INPUT_WORD, None), (_ANSWER_WORD, 0)):
        if word.search(name) or any(word.fullmatch(part.lower()) for part in path.parent.parts):
            return _Half(_without(word, path.parent, word.sub("", name, count=1)), answers)
    return None


def _by_number(path: PurePosixPath) -> _Half | None:
    """01 is the input to 01.a."""
    if path.name.isdigit():
        return _Half(str(path), None)
    if path.suffix == ".a" and path.stem.isdigit():
        return _Half(str(path.with_suffix("")), 0)
    return None


def _without(word: re.Pattern[str], folder: PurePosixPath, name: str) -> str:
    """The path of `name` in a folder, but for folders that are called by the word."""
    kept = [part for part in folder.parts if not word.fullmatch(part.lower())]
    return "/".join([*kept, name.strip("._- ") or "case"])


def _cases(pairs: dict[str, tuple[File, File]]) -> tuple[PackageCase, ...]:
    """In natural order, the public ones first, named from the folder on that they have in common."""
    common = _common([_folders(key) for key in pairs])
    start = len("/".join([*common, ""]))
    all_are_samples = bool(common) and bool(_SAMPLES.fullmatch(common[-1].lower()))
    cases = [
        PackageCase(
            name=key[start:],
            input=given,
            answer=answer,
            public=all_are_samples or is_sample(key[start:]),
        )
        for key, (given, answer) in sorted(pairs.items(), key=lambda pair: natural(pair[0]))
    ]
    return tuple(sorted(cases, key=lambda case: not case.public))


def _of_several_folders(cases: tuple[PackageCase, ...]) -> Iterator[Remark]:
    """They may be a question's groups, or have been meant as questions."""
    folders = list(dict.fromkeys(case.name.partition("/")[0] for case in cases if "/" in case.name))
    folders = [folder for folder in folders if not is_sample(folder)]
    if len(folders) > 1:
        several = ", ".join(folders[:3]) + (" …" if len(folders) > 3 else "")
        yield Remark("", f"its folders {several} are one question; with a statement in each they are several")


def _common(folders: list[tuple[str, ...]]) -> tuple[str, ...]:
    first, last = min(folders), max(folders)
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return first[:same]


def is_sample(path: str) -> bool:
    return bool(_SAMPLE.search(path.lower()))


def natural(path: str) -> list[tuple[int, int, str]]:
    """A key by which 2 comes before 10."""
    return [
        (0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part)
        for part in _DIGITS.split(path)
        if part
    ]


def _folders(path: str) -> tuple[str, ...]:
    return PurePosixPath(path).parent.parts


# Statement


def statement(tree: Tree) -> tuple[str, PackageStatement, tuple[Remark, ...]]:
    """The title, which is the package's name where no heading says one, the rest, and what is missing."""
    at = next(_statements(tree), None)
    if at is None:
        return tree.name, PackageStatement(""), (_NO_STATEMENT,)
    text = tree.text(at)
    return _title(text) or tree.name, PackageStatement(_body(text), pictures=_pictures(tree, at)), ()


def _statements(tree: Tree) -> Iterator[str]:
    """Paths of what may be one, the best first: the highest in the tree, in the order of STATEMENTS."""
    found = [path for path in tree.files if PurePosixPath(path).name.lower() in STATEMENTS]
    yield from sorted(
        found, key=lambda path: (path.count("/"), STATEMENTS.index(PurePosixPath(path).name.lower()))
    )


def _title(markdown: str) -> str:
    heading = _HEADING.match(markdown.lstrip())
    return heading[1].strip() if heading else ""


def _body(markdown: str) -> str:
    """Without the heading that is the title."""
    return markdown.lstrip().partition("\n")[2].lstrip("\n") if _title(markdown) else markdown


def _pictures(tree: Tree, statement: str) -> tuple[File, ...]:
    beside = tree.under(str(PurePosixPath(statement).parent).strip("."))
    return tuple(file for path, file in beside.items() if PurePosixPath(path).suffix.lower() in PICTURE_TYPES)


# Solutions


def solutions(tree: Tree) -> tuple[tuple[PackageSolution, ...], list[Remark]]:
    """Those in folders named for their verdict, and remarks on the others. A folder in such a folder is one program."""
    programs_found: dict[str, list[str]] = {}
    remarks: list[Remark] = []
    for path in tree.files:
        folders = _folders(path)
        if SOLUTION_FOLDERS.isdisjoint(folders):
            continue
        if EXPECTED.keys().isdisjoint(folders):
            remarks.append(Remark(path, "not read: its folder says no verdict, as accepted/ would"))
            continue
        programs_found.setdefault(_program(path), []).append(path)
    return tuple(_solution(tree, top, paths) for top, paths in programs_found.items()), remarks


def _program(path: str) -> str:
    """What lies directly in the folder that names its verdict: the file itself, or a folder around it."""
    parts = PurePosixPath(path).parts
    folder = next(place for place, part in enumerate(parts) if part in EXPECTED)
    return "/".join(parts[: folder + 2])


def _solution(tree: Tree, top: str, paths: list[str]) -> PackageSolution:
    folder = next(part for part in _folders(top) if part in EXPECTED)
    expected = tuple(verdict.value for verdict in EXPECTED[folder])
    needed = programs.without_notes(paths) or paths
    if len(needed) > 1:
        return PackageSolution(top, "", "", expected, skipped=programs.SEVERAL)
    return programs.solution(tree, needed[0], expected=expected, bounds=BOUNDS.get(folder, ""))
