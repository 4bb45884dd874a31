"""Linters: real ruff, real compilers in the real engine, and what hostile programs make of them."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from ruff import find_ruff_bin

from execution import languages
from hints import linters, measures, ruffling
from hints.answers import Severity
from hints.linters import Linted, LinterFailed, NoLinter
from hints.remarks import COMPILE
from tests.fakes import FakeJudge0, Result, not_compiled, printed

PYTHON, C, CPP, JAVA = map(languages.get, ("python", "c", "cpp", "java"))

FLAWED_PYTHON = """\
import os
numbers = list(map(int, input().split()))
def total(numbers, start=[]):
    result = 0
    unused = 1
    for number in numbers:
        result += number
    return result
print(totl(numbers))
try:
    sum = 3
except:
    pass
"""
FLAWS_IN_PYTHON = {
    (1, "unused", "info", "F401"),
    (3, "correctness", "warning", "B006"),
    (3, "unused", "info", "ARG001"),
    (5, "unused", "warning", "F841"),
    (9, "correctness", "error", "F821"),
    (11, "correctness", "warning", "A001"),
    (12, "correctness", "warning", "E722"),
}
CLEAN_PYTHON = "first, second = map(int, input().split())\nprint(first + second)\n"

FLAWED_C = """\
#include <stdio.h>

int twice(int n) {
    if (n > 0) return 2 * n;
}

int main(void) {
    int n, unused;
    scanf("%d", n);
    if (n = 3) puts("three");
    for (int i = 0; i < n; i++);
        puts("once");
    return twice(n);
}
"""
CLEAN_C = """\
#include <stdio.h>

