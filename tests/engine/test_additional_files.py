"""The zip that may come with a submission, multi-file programs, and languages whose compilers leave many files.

Whatever the zip holds: the host never looks into it, and what cannot be unpacked whole is told.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import PYTHON, C, Engine, encoded, ready, started_engine
from .test_process import start_without

JAVA, MULTI_FILE = 62, 89
LIST = """
import os
for path, directories, files in sorted(os.walk(".")):
    for name in sorted(directories + files):
        inner = os.path.join(path, name)[2:]
        kind = "l" if os.path.islink(inner) else "d" if os.path.isdir(inner) else "f"
        print(kind, oct(os.lstat(inner).st_mode & 0o777)[2:], ascii(inner), os.lstat(inner).st_size)
"""
OWN = f"f 444 'script.py' {len(LIST)}"


LANGUAGES = "c,python,java,multi-file"


@pytest.fixture(scope="module")
def run_directory() -> Iterator[Path]:
    """Where the engine keeps its files; every user must be able to enter it."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o711)
        yield Path(directory)


@pytest.fixture(scope="module")
def engine(run_directory: Path) -> Iterator[Engine]:
    settings = {"JUDGE0_AUTH_TOKEN": "", "ENGINE_SLOTS": "2", "ENGINE_LANGUAGES": LANGUAGES}
    with started_engine(ENGINE_RUN_DIR=str(run_directory), **settings) as running:
        yield running


