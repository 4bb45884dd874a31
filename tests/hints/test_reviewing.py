"""Reviews and analyses from linters, measures and what judging showed."""

from dataclasses import replace
from itertools import combinations

import pytest

from execution import languages
from execution.types import Limits, Verdict
from hints import measures, rules
from hints.answers import Analysis, Complexity, Review, Severity
from hints.evidence import Evidence, SeenCase
from hints.reviewing import MOST_REMARKS, NoLinter, analyse, review
from tests.fakes import FakeJudge0, not_compiled

PYTHON, C, JAVASCRIPT = map(languages.get, ("python", "c", "javascript"))

SUM = "first, second = map(int, input().split())\nprint(first + second)\n"
WRONG = "first, second = map(int, input().split())\nprint(first - second)\n"


def case(index: int, verdict: Verdict = Verdict.AC, time_ms: int = 12, **more: object) -> SeenCase:
    texts = {"input": "1 2\n", "answer": "3\n", "output": "-1\n", "stderr": "", "exit_code": 0}
    return SeenCase(index=index, is_public=True, verdict=verdict, time_ms=time_ms, **(texts | more))  # type: ignore[arg-type]


def judged(source: str, verdict: Verdict, *cases: SeenCase, **more: object) -> Evidence:
    seen = {"time_ms": 12, "memory_kib": 9 * 1024, "limits": Limits(time_ms=1000)}
    return Evidence(language=PYTHON, source=source, verdict=verdict, cases=cases, **(seen | more))  # type: ignore[arg-type]


def complexity(source: str) -> Complexity:
    return analyse(PYTHON, source, None).complexity


# --- What is told --------------------------------------------------------------------------------------------


def test_a_clean_program_that_passes_scores_100_and_its_strengths_are_what_was_measured():
    """S3.16, S3.17 (in part)."""
    evidence = judged(SUM, Verdict.AC, case(1, time_ms=9), case(2), case(3, time_ms=11))

    assert review(PYTHON, SUM, evidence) == Review(
        overall_score=100.0,
        suggestions=(),
        strengths=(
            "Passes all 3 cases, the slowest in 12 ms of 1000 ms.",
            "Uses 9.0 MiB of 256 MiB at most.",
            "`ruff` has nothing to remark.",
        ),
        improvements=(),
    )


def test_remarks_come_with_their_lines_the_most_severe_first_and_improvements_in_the_order_that_helps():
    source = "import os\nsum = 3\nprint(missing)\nnumber = 1\nif number == None: pass\n"

    told = review(PYTHON, source, None)

    assert [(one.line, one.severity.value) for one in told.suggestions] == [
        (3, "error"),
        (2, "warning"),
        (1, "info"),
        (5, "info"),
        (5, "info"),
    ]
    assert told.improvements == (
        "Look at what may not do what you mean: lines 2 and 3.",
        "Remove what is never used: line 1.",
        "Make it easier to read: line 5.",
    )
    assert told.overall_score == 100 - 15 - 5 - 3


def test_why_it_fails_comes_first_and_is_an_issue_of_the_analysis():
    """S3.20 (in part)."""
    evidence = judged(WRONG, Verdict.WA, case(1), case(2, Verdict.WA))

    told, analysed = review(PYTHON, WRONG, evidence), analyse(PYTHON, WRONG, evidence)

    assert told.suggestions[0].message.startswith("Wrong answer. ")
    assert told.suggestions[0].severity is Severity.ERROR
    assert told.improvements[0] == told.suggestions[0].message
    assert analysed.issues == told.suggestions[:1]
    assert analysed.suggestions == ()
    assert "Passes 1 of 2 cases." in told.strengths


def test_a_review_tells_no_more_of_a_failure_than_the_first_hint():
    evidence = judged(WRONG, Verdict.WA, case(1, Verdict.WA))
    finding = rules.find(evidence)

    told = str(analyse(PYTHON, WRONG, evidence))

    assert finding.nudge in told
    assert [one for one in (finding.concept, finding.place, finding.plan) if one in told] == []


def test_analysis_tells_errors_as_issues_and_the_rest_as_suggestions():
    """S3.18 (in part)."""
    told = analyse(PYTHON, "import os\nprint(missing)\n", None)

    assert isinstance(told, Analysis)
    assert [one.line for one in told.issues] == [2]
    assert [one.line for one in told.suggestions] == [1]


