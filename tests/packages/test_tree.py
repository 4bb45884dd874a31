"""The files of a package: the same from a folder and a zip, links followed, nothing read but what is asked for."""

import io
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from questions.packages.tree import Tree, opened
from questions.packages.values import PackageRefused
from tests.packages.zips import link, zipped


def contents(tree: Tree) -> dict[str, bytes]:
    return {path: file.read() for path, file in tree.files.items()}


def write(folder: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    for path, data in files:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


SMALL = [("data/1.ans", b"3\n"), ("data/1.in", b"1 2\n"), ("problem.yaml", b"name: x\n")]


def test_a_folder_and_a_zip_of_it_hold_the_same(tmp_path: Path) -> None:
    with opened(write(tmp_path / "sum", SMALL)) as folder, opened(zipped(SMALL), "sum") as archive:
        assert contents(folder) == contents(archive) == dict(SMALL)
        assert list(folder.files) == list(archive.files) == sorted(path for path, _ in SMALL)
        assert folder.name == archive.name == "sum"


def test_the_only_folder_of_a_zip_is_the_package_and_names_it(tmp_path: Path) -> None:
    path = tmp_path / "upload.zip"
    path.write_bytes(zipped([(f"sum/{name}", data) for name, data in SMALL]).getvalue())
    with opened(path) as tree:
        assert (tree.name, list(tree.files)) == ("sum", sorted(path for path, _ in SMALL))


def test_a_zip_of_nothing_but_samples_still_says_that_they_are_samples() -> None:
    with opened(zipped([("sample/1.in", b""), ("sample/1.ans", b"")]), "x") as tree:
        assert list(tree.files) == ["sample/1.ans", "sample/1.in"]


def test_what_is_below_a_folder_has_its_path_there() -> None:
    with opened(zipped(SMALL), "sum") as tree:
        below = tree.under("data")
        assert {path: (file.path, file.read()) for path, file in below.items()} == {
            "1.ans": ("1.ans", b"3\n"),
            "1.in": ("1.in", b"1 2\n"),
        }


def test_links_within_a_package_are_followed_to_files_and_folders(tmp_path: Path) -> None:
    folder = write(tmp_path, [("a/1.in", b"one"), ("b/2.in", b"two")])
    (folder / "b/1.in").symlink_to("../a/1.in")
    (folder / "c").symlink_to("b")
    in_zip = zipped([("a/1.in", b"one"), ("b/2.in", b"two"), link("b/1.in", "../a/1.in"), link("c", "b")])
    expected = {"a/1.in": b"one", "b/1.in": b"one", "b/2.in": b"two", "c/1.in": b"one", "c/2.in": b"two"}
    for source in (folder, in_zip):
        with opened(source) as tree:
            assert contents(tree) == expected
            assert tree.files["b/1.in"].size == 3


def test_a_link_to_nothing_can_be_seen_but_not_read() -> None:
    with opened(zipped([("a", b""), link("b", "gone")])) as tree:
        dangling = tree.files["b"]
        with pytest.raises(PackageRefused, match="b: is a link to gone, which is not there"):
            dangling.read()


def test_what_version_control_and_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    left = [(".git/config", b""), ("a/.DS_Store", b""), ("__MACOSX/._1.in", b""), ("1.in", b"")]
    for source in (write(tmp_path, left), zipped(left)):
        with opened(source) as tree:
            assert list(tree.files) == ["1.in"]


def test_what_may_be_run_is_known(tmp_path: Path) -> None:
    folder = write(tmp_path, [("build", b"#!/bin/sh\n"), ("check.cpp", b"")])
    (folder / "build").chmod(0o755)
    entry = zipfile.ZipInfo("build")
    entry.external_attr = 0o100755 << 16
    for source in (folder, zipped([(entry, b"#!/bin/sh\n"), ("check.cpp", b"")])):
        with opened(source) as tree:
            assert [file.executable for file in tree.files.values()] == [True, False]


def test_text_has_no_byte_order_mark_and_what_is_no_text_is_named() -> None:
    with opened(zipped([("bom.md", "\ufeffä".encode()), ("latin.md", b"ab\xe4c")])) as tree:
        assert tree.text("bom.md") == "ä"
        with pytest.raises(PackageRefused, match=r"latin.md: is not UTF-8: byte 0xe4 at position 2"):
            tree.text("latin.md")
        with pytest.raises(PackageRefused, match=r"none.md: is missing"):
            tree.text("none.md")


def test_a_file_that_changes_while_the_package_is_read_is_noticed(tmp_path: Path) -> None:
    folder = write(tmp_path, [("1.in", b"1"), ("2.in", b"2")])
    with opened(folder) as tree:
        (folder / "1.in").write_bytes(b"longer")
        (folder / "2.in").unlink()
        os.mkfifo(folder / "2.in")
        for path in ("1.in", "2.in"):
            with pytest.raises(PackageRefused, match="has changed"):
                tree.files[path].read()


def test_names_in_utf_8_are_read_whether_or_not_the_zip_says_so() -> None:
    said = zipped([("ä.in", b"1")])
    silent = io.BytesIO(said.getvalue().replace(b"\x00\x08", b"\x00\x00"))
    for source in (said, silent):
        with opened(source) as tree:
            assert list(tree.files) == ["ä.in"]


def test_what_is_neither_folder_nor_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no zip")
    with pytest.raises(PackageRefused, match="neither a folder nor a zip"), opened(tmp_path / "text"):
        pass
    with pytest.raises(PackageRefused, match="No such file"), opened(tmp_path / "gone"):
        pass