def packed(
    *files: tuple[str | zipfile.ZipInfo, str | bytes], compression: int = zipfile.ZIP_DEFLATED
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files:
            # Of the year 1980: the same files make the same zip whenever that is.
            entry = zipfile.ZipInfo(name) if isinstance(name, str) else name
            archive.writestr(entry, content, compression)
    return buffer.getvalue()


def with_mode(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def files(*entries: tuple[str | zipfile.ZipInfo, str | bytes]) -> dict[str, str]:
    return {"additional_files": encoded(packed(*entries))}


def listing(engine: Engine, archive: bytes) -> list[str]:
    """What a program finds beside itself when `archive` comes with it."""
    result = engine.run(LIST, additional_files=encoded(archive))
    assert (result["status_id"], result["stderr"]) == (3, b""), result
    lines: list[str] = result["stdout"].decode().splitlines()
    lines.remove(OWN)
    return lines


def project(engine: Engine, *entries: tuple[str, str], **parameters: Any) -> dict[str, Any]:
    return engine.run("", MULTI_FILE, **files(*entries), **parameters)


def test_files_are_there_beside_the_program_and_told_again_as_they_came(engine):
    source = "import helper; print(helper.word, open('data/numbers').read())"
    archive = packed(("helper.py", "word = 'imported'"), ("data/numbers", "1 2 3"))
    result = engine.run(source, additional_files=encoded(archive))
    assert (result["status_id"], result["stdout"]) == (3, b"imported 1 2 3\n"), result
    assert result["additional_files"].replace("\n", "") == encoded(archive)
    plain = {"source_code": source, "language_id": PYTHON, "additional_files": encoded(archive)}
    shown = engine.post("/submissions?wait=true&fields=stdout,additional_files", json=plain).json()
    assert shown["stdout"] == "imported 1 2 3\n"
    assert shown["additional_files"] == result["additional_files"]


def test_a_compiler_and_its_program_find_them_too(engine):
    source = """
#include <stdio.h>
#include "limits/most.h"
int main(void) { char word[9]; fscanf(fopen("word", "r"), "%8s", word); printf("%d %s", MOST, word); }
"""
    brought = files(("limits/most.h", "#define MOST 7"), ("word", "read"), ("a.out", "not this"))
    result = engine.run(source, C, **brought)
    assert (result["status_id"], result["stdout"]) == (3, b"7 read"), result
    assert (
        engine.run(source, C, **files(("limits/most.h", "#define MOST 8"), ("word", "x")))["stdout"] == b"8 x"
    )
    assert engine.run(source, C)["status_id"] == 6


def test_they_are_unpacked_once_for_many_runs(engine):
    archive = encoded(packed(("x", str(time.monotonic_ns()))))
    before = engine.compilations()
    for number in range(3):
        result = engine.run(f"print(open('x').read() and {number})", additional_files=archive)
        assert result["stdout"] == f"{number}\n".encode()
    assert engine.compilations() == before + 1


def test_executable_files_directories_and_odd_names_stay_what_they_are(engine):
    archive = packed(
        (with_mode("tool", stat.S_IFREG | 0o755), "#!/bin/sh"),
        (with_mode("quiet", stat.S_IFREG), ""),
        (with_mode("all", stat.S_IFREG | 0o6777), ""),
        ("empty/", ""),
        ("č ☃\n-rf", "xx"),
        ("a\\b", "x"),
    )
    assert listing(engine, archive) == [
        "f 644 'a\\\\b' 1",
        "f 755 'all' 0",
        "d 755 'empty' 40",
        "f 644 'quiet' 0",
        "f 755 'tool' 9",
        "f 644 '\\u010d \\u2603\\n-rf' 2",
    ]


def test_names_cannot_lead_out_of_the_directory_nor_over_the_program(engine):
    archive = packed(
        ("../up", "1"),
        ("/absolute", "22"),
        ("/etc/../../deep/../inner", "333"),
        ("..", "4"),
        ("script.py", "print('not this one')"),
        ("./script.py", "print('nor this one')"),
        ("script.py/inner", "nor this"),
        ("twice", "first"),
        ("twice/inner", "never"),
        ("run", "echo no"),
        ("C:\\autoexec.bat", ""),
    )
    with pytest.warns(UserWarning, match="Duplicate name"):
        doubled = packed(("twice", "1"), ("twice", "22"))
    assert listing(engine, archive) == [
        "f 644 'C:\\\\autoexec.bat' 0",
        "f 644 'absolute' 2",
        "d 755 'etc' 60",
        "f 644 'run' 7",
        "f 644 'twice' 5",
        "f 644 'up' 1",
        "d 755 'etc/deep' 60",
        "f 644 'etc/deep/inner' 3",
    ]
    assert listing(engine, doubled) == ["f 644 'twice' 1"]


def test_links_and_devices_are_never_made(engine):
    archive = packed(
        (with_mode("passwd", stat.S_IFLNK | 0o777), "/etc/passwd"),
        (with_mode("out", stat.S_IFLNK | 0o777), "/tmp"),
        ("out/file", "x"),
        (with_mode("pipe", stat.S_IFIFO | 0o777), ""),
        (with_mode("disk", stat.S_IFBLK | 0o777), ""),
    )
    assert listing(engine, archive) == ["d 755 'out' 60", "f 644 'out/file' 1"]


@pytest.mark.parametrize("archive", [b"no zip", b"PK\x03\x04", bytes(1000), packed(("x", "y" * 99))[:-30]])
def test_what_is_no_zip_is_ignored_as_judge0_does(engine, archive):
    assert listing(engine, archive) == []


def encrypted() -> bytes:
    archive = bytearray(packed(("x", "secret")))
    for at, marker in ((6, b"PK\x03\x04"), (8, b"PK\x01\x02")):
        archive[archive.index(marker) + at] |= 1
    return bytes(archive)


def damaged() -> bytes:
    archive = bytearray(packed(("x", "content"), compression=zipfile.ZIP_STORED))
    archive[archive.index(b"content")] ^= 1
    return bytes(archive)


def lying_about_its_size() -> bytes:
    archive = bytearray(packed(("big", bytes(11 << 20))))
    for at, marker in ((22, b"PK\x03\x04"), (24, b"PK\x01\x02")):
        struct.pack_into("<I", archive, archive.index(marker) + at, 5)
    return bytes(archive)


def with_a_name_that_is_not_text() -> bytes:
    return packed(("čč", "")).replace("čč".encode(), b"\xff\xfe\xff\xfe")


def of_an_unknown_method() -> bytes:
    archive = bytearray(packed(("x", "content")))
    for at, marker in ((8, b"PK\x03\x04"), (10, b"PK\x01\x02")):
        struct.pack_into("<H", archive, archive.index(marker) + at, 9)
    return bytes(archive)


def overlapping(count: int) -> bytes:
    """One stored megabyte that many entries claim: small to send, large to unpack."""
    archive = packed(*((f"{number:04}", "") for number in range(count)), ("last", bytes(1 << 20)))
    directory = archive.index(b"PK\x01\x02")
    end = archive.rindex(b"PK\x05\x06")
    last = archive.rindex(b"PK\x01\x02")
    entry = archive[last:end]
    entries = b"".join(entry.replace(b"last", f"{number:04}".encode()) for number in range(count))
    tail = bytearray(archive[end:])
    struct.pack_into("<HHII", tail, 8, count, count, len(entries), directory)
    return archive[:directory] + entries + bytes(tail)


@pytest.mark.parametrize(
    ("archive", "complaint"),
    [
        (packed(("big", bytes(10 * 1024 * 1024 + 1))), b"'big' in it is larger than 10240 KB."),
        (packed(*((str(n), bytes(9 << 20)) for n in range(4))), b"There is more in it than 32768 KB."),
        (packed(*((str(n), "") for n in range(8300))), b"There is more in it than 32768 KB."),
        (packed(("d/" * 40 + "x", "")), b"deeper than 32 levels"),
        (packed(("n" * 256, "")), b"cannot be unpacked ("),
        (encrypted(), b"encrypted"),
        (damaged(), b"CRC"),
        (lying_about_its_size(), b"cannot be unpacked ("),
        (with_a_name_that_is_not_text(), b"damaged ("),
        (of_an_unknown_method(), b"not supported"),
        (overlapping(60), b"cannot be unpacked ("),
        (packed(("x", bytes(200 << 20)), compression=zipfile.ZIP_BZIP2), b"too much memory"),
    ],
    ids=lambda value: value.decode() if len(value) < 100 else None,
)
def test_what_cannot_be_unpacked_whole_is_told_and_nothing_runs(engine, archive, complaint):
    result = engine.run("print('ran')", additional_files=encoded(archive))
    assert (result["status_id"], result["stdout"]) == (6, b"")
    assert result["compile_output"].startswith(b"additional_files: ")
    assert complaint in result["compile_output"]
    assert b"Traceback" not in result["compile_output"]
    assert len(result["compile_output"]) < 400


def test_a_zip_that_takes_long_is_given_up_after_two_seconds(engine):
    """Hundreds of thousands of entries for one file of nothing."""
    result = engine.run("print('ran')", additional_files=encoded(many_entries(700_000)))
    assert result["status_id"] == 6, result
    assert b"longer than 2 s" in result["compile_output"] or b"too much memory" in result["compile_output"]


def many_entries(count: int) -> bytes:
    archive = packed(("n", ""))
    start, end = archive.index(b"PK\x01\x02"), archive.rindex(b"PK\x05\x06")
    tail = bytearray(archive[end:])
    struct.pack_into("<HHII", tail, 8, 0xFFFF, 0xFFFF, (end - start) * count, start)
    return archive[:start] + archive[start:end] * count + bytes(tail)


def test_a_multi_file_program_is_run_by_its_script_run(engine):
    result = project(engine, ("run", "cat word; read x; echo $x"), ("word", "read "), stdin="in\n")
    assert (result["status_id"], result["stdout"]) == (3, b"read in\n"), result
    assert (result["source_code"], result["compile_output"]) == (None, b"")
    assert result["language"] == {"id": MULTI_FILE, "name": "Multi-file program"}


def test_its_script_compile_comes_first_and_what_it_leaves_is_there_in_every_run(engine):
    marker = time.monotonic_ns()
    entries = (
        ("compile", "echo building; gcc -shared -fPIC one.c -o libone.so.1 && ln -s libone.so.1 libone.so &&\n"
                    "gcc main.c -L. -lone -Wl,-rpath,. -o program && mkdir made && date > made/when"),
        ("run", "./program; cat made/when; ls -l libone.so | grep -c -- '-> libone.so.1'"),
        ("one.c", f"int one(void) {{ return 1; }} /* {marker} */"),
        ("main.c", '#include <stdio.h>\nint one(void);\nint main(void) { printf("%d\\n", one()); }'),
    )  # fmt: skip
    before = engine.compilations()
    results = [project(engine, *entries) for _ in range(3)]
    assert [result["status_id"] for result in results] == [3, 3, 3], results[0]
    assert results[0]["stdout"].splitlines()[::2] == [b"1", b"1"]
    assert len({result["stdout"] for result in results}) == 1
    assert results[0]["compile_output"] == b"building\n"
    assert engine.compilations() == before + 2  # unpacked, compiled


def test_a_script_compile_that_fails_is_a_compile_error(engine):
    result = project(engine, ("compile", "echo no way >&2; exit 3"), ("run", "echo ran"))
    assert (result["status_id"], result["compile_output"]) == (6, b"no way\n")
    full = project(engine, ("compile", "head -c 40000000 /dev/zero | split -b 8M"), ("run", "echo ran"))
    assert full["status_id"] == 6
    assert b"The compiler left more than 33554432 bytes of files" in full["compile_output"]


def test_without_a_script_run_bash_says_so_with_127(engine):
    result = project(engine, ("Run", "echo no"), command_line_arguments="ignored")
    assert (result["status_id"], result["exit_code"]) == (11, 127)
    assert result["stderr"] == b"/bin/bash: run: No such file or directory\n" or b"run" in result["stderr"]


def test_arguments_of_a_multi_file_program_are_ignored(engine):
    assert project(engine, ("run", "echo $#"), command_line_arguments="a b")["stdout"] == b"0\n"


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"source_code": "x"}, {"source_code": ["must be blank"], "additional_files": ["can't be blank"]}),
        ({"additional_files": "!"}, {"additional_files": ["can't be blank"]}),
        (
            {"compiler_options": "-O2", **files(("run", ""))},
            {"compiler_options": ["setting compiler options is only allowed for compiled languages"]},
        ),
    ],
)
def test_what_a_multi_file_program_must_and_must_not_bring(engine, body, errors):
    answer = engine.post("/submissions", json={"language_id": MULTI_FILE, **body})
    assert (answer.status_code, answer.json()) == (422, errors)