def test_what_has_little_time_left_is_told():
    evidence = judged(SUM, Verdict.AC, case(1), case(2, time_ms=900))

    assert review(PYTHON, SUM, evidence).improvements == (
        "The slowest case took 900 ms of 1000 ms: there is little room left.",
    )


def test_at_most_twenty_remarks_are_told_and_the_gravest_are_among_them():
    source = "".join(f"import module_{number}\n" for number in range(40)) + "print(missing)\n"

    told = review(PYTHON, source, None)

    assert len(told.suggestions) == MOST_REMARKS
    assert told.suggestions[0].line == 41
    assert "lines 1, 2, 3, 4, 5 and 35 more" in told.improvements[1]


def test_a_language_without_a_linter_is_not_reviewed():
    """S3.17 (in part)."""
    with pytest.raises(NoLinter):
        review(JAVASCRIPT, JAVASCRIPT.skeleton, None)


def test_a_program_that_no_linter_can_read_is_told_so_and_scores_80_at_most():
    told = review(PYTHON, "-" * 65_000 + "1", None)

    assert told.overall_score == 80.0
    assert "could not read this program" in told.improvements[0]
    assert told.strengths == ()


def test_what_does_not_compile_scores_20_at_most(backends):
    with FakeJudge0(lambda *_: not_compiled(b"main.c:1:20: error: expected ';'\n")) as judge0:
        backends(judge0.url)

        told = analyse(C, "int main(void) { }\n", None)

    assert told.overall_score == 20.0
    assert told.improvements == ("First mend what keeps it from running: line 1.",)
    assert [one.line for one in told.issues] == [1]


# --- The score -----------------------------------------------------------------------------------------------


def test_fewer_flaws_never_score_lower():
    flaws = ("import os\n", "sum = 3\n", "print(missing)\n", "if 1 == None: pass\n", "lambda_ = lambda: 1\n")
    scores = {
        chosen: review(PYTHON, "".join(chosen), None).overall_score
        for count in range(4)
        for chosen in combinations(flaws, count)
    }

    assert scores[()] == 100.0
    assert [
        (fewer, more)
        for fewer, more in combinations(scores, 2)
        if set(fewer) < set(more) and scores[fewer] < scores[more]
    ] == []


def test_a_program_that_fails_scores_by_the_cases_it_passes_and_never_above_60():
    passed, failed = case(1), case(2, Verdict.WA)
    scores = [
        review(
            PYTHON, WRONG, judged(WRONG, Verdict.WA, *[passed] * count, *[failed] * (4 - count))
        ).overall_score
        for count in range(4)
    ]

    assert scores == [20.0, 30.0, 40.0, 50.0]


# --- Measures ------------------------------------------------------------------------------------------------


def test_what_is_hard_to_follow_or_to_read_is_told_on_its_line():
    long_function = "def work():\n" + "    print(1)\n" * 70
    deep = (
        "".join("    " * depth + f"for i{depth} in range(n):\n" for depth in range(6))
        + "    " * 6
        + "print(n)\n"
    )
    numbers = "print(n % 1000000007, n // 1000000007, 1000000007)\n"
    names = "a = b = c = d = e = f = 1\nprint(a, b, c, d, e, f)\n"
    wide = f"print('{'x' * 130}')\n"
    source = "n = 3\n" + long_function + deep + numbers + names + wide

    told = {(one.line, one.message) for one in review(PYTHON, source, None).suggestions}

    assert (2, "`work` has 71 lines: parts of it could be functions of their own.") in told
    assert (78, "6 loops and branches are nested here: hard to follow, and to get right.") in told
    assert (80, "1000000007 stands here and on 2 more places: give it a name.") in told
    assert any(line == 81 and "6 names are single letters" in words for line, words in told)
    assert (83, "This line has 139 characters: nobody sees it whole.") in told


