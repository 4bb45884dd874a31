"""Programs of packages: which of our languages they are in, by the endings of their names, and how they start."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from questions.packages import java
from questions.packages.tree import Tree
from questions.packages.values import PackageSolution

ENDINGS = {
    ".bash": "bash",
    ".c": "c",
    ".c++": "cpp",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cxx": "cpp",
    ".go": "go",
    ".java": "java",
    ".js": "javascript",
    ".lua": "lua",
    ".pas": "pascal",
    ".php": "php",
    ".pl": "perl",
    ".py": "python",
    ".py3": "python",
    ".rb": "ruby",
    ".rs": "rust",
    ".sh": "bash",
}


SEVERAL = "it has several files"
EMPTY = "its source is empty"
NOTE_ENDINGS = frozenset({".adoc", ".md", ".rst", ".txt"})


def without_notes(paths: Iterable[str]) -> list[str]:
    """The files that a program may need: all but texts for people."""
    return [path for path in paths if not _is_note(PurePosixPath(path))]


def _is_note(path: PurePosixPath) -> bool:
    return path.suffix.lower() in NOTE_ENDINGS or path.name.lower().startswith("readme")


def as_started(path: str, language: str, source: str) -> str:
    """The source as judges start it: they know no file but one, and call a class Main."""
    return java.as_main(source, PurePosixPath(path).stem) if language == "java" else source


def solution(tree: Tree, path: str, *, expected: tuple[str, ...], bounds: str = "") -> PackageSolution:
    """The reference solution at a path; raises PackageRefused where it is no text."""
    ending = PurePosixPath(path).suffix
    language = ENDINGS.get(".cc" if ending == ".C" else ending.lower())
    return of_language(
        tree, path, language, f"no language for {ending or 'its name'}", expected=expected, bounds=bounds
    )


def of_language(
    tree: Tree, path: str, language: str | None, lack: str, *, expected: tuple[str, ...], bounds: str = ""
) -> PackageSolution:
    """The same where the package says the language; None: it is skipped, `lack` says why."""
    if language is None:
        return PackageSolution(path, "", "", expected, skipped=lack)
    source = tree.text(path)
    if not source.strip():
        return PackageSolution(path, "", "", expected, skipped=EMPTY)
    if language == "python" and "python2" in source.partition("\n")[0]:
        return PackageSolution(path, "", "", expected, skipped="no language for Python 2")
    return PackageSolution(path, language, as_started(path, language, source), expected, bounds=bounds)