def test_of_a_multi_file_program_no_commands_are_told(engine):
    assert engine.get(f"/languages/{MULTI_FILE}").json() == {
        "id": MULTI_FILE,
        "name": "Multi-file program",
        "is_archived": False,
        "source_file": None,
        "compile_cmd": None,
        "run_cmd": None,
    }


def test_where_they_are_switched_off_they_are_refused_and_announced_so():
    switched_off = {"ENGINE_ENABLE_ADDITIONAL_FILES": "false", "JUDGE0_AUTH_TOKEN": ""}
    with started_engine(ENGINE_LANGUAGES="python,multi-file", **switched_off) as engine:
        assert engine.get("/config_info").json()["enable_additional_files"] is False
        assert [one["id"] for one in engine.get("/languages").json()] == [PYTHON]
        body = {"source_code": "print()", "language_id": PYTHON, **files(("x", ""))}
        answer = engine.post("/submissions", json=body)
        assert (answer.status_code, answer.json()) == (
            422,
            {"additional_files": ["setting additional files is not allowed"]},
        )


def test_where_they_work_config_info_tells_how_large_each_may_be(engine):
    told = engine.get("/config_info").json()
    assert (told["enable_additional_files"], told["max_extract_size"]) == (True, 10_240)


JAVA_PROGRAM = """
import java.util.*;
public class Main {
    static class Node { int value = 7; }
    interface Step { int take(int from); }
    static int depth(int left) { return left == 0 ? 0 : 1 + depth(left - 1); }
    public static void main(String[] words) throws Exception {
        Step twice = from -> 2 * from;
        Scanner in = new Scanner(System.in);
        System.out.println(twice.take(in.nextInt()) + new Node().value + " " + Arrays.toString(words) + "č");
        if (words.length > 0) switch (words[0]) {
            case "deep" -> System.out.println(depth(300_000));
            case "fill" -> { List<Object> kept = new ArrayList<>(); while (true) kept.add(new int[1 << 16]); }
            case "litter" -> { long n = 0; for (int i = 0; i < 5000; i++) n += new int[1 << 16].length;
                               System.out.println(n); }
            case "array" -> System.out.println(new int[Integer.parseInt(words[1]) << 18].length >> 18);
            case "help" -> System.out.println(Helper.word());
            case "fail" -> throw new Error("java.lang.OutOf");
        }
    }
}
"""


