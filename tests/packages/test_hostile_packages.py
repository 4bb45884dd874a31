"""Packages that want to harm, and broken ones: each is refused, naming file and reason, and never by a traceback."""

import io
import os
import random
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from questions.packages import read
from questions.packages.tree import DIRECTORY_BYTES, MAX_ENTRIES, opened
from questions.packages.values import PackageRefused
from tests.packages.test_dmoj import DmojPackage
from tests.packages.test_polygon import PolygonPackage
from tests.packages.zips import entry, forged, link, zipped

PAIR = [("1.in", b"1\n"), ("1.out", b"1\n")]


def refusal(source: Path | io.BytesIO) -> PackageRefused:
    """What opening and reading it, and every file of it, ends with."""
    with pytest.raises(PackageRefused) as refused:
        read_all(source)
    return refused.value


def read_all(source: Path | io.BytesIO) -> None:
    with opened(source, "package") as tree:
        for case in read(tree).cases:
            case.input.read()
            case.answer.read()


def read_all_or_refuse(source: io.BytesIO) -> None:
    with suppress(PackageRefused):
        read_all(source)


@pytest.mark.parametrize(
    ("hostile", "file", "reason"),
    [
        (("../../etc/cron.d/x", b""), "../../etc/cron.d/x", "leaves the package"),
        (("a/../../x", b""), "a/../../x", "leaves the package"),
        (("/etc/passwd", b""), "/etc/passwd", "path is absolute"),
        (("C:/x", b""), "C:/x", "path is absolute"),
        (("..\\x", b""), r"'..\\x'", "backslash"),
        (("a\tb", b""), r"'a\tb'", "control character"),
        (("a/" * 200 + "x", b""), "", "longer than 300 characters"),
        (("a/" * 31 + "x", b""), "", "in more than 30 folders"),
        (link("out", "/etc/passwd"), "out", "link leaves the package"),
        (link("out", "../../x"), "out", "link leaves the package"),
        (link("a/out", "b/../../../x"), "a/out", "link leaves the package"),
        (link("a/round", "../a"), "a/round", "circle"),
        (link("round", "round"), "round", "circle"),
        (link("long", "x" * 5000), "long", "longer than any path"),
        ((entry("pipe", 0o010644), b""), "pipe", "neither a file nor a folder"),
        ((entry("disk", 0o060644), b""), "disk", "neither a file nor a folder"),
        (("1.in/x", b""), "1.in/x", "name twice"),
        (("./1.in", b""), "./1.in", "name twice"),
    ],
)
def test_entries_that_no_honest_zip_has_refuse_it(
    hostile: tuple[str | zipfile.ZipInfo, bytes], file: str, reason: str
) -> None:
    refused = refusal(zipped([*PAIR, ("a/b/x", b""), hostile]))
    assert reason in refused.reason
    assert refused.file == file or not file or refused.file == file.removeprefix("./")


def test_a_name_that_is_no_text_refuses_the_zip() -> None:
    broken = zipped([("ää.in", b"1")]).getvalue().replace("ää".encode(), b"\xff\xfe\xff\xfe")
    assert "neither a folder nor a zip that can be read" in refusal(io.BytesIO(broken)).reason
    unsaid = io.BytesIO(broken.replace(b"\x00\x08", b"\x00\x00"))
    assert "its name is not UTF-8" in refusal(unsaid).reason


@pytest.mark.parametrize("most", [MAX_ENTRIES + 1, 400_000])
def test_too_many_entries_refuse_a_zip_before_they_are_looked_at(most: int) -> None:
    """10,001 entries, and a directory that would not even fit into memory."""
    source = forged(f"{number:06}" for number in range(most))
    assert str(MAX_ENTRIES) in refusal(source).reason
    assert most == MAX_ENTRIES + 1 or len(source.getvalue()) > DIRECTORY_BYTES