int main(void) {
    int first, second;
    if (scanf("%d %d", &first, &second) == 2) printf("%d\\n", first + second);
    return 0;
}
"""
FLAWED_CPP = """\
#include <cstdio>
#include <vector>
int main() {
    std::vector<int> all(3);
    for (int i = 0; i < all.size(); i++) std::printf("%d", all[i]);
    long long wide = 1 << 40;
    std::printf("%lld", wide);
}
"""
CLEAN_CPP = """\
#include <iostream>
int main() {
    long long first, second;
    std::cin >> first >> second;
    std::cout << first + second << '\\n';
}
"""
FLAWED_JAVA = """\
import java.util.*;
public class Main {
    public static void main(String[] args) {
        List names = new ArrayList();
        int n = new Scanner(System.in).nextInt();
        if (n > 3); { System.out.println(n / 0); }
        switch (n) {
            case 1: n++;
            case 2: n--;
        }
    }
}
"""
CLEAN_JAVA = """\
import java.util.Scanner;
public class Main {
    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(in.nextInt() + in.nextInt());
    }
}
"""


def codes(linted: Linted) -> set[tuple[int, str, str, str]]:
    """Line, type, severity, and the code that stands in brackets at the end."""
    return {
        (one.line, one.type, one.severity.value, one.message.rpartition("[")[2].rstrip("]"))
        for one in linted.remarks
    }


# --- Python --------------------------------------------------------------------------------------------------


def test_python_is_linted_by_ruff_and_each_flaw_is_told_on_its_line():
    """S3.17 (in part): line, type, message, severity."""
    linted = linters.lint(PYTHON, FLAWED_PYTHON)

    assert codes(linted) == FLAWS_IN_PYTHON
    assert linted.remarks[0].message == "Undefined name `totl` [F821]"
    severities = [one.severity for one in linted.remarks]
    assert severities == sorted(severities, key=list(reversed(Severity)).index)


def test_a_clean_program_in_python_gets_no_remark():
    assert linters.lint(PYTHON, CLEAN_PYTHON) == Linted("ruff", ())


def test_a_program_that_is_no_python_has_its_syntax_error_first():
    linted = linters.lint(PYTHON, "import os\nprint(1))\n")

    assert (linted.remarks[0].line, linted.remarks[0].type) == (2, COMPILE)
    assert not linted.is_valid


def test_every_rule_is_one_that_ruff_has_and_uses():
    asked = subprocess.run([find_ruff_bin(), "rule", "--all", "--output-format=json"], capture_output=True)
    there = {rule["code"]: rule for rule in json.loads(asked.stdout)}

    assert [code for code in ruffling.RULES if code not in there] == []
    assert [code for code in ruffling.RULES if there[code].get("preview")] == []


@pytest.mark.parametrize(
    "comment",
    [
        "# ruff: noqa",
        "# noqa",
        "# ruff: noqa: F821",
        "# flake8: noqa",
        "# ruff: disable[F821]",
        "# type: ignore",
    ],
)
def test_no_comment_switches_a_rule_off(comment):
    linted = linters.lint(PYTHON, f"{comment}\nprint(missing)  {comment}\n")

    assert (2, "correctness", "error", "F821") in codes(linted)


def test_no_configuration_in_the_program_is_read():
    script = '# /// script\n# requires-python = "<3"\n# [tool.ruff.lint]\n# ignore = ["ALL"]\n# ///\nprint(missing)\n'

    assert codes(linters.lint(PYTHON, script)) == {(6, "correctness", "error", "F821")}


HOSTILE = {
    "minus signs": "-" * 65_000 + "1",
    "attributes": "a" + ".b" * 32_000,
    "brackets": "[" * 65_000,
    "one line": "x = '" + "a" * 65_000 + "'",
    "blocks": "".join(" " * depth + "if 1:\n" for depth in range(350)),
    "elifs": "if a: pass\n" + "elif a: pass\n" * 4_500,
    "assignments": "a=1;" * 16_000,
    "f-strings": "f'{" * 20_000,
    "lambdas": "lambda:" * 9_000 + "1",
    "nul": "print(1)\0\nprint(2)",
    "half a pair": "print('\ud800')\n",
    "carriage returns": "print(\r1\r)\r" * 100,
    "nothing": "",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_program_is_remarked_on_or_called_unreadable_in_words(source):
    linted = linters.lint(PYTHON, source)
    last = source.count("\n") + 1

    assert all(1 <= one.line <= last and "\0" not in one.message for one in linted.remarks)
    assert linted.missing in ("", ruffling.UNREADABLE)
    assert measures.measure(PYTHON, source) is None or linted.is_valid


def test_a_program_that_makes_ruff_crash_is_said_to_be_nested_too_deeply():
    linted = linters.lint(PYTHON, HOSTILE["minus signs"])

    assert linted == Linted("ruff", (), ruffling.UNREADABLE)


# --- Compilers -----------------------------------------------------------------------------------------------


def test_compilers_tell_each_flaw_on_its_line_and_nothing_of_clean_programs(engine):
    """S3.17 (in part): C, C++ in every standard, Java; compiled in the engine's sandbox, all at once."""
    programs = {
        "c": (FLAWED_C, CLEAN_C),
        "cpp": (FLAWED_CPP,),
        "cpp20": (FLAWED_CPP, "constinit int zero = 0;\n" + CLEAN_CPP),
        "cpp23": (FLAWED_CPP,),
        "java": (FLAWED_JAVA, CLEAN_JAVA),
    }
    asked = [(slug, source) for slug, sources in programs.items() for source in sources]
    with ThreadPoolExecutor(4) as threads:
        linted = list(threads.map(lambda one: linters.lint(languages.get(one[0]), one[1]), asked))
    told = {slug: codes(one) for (slug, source), one in zip(asked, linted, strict=True) if source in FLAWED}

    assert told["c"] >= {
        (5, "correctness", "error", "return-type"),
        (8, "unused", "info", "unused-variable"),
        (9, "correctness", "error", "format="),
        (10, "correctness", "warning", "parentheses"),
        (11, "correctness", "warning", "misleading-indentation"),
    }
    for standard in ("cpp", "cpp20", "cpp23"):
        assert (5, "correctness", "info", "sign-compare") in told[standard]
        assert (6, "correctness", "error", "shift-count-overflow") in told[standard]
    assert (4, "style", "info", "rawtypes") in told["java"]
    assert {(6, "correctness", "warning", "empty"), (6, "correctness", "error", "divzero")} <= told["java"]
    assert (9, "correctness", "warning", "fallthrough") in told["java"]
    assert [
        one for (_, source), one in zip(asked, linted, strict=True) if source not in FLAWED and one.remarks
    ] == []


FLAWED = (FLAWED_C, FLAWED_CPP, FLAWED_JAVA)