def java(engine: Engine, *words: str, source: str = JAVA_PROGRAM, **parameters: Any) -> dict[str, Any]:
    if JAVA not in {one["id"] for one in engine.get("/languages").json()}:
        pytest.skip("there is no javac here")
    helper = ("Helper.java", 'class Helper { static String word() { return "helped"; } }')
    more = {"memory_limit": 256 * 1024, "cpu_time_limit": 15, "wall_time_limit": 60, **parameters}
    arguments = {"command_line_arguments": " ".join(words)} if words else {}
    return engine.run(source, JAVA, stdin="21\n", **files(helper), **arguments, **more)


def test_a_java_program_with_several_classes_is_compiled_once_and_runs(engine):
    before = engine.compilations()
    result = java(engine, "help", "x")
    assert result["stdout"].decode() == "49 [help, x]č\nhelped\n", result
    assert java(engine)["stdout"].decode() == "49 []č\n"
    assert (result["status_id"], result["stderr"], result["compile_output"]) == (3, b"", b"")
    assert result["language"]["name"].startswith("Java (OpenJDK ")
    assert engine.compilations() == before + 2  # unpacked, compiled


def test_java_uses_the_memory_and_stack_it_is_given_and_no_more(engine):
    assert java(engine, "deep")["stdout"].endswith(b"\n300000\n")
    assert java(engine, "litter")["stdout"].endswith(b"\n327680000\n")
    full = java(engine, "fill")
    assert (full["status_id"], full["engine"]["killed"], full["engine"]["oom"]) == (11, "memory", True)
    assert full["message"].endswith(b"(memory limit exceeded)")
    assert full["memory"] <= 256 * 1024


