"""What becomes of a source before it runs: compiled once, or rejected with all that the compiler said."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from execution.engine.additional_files import find_unzip
from execution.engine.artefacts import ArtefactCache
from execution.engine.builds import Builder, Rejected
from execution.engine.jobs import Limits
from execution.engine.parameters import parse
from execution.engine.requirements import find
from execution.engine.slots import Slots, Turn
from execution.engine.terms import Terms
from execution.engine.toolchain import COMPILE_LIMITS, RECIPES, Language

from .conftest import CPP, C, encoded
from .test_additional_files import packed
from .test_sandbox import Trial
from .test_sandbox import trial as trial  # a fixture
from .test_sandbox import workshop as workshop


def rejection(trial: Trial, directory: Path, source: str, options: str, limits: Limits) -> bytes:
    """Why C++ of `source` is rejected by a compiler with these limits."""
    recipe = replace(next(recipe for recipe in RECIPES if recipe.id == CPP), compile_limits=limits)
    language = Language(recipe, find(*recipe.tools)[0], version="")
    body = {"source_code": source, "language_id": CPP, "compiler_options": options}
    parameters = parse(body, {CPP: language}, Terms(), is_base64=False)

    async def story() -> bytes:
        builder = Builder(trial.sandbox, ArtefactCache(directory, 10**6), Slots(1).lend, None)
        with pytest.raises(Rejected) as caught:
            async with builder.built(parameters, "", Turn(0)):
                pytest.fail("it was compiled")
        return caught.value.output

    return asyncio.run(story())


ENDLESS = "template<int n> struct S { S<n+1> a; S<n+2> b; };\nS<0> s;\nint main() { }"


def test_a_compiler_that_takes_too_long_is_cited_up_to_there(trial, tmp_path):
    options, limits = "-ftemplate-depth=100000000", replace(COMPILE_LIMITS, cpu_ms=400)
    output = rejection(trial, tmp_path, f"#warning so far\n{ENDLESS}", options, limits)
    assert b"so far" in output
    assert output.endswith(b"\nCompilation time limit exceeded.")
    assert rejection(trial, tmp_path, ENDLESS, options, limits) == b"Compilation time limit exceeded."


def test_a_program_that_is_too_large_to_keep_is_an_error_that_says_so(trial, tmp_path):
    source = "char all[200000] = {1};\nint main() { return all[0]; }"
    output = rejection(trial, tmp_path, source, "", replace(COMPILE_LIMITS, file_bytes=100_000))
    assert b"File size limit exceeded" in output or b"at most 100000 bytes" in output, output


def test_what_takes_two_steps_is_not_sent_to_the_end_of_the_line_after_the_first(trial, tmp_path):
    """Its files are unpacked, then it is compiled. In between, its slot goes to the next at once."""
    (recipe,) = (recipe for recipe in RECIPES if recipe.id == C)
    language = Language(recipe, find(*recipe.tools)[0], version="")
    plain = {"source_code": "int main(void) { return 0; }", "language_id": C}
    bodies = [{**plain, "additional_files": encoded(packed(("a", "")))}]
    bodies += [{**plain, "source_code": f"int main(void) {{ return {number}; }}"} for number in (1, 2)]
    steps: list[int] = []

    async def story() -> None:
        unzip = await find_unzip(trial.sandbox, 0, 1024)
        builder = Builder(trial.sandbox, ArtefactCache(tmp_path, 10**6), Slots(1).lend, unzip)

        async def build(place: int, body: dict[str, str]) -> None:
            parameters = parse(body, {C: language}, Terms(), is_base64=False)
            async with builder.built(parameters, "", Turn(place, lambda: steps.append(place))):
                pass

        await asyncio.gather(*(build(place, body) for place, body in enumerate(bodies)))

    asyncio.run(story())
    assert steps == [0, 1, 0, 2]
