"""What one run leaves in its directory is there for another: all of it, nothing else, and never on the host."""

from __future__ import annotations

import asyncio
import random
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from execution.engine.jobs import MAX_TREE_BYTES, MIB, Outcome, SandboxFailed

from .test_sandbox import LIMITS, Trial, python_job
from .test_sandbox import trial as trial  # a fixture
from .test_sandbox import workshop as workshop

LISTING = r"""
import os
def listed(path):
    for name in sorted(os.listdir(path)):
        inner = os.path.join(path, name)
        if os.path.islink(inner):
            yield inner, b"-> " + os.readlink(inner)
        elif os.path.isdir(inner):
            yield inner, b"directory"
            yield from listed(inner)
        else:
            kind = b"program " if os.access(inner, os.X_OK) else b"file "
            yield inner, kind + open(inner, "rb").read(100)
print({name.removeprefix(b"./"): what for name, what in listed(b".") if name != b"./main.py"})
"""


def left_by(trial: Trial, source: str) -> bytes | None:
    """What of /box came out at the end of `source`, packed; its own source file was among it."""
    prepared = "import os, socket\nos.chdir('/box')\n" + source
    outcome = trial.run(prepared, replace(LIMITS, file_bytes=64 * MIB), collect="/box/")
    assert (outcome.exit_code, outcome.stderr) == (0, b"")
    return outcome.collected


def run_with(trial: Trial, tree: bytes, path: Path, source: str = LISTING) -> Outcome:
    path.write_bytes(tree)
    return trial.run(source, tree=path)


def found_in(trial: Trial, tree: bytes | None, path: Path) -> dict[bytes, bytes]:
    """The tree as a program finds it: what each name is."""
    assert tree is not None
    outcome = run_with(trial, tree, path)
    assert outcome.stderr == b""
    found: dict[bytes, bytes] = eval(outcome.stdout)
    return found


