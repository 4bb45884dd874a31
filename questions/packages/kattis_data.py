"""The data folder of Kattis's problem package format: cases in their order, and groups with their rules.

    data ── sample ── 1.in, 1.ans
         ── secret ── small ── testdata.yaml (legacy) or test_group.yaml, 01.in, 01.ans, 01.yaml, 01.hint, 01.desc …

A group's rules come from kattis_groups; here is what belongs to single cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from execution.groups import Group
from questions.packages import kattis_groups, kattis_keys
from questions.packages.documents import Keys, Reading, Use
from questions.packages.kattis_groups import Folder
from questions.packages.kattis_metadata import Metadata
from questions.packages.values import File, Format, PackageCase, PackageRefused

PUBLIC, HIDDEN = "sample", "secret"
MAX_NAME = 200
MAX_NOTE = 200

# Of a case, besides input and answer: shown elsewhere, or for tools of authors.
_BESIDE = (".hint", ".desc", ".yaml", ".interaction", ".out", ".png", ".jpg", ".jpeg", ".svg")
_SHOWN = (".in.statement", ".ans.statement", ".in.download", ".ans.download")
SETTINGS = ("testdata.yaml", "test_group.yaml")
_UNJUDGED = ("invalid_input/", "invalid_output/", "invalid_answer/", "valid_output/")


@dataclass(frozen=True)
class Data:
    """`arguments` are those of the checker for cases that do not bring their own. `used` are paths in the package of
    what is read completely. `shown` are the names of samples that the statement must show itself.
    """

    cases: tuple[PackageCase, ...]
    groups: tuple[Group, ...]
    arguments: tuple[str, ...]
    used: frozenset[str]
    shown: tuple[str, ...] = ()


def read(reading: Reading, metadata: Metadata) -> Data:
    """Raises PackageRefused; a case without a partner is a fault."""
    files = reading.tree.under("data")
    _refuse_what_programs_would_read(files)
    names = _paired(reading, files)
    if not names:
        raise PackageRefused("data/secret", "there is no testcase")
    root = _tree(names)
    rules = kattis_groups.read(reading, metadata, root)
    samples = _samples_shown_elsewhere(files, metadata)
    cases = []
    for name in names:
        settings = rules.of_cases[name]
        own = _own_settings(reading, metadata, name)
        cases.append(
            PackageCase(
                name=name,
                input=files[f"{name}.in"],
                answer=files[f"{name}.ans"],
                public=name.startswith(f"{PUBLIC}/") and name not in samples,
                group=settings.group,
                points=settings.points,
                arguments=_arguments(own, settings.arguments, rules.arguments),
                note=_note(reading, files, name, own),
            )
        )
    used = {f"data/{name}{ending}" for name in names for ending in (".in", ".ans", ".hint", ".desc", ".yaml")}
    return Data(
        tuple(cases),
        rules.groups,
        rules.arguments,
        frozenset(used | {f"data/{path}" for path in files if PurePosixPath(path).name in SETTINGS}),
        tuple(sorted(samples)),
    )


def _refuse_what_programs_would_read(files: Mapping[str, File]) -> None:
    for path in files:
        folders = path.split("/")[:-1]
        if folders and folders[0] in (PUBLIC, HIDDEN) and any(one.endswith(".files") for one in folders):
            raise PackageRefused(f"data/{path}", "cases that give files to programs cannot be judged")


def _paired(reading: Reading, files: Mapping[str, File]) -> list[str]:
    """Names of cases in their order; what has no partner is a fault, what nobody knows a remark."""
    names = []
    for path in files:
        folder, _, _ = path.partition("/")
        if folder not in (PUBLIC, HIDDEN):
            if not path.startswith(_UNJUDGED) and path not in SETTINGS:
                reading.remark(f"data/{path}", "is neither in sample nor in secret, and not judged")
        elif path.endswith(".in"):
            names += _with_answer(reading, files, path.removesuffix(".in"))
        else:
            _remark_stray(reading, files, path)
    return sorted(names, key=lambda name: name.split("/"))


def _with_answer(reading: Reading, files: Mapping[str, File], name: str) -> list[str]:
    if f"{name}.ans" not in files:
        reading.fault(f"data/{name}.in", f"has no answer {PurePosixPath(name).name}.ans beside it")
        return []
    if len(name) > MAX_NAME:
        reading.fault(f"data/{name[:MAX_NAME]}", f"its name is longer than {MAX_NAME} characters")
        return []
    return [name]


def _remark_stray(reading: Reading, files: Mapping[str, File], path: str) -> None:
    if PurePosixPath(path).name in SETTINGS:
        return
    if path.endswith(".ans") and path.removesuffix(".ans") + ".in" not in files:
        reading.fault(f"data/{path}", f"has no input {PurePosixPath(path).stem}.in beside it")
    elif not path.endswith((".ans", *_BESIDE, *_SHOWN)):
        reading.remark(f"data/{path}", "is not used")


def _tree(names: list[str]) -> Folder:
    root = Folder()
    for name in names:
        folder = root
        for part in name.split("/")[:-1]:
            path = f"{folder.path}/{part}" if folder.path else part
            folder = folder.folders.setdefault(part, Folder(path))
        folder.cases.append(name)
    return root


def _samples_shown_elsewhere(files: Mapping[str, File], metadata: Metadata) -> set[str]:
    """Samples of which the statement shows something else than what is judged; their cases are hidden.

    The legacy format forbids to show what an interactive checker reads.
    """
    return {
        path.removesuffix(".in")
        for path in files
        if path.startswith(f"{PUBLIC}/") and path.endswith(".in")
        if (metadata.is_legacy and metadata.is_interactive)
        or any(
            path.removesuffix(".in") + ending in files
            for ending in (".interaction", ".in.statement", ".ans.statement", ".out")
        )
    }


# What cases say of themselves


def _own_settings(reading: Reading, metadata: Metadata, name: str) -> Keys | None:
    file = f"data/{name}.yaml"
    if metadata.is_legacy or file not in reading.tree.files:
        return None
    known: Mapping[str, Use] = (
        kattis_keys.CASE_2025_09 if metadata.format is Format.KATTIS_2025_09 else kattis_keys.CASE_2023_07
    )
    keys = reading.document(file, known)
    kattis_groups.refuse_program_arguments(keys)
    return keys


def _arguments(
    own: Keys | None, inherited: tuple[str, ...], usual: tuple[str, ...]
) -> tuple[str, ...] | None:
    said = inherited
    if own is not None and "output_validator_args" in own:
        said = own.words("output_validator_args", vital=True)
    return None if said == usual else said


def _note(reading: Reading, files: Mapping[str, File], name: str, own: Keys | None) -> str:
    """A sample's hint, for learners; a hidden case's description, for authors."""
    key, ending = ("hint", ".hint") if name.startswith(f"{PUBLIC}/") else ("description", ".desc")
    text = own.text(key) if own is not None else ""
    if not text and f"{name}{ending}" in files:
        text = _readable(reading, f"data/{name}{ending}")
    text = " ".join(text.replace("\0", "").split())
    return text if len(text) <= MAX_NOTE else f"{text[: MAX_NOTE - 1]}…"


def _readable(reading: Reading, file: str) -> str:
    """A text that does not matter enough to refuse the package: what cannot be read is a remark."""
    try:
        return reading.tree.text(file)
    except PackageRefused as refusal:
        reading.remark(file, refusal.reason)
        return ""


# Samples for the statement


def samples_in_words(reading: Reading, data: Data) -> str:
    """Samples that are not shown as cases, as Markdown to follow the statement: conversations and other texts."""
    files = reading.tree.under("data")
    names = {
        path.removesuffix(ending)
        for path in files
        if path.startswith(f"{PUBLIC}/")
        for ending in (".interaction", ".in.statement", ".ans.statement", ".in")
        if path.endswith(ending) and (ending != ".in" or path.removesuffix(ending) in data.shown)
    }
    return "".join(_sample_in_words(reading, files, name) for name in sorted(names))


def _sample_in_words(reading: Reading, files: Mapping[str, File], name: str) -> str:
    title = f"\n## Sample {name.removeprefix(f'{PUBLIC}/')}\n"
    if f"{name}.interaction" in files:
        talk = _readable(reading, f"data/{name}.interaction")
        return f"{title}\nLines with `>` are what the program prints, those with `<` what it reads.\n{_fenced(talk)}"
    parts = []
    for heading, endings in (
        ("Input", (".in.statement", ".in")),
        ("Output", (".ans.statement", ".out", ".ans")),
    ):
        found = next((ending for ending in endings if f"{name}{ending}" in files), None)
        if found is not None and not (found in (".in", ".ans") and _is_secret_here(files, name)):
            parts.append(f"\n{heading}:\n{_fenced(_readable(reading, f'data/{name}{found}'))}")
    return title + "".join(parts) if parts else ""


def _is_secret_here(files: Mapping[str, File], name: str) -> bool:
    """An interactive sample without anything to show: what its checker reads stays hidden."""
    return not any(f"{name}{ending}" in files for ending in (".in.statement", ".ans.statement", ".out"))


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"\n{fence}\n{text.rstrip(chr(10))}\n{fence}\n"