def test_ten_thousand_links_to_one_file_are_too_many_where_they_are_one_folder_linked_often() -> None:
    """A folder of a hundred files, linked a hundred and one times."""
    files = [(f"a/{number}", b"") for number in range(100)]
    links = [link(f"b{number}", "a") for number in range(100)]
    assert str(MAX_ENTRIES) in refusal(zipped([*files, *links])).reason


def test_a_zip_that_would_unpack_to_more_than_its_size_allows_is_refused_unread() -> None:
    assert "more than 200 times its own size" in refusal(forged(["1.in"], says=1024**3)).reason


def test_links_count_as_much_as_what_they_name(settings: object) -> None:
    settings.MAX_PACKAGE_BYTES = 1024**2  # type: ignore[attr-defined]
    data = os.urandom(300 * 1024)
    assert (
        "holds more than 1048576 bytes"
        in refusal(zipped([("1.in", data), *(link(f"{number}.in", "1.in") for number in range(2, 5))])).reason
    )


def test_a_file_larger_than_anything_we_keep_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "1.out").write_bytes(b"")
    with (tmp_path / "1.in").open("wb") as sparse:
        sparse.truncate(100 * 1024**2)
    refused = refusal(tmp_path)
    assert (refused.file, "has 104857600 bytes" in refused.reason) == ("1.in", True)


def test_an_encrypted_or_oddly_compressed_zip_is_refused() -> None:
    assert refusal(forged(["1.in"], flags=1)).reason == "is encrypted"
    assert "another way" in refusal(forged(["1.in"], method=14)).reason


def test_a_zip_that_says_too_little_or_too_much_is_damaged() -> None:
    honest = zipped([("1.in", b"0" * 1000), ("1.out", b"1")]).getvalue()
    place = honest.index(b"PK\1\2") + 24
    for says in (10, 2000):
        lying = honest[:place] + says.to_bytes(4, "little") + honest[place + 4 :]
        refused = refusal(io.BytesIO(lying))
        assert (refused.file, "is damaged" in refused.reason) == ("1.in", True)


def test_a_zip_cut_anywhere_or_with_any_byte_changed_is_read_or_refused() -> None:
    """(Fuzz.) Nothing but PackageRefused comes out of it."""
    honest = zipped([*PAIR, link("2.in", "1.in"), ("2.out", b"1"), ("a/b", b"x" * 500)]).getvalue()
    chance = random.Random(8)
    for _ in range(300):
        data = bytearray(honest)
        data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            data = data[: chance.randrange(len(data))]
        read_all_or_refuse(io.BytesIO(bytes(data)))


# Folders


def test_a_folder_with_anything_but_files_folders_and_links_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.in")
    assert refusal(tmp_path).file == "1.in"


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "a/../../secret"])
def test_a_link_out_of_a_folder_is_refused_unfollowed(tmp_path: Path, target: str) -> None:
    (tmp_path / "secret").write_text("hidden")
    (tmp_path / "package/a").mkdir(parents=True)
    (tmp_path / "package/1.in").symlink_to(target)
    refused = refusal(tmp_path / "package")
    assert (refused.file, refused.reason) == ("1.in", "the link leaves the package")


def test_a_name_in_a_folder_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.in"))).write_text("")
    assert refusal(tmp_path).reason == "its name is not UTF-8"


# What is in them


def test_a_missing_problem_yaml_is_named_where_there_are_kattis_cases() -> None:
    refused = refusal(zipped([("data/secret/1.in", b""), ("data/secret/1.ans", b""), ("submissions/x", b"")]))
    assert refused.file == "problem.yaml"
    assert "is missing" in refused.reason


def test_a_folder_of_anything_says_what_was_looked_for() -> None:
    assert refusal(zipped([("readme", b""), ("main.cpp", b"")])).reason == (
        "neither problem.yaml, problem.xml, init.yml nor testcases such as 1.in and 1.out (or 1.ans), "
        "input1.txt and output1.txt, in/1.txt and out/1.txt, 01 and 01.a are in it"
    )


