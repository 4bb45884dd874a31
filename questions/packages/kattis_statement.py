"""The statement of a package in Kattis's format: which language, what it is called, its pictures."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from questions.packages import latex
from questions.packages.documents import Reading
from questions.packages.kattis_metadata import Metadata
from questions.packages.values import PICTURE_TYPES, File, PackageStatement

FOLDERS = ("problem_statement", "statement")
ENDINGS = (".md", ".tex", ".pdf")  # the first that is there counts
PREFERRED = "en"

_NAME = re.compile(r"problem(?:\.([A-Za-z]{2,3}(?:-[A-Za-z]{2})?))?(\.md|\.tex|\.pdf)")
_PLAIN_NAME = re.compile(r"^%%[ \t]*plainproblemname:([^\n]*)$", re.MULTILINE)
_SAMPLES_HERE = re.compile(r"\{\{(?:nextsample|remainingsamples)\}\}|\\(?:nextsample|remainingsamples)\b")
_LATEX_IN_NAME = re.compile(r"[$\\{}]")


@dataclass(frozen=True)
class Stated:
    """`used` are the paths of its pictures, for the text itself is kept for the export; `attachments` is the statement
    where it can only be looked at.
    """

    statement: PackageStatement
    title: str
    used: frozenset[str]
    attachments: tuple[File, ...] = ()


def read(reading: Reading, metadata: Metadata) -> Stated:
    """The English one, else the first; that there is none is a fault."""
    folder, found = _find(reading, metadata)
    if not found:
        reading.fault(folder, "there is no statement in it")
        return Stated(PackageStatement(""), _title(reading, metadata, PREFERRED, ""), frozenset())
    language = PREFERRED if PREFERRED in found else min(found)
    for other in sorted(set(found) - {language}):
        reading.remark(found[other], f"only the statement in {language} is shown; this one is kept")
    return _stated(reading, metadata, folder, found[language], language)


def _find(reading: Reading, metadata: Metadata) -> tuple[str, dict[str, str]]:
    """The folder, and paths by language; the folder of the other version, where only that is there, with a remark."""
    own, other = FOLDERS if metadata.is_legacy else reversed(FOLDERS)
    for folder in (own, other):
        found = _by_language(reading.tree.under(folder))
        if found:
            if folder != own:
                reading.remark(folder, f"its version of the format calls this folder {own}")
            return folder, {language: f"{folder}/{path}" for language, path in found.items()}
    if "problem.pdf" in reading.tree.files:  # as DOMjudge has it
        return "", {PREFERRED: "problem.pdf"}
    return own, {}


def statement_name(name: str) -> str | None:
    """The language of the statement that a file of this name is; None where it is none."""
    found = _NAME.fullmatch(name)
    return (found[1] or PREFERRED) if found else None


def _by_language(files: Mapping[str, File]) -> dict[str, str]:
    found: dict[str, str] = {}
    for ending in reversed(ENDINGS):
        for path in files:
            match = _NAME.fullmatch(path)
            if match and match[2] == ending:
                found[match[1] or PREFERRED] = path
    return found


def _stated(reading: Reading, metadata: Metadata, folder: str, path: str, language: str) -> Stated:
    if path.endswith(".pdf"):
        file = reading.tree.files[path]
        name = PurePosixPath(path).name
        reading.remark(path, "a statement in PDF is attached, not shown")
        return Stated(
            PackageStatement(f"The statement is attached as `{name}`.\n", language),
            _title(reading, metadata, language, ""),
            frozenset(),
            (File(name, file.size, file.read),),
        )
    text = metadata.with_constants(reading.tree.text(path).replace("\0", ""))
    text = _SAMPLES_HERE.sub("", text)  # pages show all samples below the statement
    title = ""
    leftovers: tuple[str, ...] = ()
    if path.endswith(".tex"):
        plain = _PLAIN_NAME.search(text)
        shown = [picture.path for picture in _pictures(reading, folder, "")]
        converted = latex.to_markdown(text, pictures=shown)
        text, leftovers = converted.markdown, converted.leftovers
        title = plain[1].strip() if plain else converted.title
    pictures = _pictures(reading, folder, text)
    return Stated(
        PackageStatement(text, language, pictures, leftovers),
        _title(reading, metadata, language, title),
        frozenset(f"{folder}/{picture.path}" for picture in pictures),
    )


def _pictures(reading: Reading, folder: str, text: str) -> tuple[File, ...]:
    """Those that browsers can show; a PDF that the text names is a remark."""
    files = reading.tree.under(folder)
    for path in files:
        if path.endswith(".pdf") and not _NAME.fullmatch(path) and PurePosixPath(path).stem in text:
            reading.remark(f"{folder}/{path}", "a picture in PDF cannot be shown")
    return tuple(file for path, file in files.items() if PurePosixPath(path).suffix.lower() in PICTURE_TYPES)


def _title(reading: Reading, metadata: Metadata, language: str, stated: str) -> str:
    """Legacy: as the statement says it, unless only LaTeX could show that; later: as problem.yaml says it."""
    names = metadata.names
    told = names.get(language) or names.get("") or next(iter(names.values()), "")
    stated = "" if _LATEX_IN_NAME.search(stated) and told else stated
    first, second = (stated, told) if metadata.is_legacy else (told, stated)
    return " ".join((first or second or reading.tree.name).replace("\0", "").split())
