"""Every language of the engine's table: what works, breaks, loops and hogs, under the limits of a question.

All programs of a mode are sent at once. Languages whose tools this machine lacks are skipped by name.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from execution.engine.toolchain import RECIPES

from .conftest import ROOT, Engine, decoded, ready, started_engine
from .test_process import start_without

LIMITS = {"cpu_time_limit": 4, "wall_time_limit": 30, "memory_limit": 256 * 1024}
LESS_MEMORY = {"memory_limit": 128 * 1024, "max_file_size": 1024}
LESS_TIME = {"cpu_time_limit": 0.5, "cpu_extra_time": 0}

A, B = random.sample(range(1000, 10_000), 2)


@dataclass(frozen=True)
class Programs:
    adds: str
    """Prints the sum of the two numbers it reads."""
    fails: str | None = None
    """Says oops on stderr and ends with another exit code than 0; None, as below, where another language shows it."""
    loops: str | None = None
    hogs: str | None = None
    """Takes more and more memory."""
    broken: str | None = None
    """Is no program; None where there is no compiler."""
    recurses: str | None = None
    """Without end, and catches what its runtime says to that."""


_CPP = Programs(
    adds="#include <bits/stdc++.h>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }",
    fails='#include <cstdio>\nint main() { fputs("oops", stderr); return 3; }',
    loops="int main() { for (volatile int i = 0;;) i = 1; }",
    hogs="#include <cstring>\nint main() { for (;;) memset(new char[1 << 20], 1, 1 << 20); }",
    broken="int main() { return nothing; }",
)
_C = Programs(
    adds='#include <stdio.h>\nint main() { int a, b; scanf("%d %d", &a, &b); printf("%d", a + b); }',
    fails='#include <stdio.h>\nint main() { fputs("oops", stderr); return 3; }',
    loops="int main() { for (volatile int i = 0;;) i = 1; }",
    hogs="#include <stdlib.h>\n#include <string.h>\n"
    "int main() { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }",
    broken="int main() { return nothing; }",
)

PROGRAMS = {
    "c": _C,
    "cpp": _CPP,
    "cpp20": Programs(
        adds="#include <iostream>\n#include <numeric>\n#include <ranges>\n#include <vector>\n"
        "int main() { std::vector<int> read(2); for (int &one : read) std::cin >> one;\n"
        "auto same = read | std::views::all; std::cout << std::accumulate(same.begin(), same.end(), 0); }",
    ),
    "cpp23": Programs(
        adds="#include <iostream>\nint main() { int a, b; std::cin >> a >> b;\n"
        "if consteval { a = 0; } std::cout << a + b; }",
    ),
    "python": Programs(
        adds="print(sum(map(int, input().split())))",
        fails='raise ValueError("oops")',
        loops="while True: pass",
        hogs="kept = []\nwhile True: kept.append(bytes(range(256)) * 4096)",
    ),
    "java": Programs(
        adds="import java.util.*;\npublic class Main { record Pair(int a, int b) { }\n"
        "public static void main(String[] words) { Scanner in = new Scanner(System.in);\n"
        "Pair read = new Pair(in.nextInt(), in.nextInt()); System.out.println(read.a() + read.b()); } }",
        fails='class Main { public static void main(String[] words) { throw new Error("oops"); } }',
        loops="class Main { public static void main(String[] words) { for (;;) ; } }",
        hogs="class Main { public static void main(String[] words) { var kept = new java.util.ArrayList<int[]>();\n"
        "for (;;) kept.add(new int[1 << 18]); } }",
        broken="class Main { public static void main(String[] words) { nothing(); } }",
        recurses="class Main { static int deep() { return 1 + deep(); } public static void main(String[] words) {\n"
        'try { deep(); } catch (StackOverflowError error) { System.out.println("caught"); } } }',
    ),
    "javascript": Programs(
        adds='const words = require("fs").readFileSync(0, "utf8").split(/\\s+/);\n'
        "console.log(Number(words[0]) + Number(words[1]));",
        fails='throw new Error("oops")',
        loops="for (;;) ;",
        hogs="const kept = []; for (;;) kept.push(Buffer.alloc(1 << 20, 1));",
    ),
    "go": Programs(
        adds='package main\nimport "fmt"\nfunc main() { var a, b int; fmt.Scan(&a, &b); fmt.Println(a + b) }',
        fails='package main\nfunc main() { panic("oops") }',
        loops="package main\nfunc main() { for { } }",
        hogs="package main\nfunc main() { var kept [][]byte\nfor { one := make([]byte, 1<<20)\n"
        "for i := range one { one[i] = 1 }\nkept = append(kept, one) } }",
        broken="package main\nfunc main() { nothing() }",
    ),
    "rust": Programs(
        adds="fn main() { let mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap();\n"
        'println!("{}", line.split_whitespace().map(|one| one.parse::<i32>().unwrap()).sum::<i32>()); }',
        fails='fn main() { panic!("oops") }',
        loops="fn main() { loop { std::hint::spin_loop() } }",
        hogs="fn main() { let mut kept = Vec::new(); loop { kept.push(vec![1u8; 1 << 20]); } }",
        broken="fn main() { nothing() }",
    ),
    "ruby": Programs(
        adds="puts gets.split.sum(&:to_i)",
        fails='raise "oops"',
        loops="loop { }",
        hogs='kept = []; loop { kept << "x" * (1 << 20) }',
    ),
    "php": Programs(
        adds="<?php fscanf(STDIN, '%d %d', $a, $b); echo ctype_digit('7') ? $a + $b : 0;",
        fails="<?php throw new Exception('oops');",
        loops="<?php while (true);",
        hogs="<?php for ($kept = [];;) $kept[] = str_repeat('x', 1 << 20);",
    ),
    "bash": Programs(
        adds="read a b; echo $((a + b))",
        fails="echo oops >&2; exit 3",
        loops="while :; do :; done",
        hogs="x=x; while :; do x=$x$x; done",
    ),
    "perl": Programs(
        adds="my ($a, $b) = split ' ', <STDIN>; print $a + $b;",
        fails='die "oops"',
        loops="1 while 1;",
        hogs='my @kept; push @kept, "x$_" x (1 << 19) while 1;',
    ),
    "lua": Programs(
        adds='print(io.read("n") + io.read("n"))',
        fails='error("oops")',
        loops="while true do end",
        hogs='local kept = {}; while true do kept[#kept + 1] = ("x"):rep(1 << 20) .. #kept end',
    ),
    "pascal": Programs(
        adds="var a, b: longint; begin readln(a, b); writeln(a + b); end.",
        fails="begin writeln(StdErr, 'oops'); halt(3); end.",
        loops="begin while true do; end.",
        hogs="var p: pointer; begin while true do begin getmem(p, 1048576); fillchar(p^, 1048576, 1) end end.",
        broken="begin nothing; end.",
    ),
}


def those_with(does: str) -> list[str]:
    return [slug for slug, programs in PROGRAMS.items() if getattr(programs, does)]


@dataclass(frozen=True)
class Judged:
    """What became of the programs of the languages that are offered here, by slug and what the program does."""

    results: dict[tuple[str, str], dict[str, Any]]
    counts_memory: bool

    def result(self, slug: str, does: str) -> dict[str, Any]:
        if (slug, does) not in self.results:
            pytest.skip(f"{slug} is not installed")
        return self.results[slug, does]


@contextmanager
def without_control_groups() -> Iterator[Engine]:
    process = start_without(options=("--tmpfs", "/sys/fs/cgroup", "--setenv", "JUDGE0_AUTH_TOKEN", ""))
    with ready(process) as engine:
        assert "no cgroups" in engine.announcement
        yield engine


@contextmanager
def as_it_is() -> Iterator[Engine]:
    with started_engine(ENGINE_LANGUAGES="", JUDGE0_AUTH_TOKEN="") as engine:
        yield engine


@pytest.fixture(
    scope="module", params=[as_it_is, pytest.param(without_control_groups, marks=pytest.mark.full)]
)
def judged(request) -> Iterator[Judged]:
    with request.param() as engine:
        offered = {one["id"] for one in engine.get("/languages").json()}
        submissions = {
            (recipe.slug, does): {"language_id": recipe.id, **body}
            for recipe in RECIPES
            if recipe.id in offered and recipe.slug in PROGRAMS
            for does, body in bodies(PROGRAMS[recipe.slug]).items()
        }
        results = judge(engine, list(submissions.values()))
        yield Judged(
            dict(zip(submissions, results, strict=True)),
            counts_memory="by cgroup" in engine.announcement,
        )


def bodies(programs: Programs) -> dict[str, dict[str, Any]]:
    all_of_them: dict[str, dict[str, Any]] = {
        "adds": {"source_code": programs.adds, "stdin": f"{A} {B}\n"},
        "fails": {"source_code": programs.fails},
        "loops": {"source_code": programs.loops, **LESS_TIME},
        "hogs": {"source_code": programs.hogs, **LESS_MEMORY},
        "broken": {"source_code": programs.broken},
        "recurses": {"source_code": programs.recurses},
    }
    return {does: LIMITS | body for does, body in all_of_them.items() if body["source_code"] is not None}


def judge(engine: Engine, submissions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    tokens = []
    for start in range(0, len(submissions), 20):
        answer = engine.post("/submissions/batch", json={"submissions": submissions[start : start + 20]})
        tokens += [item["token"] for item in answer.json()]
    return [_result(engine, token) for token in tokens]


def _result(engine: Engine, token: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        answer = engine.get(f"/submissions/{token}?base64_encoded=true&fields=*,engine").json()
        if answer["status_id"] > 2:
            return {
                **answer,
                **{name: decoded(answer[name]) for name in ("stdout", "stderr", "compile_output")},
            }
        time.sleep(0.05)
    raise AssertionError(f"{token} was not judged in time")


def test_every_language_of_the_table_is_tried_here():
    assert {recipe.slug for recipe in RECIPES} - {"multi-file"} == set(PROGRAMS)


@pytest.mark.parametrize("file", ["bin/setup", "Dockerfile"])
def test_what_installs_languages_installs_all_of_them(file):
    always_there = {"bash", "perl-base"}
    assert {recipe.package for recipe in RECIPES} - always_there <= set((ROOT / file).read_text().split())


@pytest.mark.parametrize("slug", PROGRAMS)
def test_a_program_reads_and_computes(judged, slug):
    """S3.6 (in part)"""
    result = judged.result(slug, "adds")
    assert (result["status_id"], result["stdout"].strip()) == (3, str(A + B).encode()), result
    assert result["stderr"] == b""


@pytest.mark.parametrize("slug", those_with("fails"))
def test_a_program_that_fails_shows_its_words_and_its_exit_code(judged, slug):
    result = judged.result(slug, "fails")
    assert (result["status_id"], result["stdout"]) == (11, b""), result
    assert b"oops" in result["stderr"]
    assert 0 < result["exit_code"] < 128 or result["exit_code"] == 255


@pytest.mark.parametrize("slug", those_with("loops"))
def test_a_program_that_never_ends_runs_out_of_time(judged, slug):
    result = judged.result(slug, "loops")
    assert (result["status_id"], result["engine"]["killed"]) == (5, "cpu"), result


@pytest.mark.parametrize("slug", those_with("hogs"))
def test_a_program_that_takes_too_much_memory_is_stopped(judged, slug):
    """Without control groups its runtime may notice first, and say so in its own words."""
    result = judged.result(slug, "hogs")
    assert result["status_id"] == 11, result
    if judged.counts_memory:
        assert result["engine"]["killed"] == "memory"


@pytest.mark.parametrize("slug", those_with("broken"))
def test_what_does_not_compile_is_told_in_the_compilers_words(judged, slug):
    result = judged.result(slug, "broken")
    assert result["status_id"] == 6, result
    assert b"nothing" in result["compile_output"]


@pytest.mark.parametrize("slug", those_with("recurses"))
def test_recursion_without_end_meets_the_end_of_the_stack_before_that_of_the_memory(judged, slug):
    result = judged.result(slug, "recurses")
    assert (result["status_id"], result["stdout"]) == (3, b"caught\n"), result