def test_what_does_not_compile_has_its_error_first_and_only_lines_of_the_program(engine):
    sources = [
        (C, 'int main(void) {\n    int unused;\n    puts("x")\n}\n'),
        (JAVA, "public class Main {\n    int n = nothing;\n}\n"),
        (C, '#line 900 "main.c"\nint main(void) { return x; }\n'),
        (C, "int main(void) {" + "(" * 30_000),
        (CPP, "int main() { return 0\0; }\n#error \x1b[31mred\n"),
        (C, "int helper(void);\nint start(void) {\n    return helper();\n}\n"),
    ]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda one: linters.lint(*one), sources))

    assert [(one.remarks[0].line, one.remarks[0].type) for one in found[:2]] == [(3, COMPILE), (2, COMPILE)]
    assert [one.remarks[0].type for one in found] == [COMPILE] * len(sources)
    assert found[5].remarks[0].line == 1
    assert "undefined reference to" in found[5].remarks[0].message
    for (_, source), linted in zip(sources, found, strict=True):
        assert all(1 <= one.line <= source.count("\n") + 1 for one in linted.remarks)
        assert all(one.message.isprintable() for one in linted.remarks)


def test_warnings_are_asked_of_the_backend_by_compiler_options_and_on_no_input(backends):
    said = b"main.c: In function 'main':\nmain.c:2:9: warning: unused variable 'n' [-Wunused-variable]\n"
    with FakeJudge0(lambda *_: printed(b"", compile_output=said), authz_token="") as judge0:
        backends(judge0.url)

        linted = linters.lint(C, "int main(void) {\n    int n;\n}\n")

    assert codes(linted) == {(2, "unused", "info", "unused-variable")}
    sent = next(one.body["submissions"][0] for one in judge0.requests if one.method == "POST")
    assert "-Wall -Wextra" in sent["compiler_options"]
    assert judge0.runs == [(b"int main(void) {\n    int n;\n}\n", b"")]


@pytest.mark.parametrize(
    "config", [{"enable_compiler_options": False}, {"allowed_languages_for_compile_options": ["Rust"]}]
)
def test_a_judge_that_forbids_options_still_tells_errors_and_what_to_do_for_the_rest_is_said(
    backends, config
):
    def program(source: bytes, stdin: bytes) -> Result:
        return not_compiled(b"main.c:2:5: error: unknown type name 'itn'\n")

    with FakeJudge0(program, config=config) as judge0:
        backends(judge0.url)

        linted = linters.lint(C, "int main(void) {\n    itn n;\n}\n")

    assert [one.message for one in linted.remarks] == ["Unknown type name 'itn'"]
    assert "`gcc -Wall -Wextra` yourself" in linted.missing
    sent = [one.body["submissions"][0] for one in judge0.requests if one.method == "POST"]
    assert len(sent) == 1
    assert "compiler_options" not in sent[0]


def test_a_judge_that_keeps_programs_for_ever_is_made_to_forget_those_that_were_only_compiled(
    backends, settings
):
    config = {"enable_submission_delete": True}
    with FakeJudge0(config=config, authz_token="may delete") as judge0:
        backends(judge0.url)
        settings.JUDGE0_HEADERS = [{"X-Auth-User": "may delete"}]

        linters.lint(C, CLEAN_C)

        assert len(judge0.runs) == 1
        assert judge0.submissions == {}


def test_where_no_judge_answers_that_is_our_fault_and_no_address_is_told(backends):
    with FakeJudge0() as judge0:
        backends(judge0.url)
        judge0.fail("500")

        with pytest.raises(LinterFailed) as raised:
            linters.lint(C, CLEAN_C)

    assert str(raised.value) == "No judge can compile this program now. Please ask again later."


def test_where_no_judge_has_the_language_that_is_said(backends):
    with FakeJudge0() as judge0:
        backends(judge0.url)

        with pytest.raises(LinterFailed, match="No judge compiles Java here"):
            linters.lint(JAVA, CLEAN_JAVA)


@pytest.mark.parametrize("slug", ["javascript", "go", "rust", "ruby", "php", "perl", "lua", "pascal", "bash"])
def test_a_language_without_a_linter_is_said_to_have_none(slug):
    """S3.17 (in part): what rules cannot serve."""
    language = languages.get(slug)
    with pytest.raises(NoLinter, match="no linter"):
        linters.lint(language, language.skeleton)
