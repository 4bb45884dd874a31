"""Where the packages are in folders of them."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from questions.packages import plain

SIGNS = ("problem.yaml", "problem.xml", "init.yml", "data/secret", "data/sample", "problem_statement")
"""Whatever has one of them is a package, whole or broken."""
README = "readme.md"


def packages_in(path: Path) -> list[Path]:
    """The packages at or below `path`, sorted: folders with one of SIGNS, zips that are in no such folder, and what
    lies beside these and has testcases.

    Below which there is none of the first two, a path is one package itself, or, where the testcases below it are in
    folders with a statement each, these. Links to folders are not followed, and names that begin with a dot are passed
    over.
    """
    if not path.is_dir():
        return [path]
    signed = set(_signed(path))
    return sorted([*signed, *_beside(path, signed)] if signed else _plain(path))


def _signed(top: Path) -> Iterator[Path]:
    for name, folders, files in os.walk(top):
        folder = Path(name)
        if any((folder / sign).exists() for sign in SIGNS):
            folders.clear()
            yield folder
            continue
        folders[:] = [one for one in folders if not one.startswith(".")]
        yield from (folder / one for one in files if one.lower().endswith(".zip") and not one.startswith("."))


def _beside(top: Path, signed: Collection[Path]) -> Iterator[Path]:
    """Plain packages in folders that hold none of the others."""
    if top in signed:
        return
    for folder in _listed(top)[0]:
        if any(one == folder or folder in one.parents for one in signed):
            yield from _beside(folder, signed)
        elif plain.are_cases(_files(folder)):
            yield from _plain(folder)


def _plain(folder: Path) -> list[Path]:
    """The folder, or those in it that are questions of their own."""
    stated = _stated(folder)
    return stated if len(stated) > 1 else [folder]


def _stated(folder: Path) -> list[Path]:
    """Folders with a statement each, outside of which there are no testcases; none where there are some.

    A README may also be that of the folder in which they are.
    """
    folders, files = _listed(folder)
    names = {name.lower() for name in files} & set(plain.STATEMENTS)
    if names - {README}:
        return [folder]
    found = [one for child in folders if plain.are_cases(_files(child)) for one in _stated(child)]
    inside = tuple(f"{one.relative_to(folder)}/" for one in found)
    is_all = not plain.are_cases(path for path in _files(folder) if not path.startswith(inside))
    if is_all and len(found) > len(names):
        return found
    return [folder] if names else []


def _listed(folder: Path) -> tuple[list[Path], list[str]]:
    """The folders in it, and the names of its files; nothing of one that cannot be read."""
    _, folders, files = next(os.walk(folder), ("", [], []))
    paths = [folder / name for name in sorted(folders) if not name.startswith(".")]
    return [path for path in paths if not path.is_symlink()], files


def _files(top: Path) -> list[str]:
    """Their paths below it, at any depth."""
    found = []
    for name, folders, files in os.walk(top):
        folders[:] = [one for one in folders if not one.startswith(".")]
        found += [str((Path(name) / one).relative_to(top)) for one in files]
    return found
