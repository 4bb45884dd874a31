"""What an editor begins with, in every language that this machine offers."""

from execution.languages import LANGUAGES

from .conftest import Engine


def test_every_skeleton_reads_a_line_and_prints_it(engine: Engine):
    offered = {one["id"] for one in engine.get("/languages").json()}
    wrong = {}
    for language in LANGUAGES:
        number = next((number for number in language.judge0_ids if number in offered), None)
        if number is None:
            continue
        ended = engine.run(language.skeleton, number, stdin="12 30 čaj\n", memory_limit=256 * 1024)
        if (ended["stdout"], ended["stderr"]) != ("12 30 čaj\n".encode(), b""):
            wrong[language.slug] = (ended["stdout"], ended["stderr"], ended["compile_output"])
    assert not wrong