def test_case_files_without_a_partner_are_faults_that_name_them() -> None:
    with opened(zipped([*PAIR, ("2.in", b""), ("3.out", b"")])) as tree:
        faults = [str(remark) for remark in read(tree).remarks if remark.is_fault]
    assert faults == ["2.in: an input without an answer", "3.out: an answer without an input"]


def test_a_statement_that_is_no_utf_8_is_refused_by_name(tmp_path: Path) -> None:
    assert refusal(zipped([*PAIR, ("statement.md", b"\xff")])).file == "statement.md"
    package = PolygonPackage(tmp_path).write(
        "statements/english/problem-properties.json", b'{"legend": "\xff"}'
    )
    assert refusal(package.folder).file == "statements/english/problem-properties.json"


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("", "no XML"),
        ("<problem>", "no XML"),
        ("<contest/>", "its root is <contest>"),
        ("<problem/>", "no <judging>"),
        ('<!DOCTYPE x [<!ENTITY a "aaaaaaaa">]><problem>&a;</problem>', "entities or a DTD"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><problem/>', "entities or a DTD"),
        ("<problem>" * 100_000, "no XML"),
        ('<?xml version="1.0" encoding="no-such"?><problem/>', "no"),
        ("<problem>\0</problem>", "no XML"),
    ],
)
def test_a_problem_xml_that_is_none_or_wants_harm_is_refused(xml: str, reason: str) -> None:
    refused = refusal(zipped([("problem.xml", xml.encode())]))
    assert refused.file == "problem.xml"
    assert reason in refused.reason


@pytest.mark.parametrize(
    "yaml",
    [
        "- a",
        "test_cases: [{in: ../x, out: 1.out}]",
        "test_cases: [{in: 1.in, out: 1.out, points: .inf}]",
        "test_cases: [{in: 1.in, out: 1.out, points: -1}]",
        "test_cases: [3]",
        "test_cases: {case_points: x}",
        "test_cases: [{batched: [{batched: []}]}]",
        "test_cases: [{batched: [{in: 1.in, out: 1.out}], dependencies: [1]}]",
        "test_cases: [{in: [1], out: 1.out}]",
        "archive: problem.zip\ntest_cases: [{in: 1.in, out: 1.out}]",
        "archive: 1.in\ntest_cases: [{in: 1.in, out: 1.out}]",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\ntest_cases: 1",
        "\t",
        "!!python/object/apply:os.system [echo]",
    ],
)
def test_an_init_yml_that_is_none_or_wants_harm_is_refused(yaml: str) -> None:
    refused = refusal(zipped([("init.yml", yaml.encode()), *PAIR]))
    assert refused.file in ("init.yml", "problem.zip", "1.in")


def test_a_pattern_for_names_that_would_need_years_is_given_up(tmp_path: Path) -> None:
    package = DmojPackage(tmp_path, test_cases={"input_format": r"^(?P<case>(x+x+)+y)$"})
    package.write("x" * 60, "").write("1.out", "")
    refused = refusal(package.folder)
    assert (refused.file, "it needs more than" in refused.reason) == ("init.yml", True)


def test_descriptions_with_any_byte_changed_are_read_or_refused(tmp_path: Path) -> None:
    """(Fuzz.) Nothing but PackageRefused comes out of a broken problem.xml or init.yml."""
    chance = random.Random(8)
    polygon = PolygonPackage(tmp_path / "polygon").files()
    dmoj = DmojPackage(tmp_path / "dmoj").listed().files()
    for files, name in ((polygon, "problem.xml"), (dmoj, "init.yml")):
        for _ in range(150):
            data = bytearray(files[name])
            for _ in range(chance.randrange(1, 4)):
                data[chance.randrange(len(data))] = chance.choice(b"<>&\"'=/:-[]{}*!0 \n\xff9")
            read_all_or_refuse(zipped({**files, name: bytes(data)}.items()))