@pytest.mark.parametrize(
    ("source", "time", "words"),
    [
        ("print(1)\n", "", "no loop whose turns depend on the input"),
        ("for i in range(n):\n    print(i)\n", "O(n)", "line 1"),
        ("print([x + y for x in a for y in b])\n", "O(n^2)", "2 loops are nested (line 1)"),
        ("for i in a:\n    for j in b:\n        print(i, j)\n", "O(n^2)", "(lines 1 and 2)"),
        ("for i in a:\n    for j in range(26):\n        print(i, j)\n", "O(n)", "line 1"),
        ("print(sorted(a))\nfor i in a:\n    print(i)\n", "O(n log n)", "Sorting"),
        ("for i in sorted(a):\n    print(i)\n", "O(n log n)", "line 1"),
        ("print(*[x for x in sorted(a)])\n", "O(n log n)", "line 1"),
        ("for i in a:\n    print(sorted(b))\n", "", "called in loops"),
        ("while n:\n    n -= 1\n", "", "its form does not tell"),
        ("def f(n):\n    return f(n - 1)\nfor i in a:\n    print(i)\n", "", "`f` (line 1) calls itself"),
        ("def f(n):\n    return n\nfor i in a:\n    print(f(i))\n", "", "called in loops"),
        ("print((", "", "could not be read"),
    ],
)
def test_complexity_is_estimated_where_the_form_of_loops_tells_it_and_else_not(source, time, words):
    told = complexity(source)

    assert told.time == time
    assert words in told.explanation
    assert told.space == ""


def test_complexity_tells_what_judging_measured():
    """S3.21 (in part)."""
    evidence = judged(
        SUM, Verdict.AC, case(1, time_ms=10, input="1 2\n"), case(2, time_ms=400, input="1 2\n" * 50)
    )

    told = analyse(PYTHON, SUM, evidence).complexity.explanation

    assert "Its slowest case took 400 ms of 1000 ms. It used 9.0 MiB of 256 MiB." in told
    assert "Case 2 has 50 times as much input as case 1 and took 40 times as long." in told


def test_nothing_is_told_of_growth_where_cases_hide_their_input():
    evidence = judged(SUM, Verdict.AC, case(1), case(2, time_ms=400, input=None))

    assert "as much input" not in analyse(PYTHON, SUM, evidence).complexity.explanation


CPP_LOOPS = """\
#include <bits/stdc++.h>  // for (;;) {
/* while (1) { */
int depth(int v) {
    for (int w : next[v]) if (depth(w)) return 1;
    return 0;
}
struct Pair { int a, b; };
int main() {
    int all[] = {1, 2};
    const char *text = "}}{", quote = '"';
    for (int i = 0; i < n; i++)
        for (int j = 0; j < 26; j++) {
            for (int k : all) { if (k) total += 998244353; else total--; }
        }
    std::sort(a, b, [](int x, int y) { return x < y; });
    do { n--; } while (n > 0);
}
"""
JAVA_LOOPS = """\
public class Main {
    static long count(int n) throws Exception { return n < 2 ? n : count(n - 1) + count(n - 2); }
    public static void main(String[] args) {
        for (int i = 0; i < n; i++) { for (int x : all) { System.out.println(x); } }
        new Thread(() -> { }) { };
    }
}
"""


def test_loops_and_functions_of_c_and_java_are_found_in_their_text():
    cpp = measures.measure(languages.get("cpp20"), CPP_LOOPS)
    java = measures.measure(languages.get("java"), JAVA_LOOPS)

    assert cpp is not None
    assert java is not None
    assert [(one.name, one.line, one.lines) for one in cpp.functions] == [("depth", 3, 4), ("main", 8, 10)]
    assert (cpp.recursive and cpp.recursive.name, cpp.sorts, cpp.depth) == ("depth", True, 4)
    assert [loop.line for loop in cpp.nest] == [11, 13]
    assert [(one.name, one.calls_itself) for one in java.functions] == [("count", True), ("main", False)]
    assert [(loop.line, loop.is_counted) for loop in java.nest] == [(4, True), (4, True)]


@pytest.mark.parametrize(
    "source",
    [
        *(
            word * (65_000 // len(word))
            for word in ("do ", "(", "for(", "{", '"', "a(", "if(a)", "1'", "}", "'")
        ),
        "/*" + "*" * 65_000,
        '"' + "\\" * 65_000,
    ],
    ids=range(12),
)
def test_hostile_text_is_measured_in_no_time_or_not_at_all(source):
    shape = measures.measure(languages.get("cpp"), source)

    assert shape is None or shape.functions == ()


def test_evidence_of_another_verdict_is_never_called_passed():
    for verdict in set(Verdict) - {Verdict.AC, Verdict.SK}:
        evidence = judged(SUM, verdict, replace(case(1), verdict=verdict))

        assert not any("Passes" in one for one in review(PYTHON, SUM, evidence).strengths)