def test_files_directories_and_links_come_out_and_in_again(trial, tmp_path):
    tree = left_by(
        trial,
        r"""
os.makedirs("a/b/empty")
open("a/b/data", "wb").write(b"x" * 70)
open("a/tool", "w").close()
os.chmod("a/tool", 0o755)
os.symlink("b/data", "a/link")
os.symlink("/etc/passwd", "a/outside")
for name in (b"new\nline", b"\xff\xfe", "č".encode(), b"n" * 255, b" ", b"-rf"):
    open(name, "w").close()
""",
    )
    empty = dict.fromkeys((b"new\nline", b"\xff\xfe", "č".encode(), b"n" * 255, b" ", b"-rf"), b"file ")
    assert found_in(trial, tree, tmp_path / "tree") == empty | {
        b"a": b"directory",
        b"a/b": b"directory",
        b"a/b/data": b"file " + b"x" * 70,
        b"a/b/empty": b"directory",
        b"a/tool": b"program ",
        b"a/link": b"-> b/data",
        b"a/outside": b"-> /etc/passwd",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


def test_what_is_neither_file_nor_directory_nor_can_be_read_stays_behind(trial, tmp_path):
    tree = left_by(
        trial,
        """
os.mkfifo("pipe")
socket.socket(socket.AF_UNIX).bind("socket")
os.mkdir("closed")
open("closed/within", "w").close()
open("secret", "w").close()
for name in ("closed", "secret"):
    os.chmod(name, 0)
open("one", "w").write("once")
os.link("one", "two")
""",
    )
    assert found_in(trial, tree, tmp_path / "tree") == {b"one": b"file once", b"two": b"file once"}


def test_what_a_program_gets_is_its_own(trial, tmp_path):
    tree = left_by(trial, "os.mkdir('d')\nopen('d/f', 'w').write('old')")
    assert tree is not None
    source = "open('d/f', 'a').write('+new'); print(open('d/f').read()); import shutil; shutil.rmtree('d')"
    for _ in range(2):
        assert run_with(trial, tree, tmp_path / "tree", source).stdout == b"old+new\n"


@pytest.mark.parametrize(
    "source",
    [
        f"for n in range(5): open(str(n), 'wb').truncate({MAX_TREE_BYTES} // 5)",
        f"for n in range({MAX_TREE_BYTES} // 4096): open(str(n), 'w').close()",
        "for _ in range(70):\n    os.mkdir('d')\n    os.chdir('d')",
        "for _ in range(3000):\n    os.mkdir('d' * 200)\n    os.chdir('d' * 200)",
        "os.chdir('/tmp')",
    ],
    ids=["too many bytes", "too many files", "too deep", "far too deep", "all well"],
)
def test_a_tree_is_bounded_in_bytes_files_and_depth(trial, source):
    assert (left_by(trial, source) is None) == ("/tmp" not in source)


def test_a_file_is_not_taken_for_a_directory_nor_the_other_way_round(trial):
    make = "import os; os.mkdir('d'); open('f', 'w').close(); os.symlink('d', 'link')"
    for path in ("/box/f/", "/box/link/", "/box/none/", "/box/d", ""):
        assert trial.run(make, collect=path).collected is None, path
    assert trial.run(make, collect="/box/d/").collected is not None


def test_what_is_there_already_stays(trial, tmp_path):
    tree = left_by(
        trial,
        """
os.unlink("main.py")
os.makedirs("main.py/deep/deeper")
open("main.py/deep/x", "w").close()
open("main.py/y", "w").close()
os.symlink("/tmp", "data")
os.mkdir("dir")
open("dir/z", "w").close()
os.symlink("/tmp", "other")
open("zzz", "w").close()
""",
    )
    assert tree is not None
    (tmp_path / "tree").write_bytes(tree)
    files = (("/box/main.py", LISTING.encode()), ("/box/data", b"ours"), ("/box/other/in", b"ours"))
    outcome = trial.run("", tree=tmp_path / "tree", files=files)
    assert eval(outcome.stdout) == {
        b"data": b"file ours",
        b"dir": b"directory",
        b"dir/z": b"file ",
        b"other": b"directory",
        b"other/in": b"file ours",
        b"zzz": b"file ",
    }


def test_the_descriptor_it_came_on_is_not_the_programs(trial, tmp_path):
    tree = left_by(trial, "pass")
    assert tree is not None
    source = "import os; print(sorted(os.listdir('/proc/self/fd')))"
    assert run_with(trial, tree, tmp_path / "tree", source).stdout == b"['0', '1', '2', '3']\n"


def entry(kind: str, name: bytes, size: int = 0, length: int | None = None) -> bytes:
    """One of tree.c's."""
    return struct.pack("@BHQ", ord(kind), len(name) if length is None else length, size) + name


@pytest.mark.parametrize(
    "tree",
    [
        b"",
        b"tree",
        entry("f", b"../x"),
        entry("f", b"/tmp/x"),
        entry("d", b"..") + entry("f", b"x"),
        entry("d", b"."),
        entry("f", b""),
        entry("f", b"a\0b"),
        entry("f", b"x", length=60_000),
        entry("f", b"x" * 256),
        entry("f", b"x", 2**64 - 1) + entry("e", b""),
        entry("f", b"x", 2**40) + entry("e", b""),
        entry("l", b"x", 2**40) + entry("e", b""),
        entry("l", b"x", 4096) + b"a" * 4096 + entry("e", b""),
        entry("u", b"") + entry("e", b""),
        entry("?", b"x") + entry("e", b""),
        entry("f", b"x"),
        b"".join(entry("d", b"d") for _ in range(65)) + entry("e", b""),
    ],
)
def test_a_damaged_tree_is_the_sandboxs_failure(trial, tree, tmp_path):
    with pytest.raises(SandboxFailed, match="box: tree:"):
        run_with(trial, tree, tmp_path / "tree", "print('ran')")


def test_a_tree_damaged_anywhere_never_does_more_than_fail(trial, tmp_path):
    tree = left_by(trial, "os.mkdir('a')\nopen('a/b', 'w').write('x' * 50)\nos.symlink('c', 'd')")
    assert tree is not None
    chance = random.Random(1)

    async def ends() -> set[str]:
        seen = set()
        for _ in range(60):
            broken = bytearray(tree[: chance.randrange(len(tree))] if chance.random() < 0.3 else tree)
            for _ in range(chance.randrange(3)):
                if broken:
                    broken[chance.randrange(len(broken))] = chance.randrange(256)
            (tmp_path / "tree").write_bytes(broken)
            job = python_job("print('ran')", argv=("/bin/echo", "ran"), tree=tmp_path / "tree")
            try:
                seen.add((await trial.sandbox.run(job, slot=0)).stdout.decode())
            except SandboxFailed as error:
                seen.add(str(error).rpartition(":")[0])
        return seen

    assert asyncio.run(ends()) == {"ran\n", "box: tree"}
