"""The header that is compiled beforehand: it makes compiling quicker and changes nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from execution.engine.artefacts import ArtefactCache
from execution.engine.builds import Builder, Rejected
from execution.engine.headers import Headers
from execution.engine.jobs import Job, Outcome
from execution.engine.parameters import parse
from execution.engine.requirements import find
from execution.engine.slots import Slots, Turn
from execution.engine.terms import Terms
from execution.engine.toolchain import RECIPES, Language

from .conftest import CPP
from .test_sandbox import Trial
from .test_sandbox import trial as trial  # a fixture
from .test_sandbox import workshop as workshop

(_RECIPE,) = (recipe for recipe in RECIPES if recipe.id == CPP)
LANGUAGE = Language(_RECIPE, find(*_RECIPE.tools)[0], version="")
SORTS = """
#include <bits/stdc++.h>
int main() {
    std::vector<int> read{std::istream_iterator<int>(std::cin), {}};
    std::sort(read.begin(), read.end());
    for (int one : read) std::cout << one << ' ' << __cplusplus << '\\n';
}
"""
USED = b"! .headers/bits/stdc++.h.gch"

pytestmark = pytest.mark.parametrize(
    "trial",
    ["with cgroups", pytest.param("without cgroups", marks=pytest.mark.full)],
    indirect=True,
    scope="module",
)


@dataclass
class Made:
    trial: Trial
    headers: Headers
    path: Path

    def compile(self, job: Job) -> Outcome:
        return asyncio.run(self.trial.sandbox.run(job, slot=0))


@pytest.fixture(scope="module")
def made(trial, workshop, tmp_path_factory) -> Iterator[Made]:
    headers = Headers(trial.sandbox, workshop.box.parent, slot=1)

    async def story() -> Path:
        assert headers.find(LANGUAGE, b"#include <vector>\n// #include <bits/stdc++.h>") is None
        assert headers.find(LANGUAGE, SORTS.encode()) is None
        async with asyncio.timeout(120):
            while not (found := headers.find(LANGUAGE, SORTS.encode())):
                await asyncio.sleep(0.1)
        return found

    path = asyncio.run(story())
    yield Made(trial, headers, path)
    path.unlink()


def test_a_program_is_compiled_with_it_and_comes_out_the_same(made):
    seen, same = compiled_both_ways(made, "")
    assert seen
    assert same


@pytest.mark.parametrize(
    "options",
    [
        "-std=c++20",
        pytest.param("-fno-exceptions", marks=pytest.mark.full),
        pytest.param("-D_GLIBCXX_DEBUG", marks=pytest.mark.full),
    ],
)
@pytest.mark.full
def test_where_options_give_the_header_another_meaning_it_is_left_alone(made, options):
    seen, same = compiled_both_ways(made, options)
    assert not seen
    assert same


def compiled_both_ways(made: Made, options: str) -> tuple[bool, bool]:
    """Whether the compiler used the header (gcc's -H tells), and whether the program is the same without it."""
    plain = made.compile(LANGUAGE.compile_job(SORTS.encode(), options))
    job = LANGUAGE.compile_job(SORTS.encode(), f"{options} -H")
    quick = made.compile(LANGUAGE.with_header(job, made.path))
    assert plain.collected
    return USED in quick.stdout, quick.collected == plain.collected


def test_names_that_are_poisoned_before_it_are_found_in_it(made):
    assert made.headers.find(LANGUAGE, SORTS.encode()) == made.path
    assert made.headers.find(LANGUAGE, b"#pragma GCC poison vector" + SORTS.encode()) is None


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (SORTS.replace("read.end()", "read"), ""),  # template errors name the files they come from
        pytest.param(
            SORTS.replace("int main", "static int unused;\nint main"), "-Wall -Wextra", marks=pytest.mark.full
        ),
    ],
)
def test_what_the_compiler_says_is_the_same(made, tmp_path, source, options):
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    said = words(made.trial, tmp_path / "with", source, options, made.headers)
    assert said
    assert said == words(made.trial, tmp_path / "without", source, options, None)


def words(trial: Trial, directory: Path, source: str, options: str, headers: Headers | None) -> bytes:
    body = {"source_code": source, "language_id": CPP, "compiler_options": options}
    parameters = parse(body, {CPP: LANGUAGE}, Terms(), is_base64=False)
    slots = Slots(1)

    async def story() -> bytes:
        cache = ArtefactCache(directory, 10**6)
        builder = Builder(trial.sandbox, cache, slots.lend, None, headers)
        try:
            async with builder.built(parameters, "", Turn(0)) as built:
                return built.output
        except Rejected as rejected:
            return rejected.output

    return asyncio.run(story())


def test_an_engine_that_stops_does_not_finish_it(trial, workshop, tmp_path):
    headers = Headers(trial.sandbox, tmp_path, slot=1)

    async def story() -> None:
        headers.find(LANGUAGE, SORTS.encode())
        await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await headers.close()

    asyncio.run(story())
    assert all(not path.stat().st_size for path in tmp_path.iterdir())