@pytest.mark.parametrize(("limit_mib", "array_mib"), [(128, 102), (256, 215), (512, 460)])
def test_in_java_one_array_may_have_most_of_the_memory(engine, limit_mib, array_mib):
    if "by cgroup" not in engine.announcement:
        pytest.skip("no control groups: Java keeps more memory for itself")
    result = java(engine, "array", str(array_mib), memory_limit=limit_mib * 1024)
    assert result["stdout"].endswith(f"\n{array_mib}\n".encode()), result


def test_an_error_of_java_itself_is_no_memory_kill(engine):
    result = java(engine, "fail")
    assert (result["status_id"], result["exit_code"], result["engine"]["killed"]) == (11, 1, None)


def test_a_public_class_of_another_name_is_what_javac_says_it_is(engine):
    result = java(engine, source="public class Other { }")
    assert result["status_id"] == 6
    assert b"class Other is public, should be declared in a file named Other.java" in result["compile_output"]


@pytest.mark.full
def test_java_and_additional_files_work_without_control_groups_too():
    settings = ("--setenv", "JUDGE0_AUTH_TOKEN", "", "--setenv", "ENGINE_LANGUAGES", LANGUAGES)
    with ready(start_without(options=("--tmpfs", "/sys/fs/cgroup", *settings))) as engine:
        assert "no cgroups" in engine.announcement
        assert java(engine, "deep")["stdout"].endswith(b"\n300000\n")
        assert java(engine, "fill")["engine"]["killed"] == "memory"
        assert project(engine, ("compile", "echo 7 > n"), ("run", "cat n"))["stdout"] == b"7\n"


def test_nothing_of_it_has_a_name_on_the_host(engine, run_directory):
    """What the engine keeps is called by hashes, and holds what only box reads."""
    name = f"unmistakable-{time.monotonic_ns()}"
    assert engine.run("print(1)", **files((name, "x")))["status_id"] == 3
    names = [path.name for path in run_directory.glob("*/*")]
    assert {kept.partition("-")[0] for kept in names if len(kept) != 64} <= {"box", "etc"}  # the engine's own
    assert not [kept for kept in names if name in kept]
