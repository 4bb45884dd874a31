"""What rules say is true: programs of which a rule once said what does not hold, and what is said now."""

from dataclasses import replace
from typing import Any

import pytest

from execution import languages
from execution.types import CheckerKind, DifferenceClass, Verdict
from hints import code, reviewing, rules
from hints.evidence import Evidence, SeenCase
from hints.findings import Finding

C = "#include <stdio.h>\nint main() {\n"
CPP = "#include <iostream>\nusing namespace std;\nint main() {\n"
JAVA = "import java.util.*;\nclass Main { public static void main(String[] a) { Scanner s = new Scanner(System.in);\n"
READ = "n = int(input())\nr = list(map(int, input().split()))\n"
GUARD = "def main():\n    print(input())\n"
UNUSED = "def helper():\n    print(1)\n"


def wrong(language: str, source: str, given: str, answer: str, output: str, **more) -> Evidence:
    """A public case that was answered wrongly."""
    checker = more.pop("checker", CheckerKind.TOKENS)
    told: dict[str, Any] = {
        "difference": DifferenceClass.VALUE,
        "verdict": Verdict.WA,
        "is_public": True,
    } | more
    case = SeenCase(index=1, input=given, answer=answer, output=output, **told)
    return Evidence(
        language=languages.get(language), source=source, verdict=case.verdict, cases=(case,), checker=checker
    )


def slow(language: str, source: str, verdict: Verdict = Verdict.TLE) -> Evidence:
    return wrong(language, source, "9\n", "9\n", "", verdict=verdict, difference=None, time_ms=2000)


def silent(source: str) -> Evidence:
    return wrong("python", source, "3\n", "3\n", "", difference=DifferenceClass.NO_OUTPUT)


LOOP_WITH_CALL = C + 'int n, a[9];\nfor (int i = 0; i < n; i++) scanf("%d", &a[i]);\nprintf("%d", n); }\n'
EMPTY_ON_PURPOSE = C + "int n = 0, a;\nfor (; a > 0; a /= 10, n++);\nreturn n; }\n"
TEXT = "a, b = input().split()\nprint(a + b)\n"
DEEP = "for i in range(n):\n    for j in range(n):\n        x += 1\n"
MEMO = "F = {}\ndef f(n):\n    if n in F:\n        return F[n]\n    F[n] = f(n - 1) + f(n - 2)\n    return F[n]\n"

# No rule may say this of it, whichever is surest.
NOT_TOLD = [
    ("empty_body", wrong("c", LOOP_WITH_CALL, "1 2", "3", "4")),
    ("empty_body", wrong("c", EMPTY_ON_PURPOSE, "1 2", "3", "4")),
    ("numbers_read_as_text", wrong("java", JAVA + 'long a = s.nextLong(); }}', "1 2", "3", "12")),
    ("numbers_read_as_text", wrong("c", C + 'int a, b; scanf("%d%d", &a, &b); }', "1 2", "3", "12")),
    ("printed_in_a_loop", wrong("python", "for w in r:\n    print(w)\n", "b a a b", "a\nb", "b\na\na\nb")),
    ("sorted_as_text", wrong("python", "print(sorted(r))", "9 8 7", "9 8 7", "7 8 9")),
    ("off_by_one", wrong("python", "print(a * b)", "1 2", "3", "2")),
    ("overflow", wrong("java", JAVA + "int r = -1; System.out.println(r); }}", "3", "5000000000", "-1")),
    ("beyond_exact_doubles", wrong("python", "print(a+b-1)", "1", "9007199254740994", "9007199254740993")),
    ("beyond_exact_doubles", wrong("python", "print(a / 1)", "1", "1000000000000000000", "1e+18")),
    ("same_for_all_cases", wrong("python", 'print("Yes" if s == s[::-1] else "No")', "a", "NO", "No")),
    ("words_around_the_answer", wrong("python", "print(add(a, b))", "1 2", "3", "3\nNone")),
    ("container_printed", wrong("python", "print(h, m)", "12 30", "12:30", "12 30")),
    ("input_never_read", wrong("python", "print(open('/dev/stdin').read()[1])", "12", "3", "2")),
    ("input_never_read", wrong("c", C + "int c = getchar_unlocked(); putchar(c); }", "12", "3", "2")),
    ("input_never_read", wrong("cpp", CPP + 'ifstream in("/dev/stdin"); }', "12", "3", "2")),
    ("texts_compared_by_identity", wrong("java", JAVA + "f(String t, int i, int j) { if (i == j) }}", "a", "b", "c")),
    ("starts_unset", wrong("c", C + "static int n;\nn += 1; }", "12", "3", "2")),
    ("never_called", silent(UNUSED + "n = int(input())\nif n > 5:\n    print(n)\n")),
    ("rest_of_line_read", wrong("java", JAVA + "int n = s.nextInt();\ns.nextLine();\n}}", "1\nb", "c", "d")),
    ("only_first_line_read", wrong("python", "def r():\n    return input()\na = r()\nb = r()\n", "a\nb", "c", "d")),
    ("nested_loops", slow("cpp", CPP + "for (int t = 0; t < 3; t++)\n for (int k = 0; k < 2; k++) n++;\n}")),
    ("stuck_loop", slow("cpp", "int n;\nvoid step() { n--; }\nint main() {\nwhile (n > 0) { step(); }\n}")),
    ("stuck_loop", slow("c", C + "int n; int *p = &n;\nwhile (n > 0) {\n *p = *p - 1; }\n}")),
    ("stuck_loop", slow("python", "while q:\n    f(q)\n")),
    ("endless_loop", slow("python", "try:\n    while True:\n        input()\nexcept EOFError:\n    pass\n")),
    ("grows_without_end", slow("python", "i = 0\nwhile True:\n    i += 1\n", Verdict.MLE)),
    ("too_large_from_the_start", slow("python", "a[i] = a[j] % 1000000007\n", Verdict.MLE)),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "evidence"), NOT_TOLD, ids=lambda one: one if isinstance(one, str) else "")
def test_what_does_not_hold_is_not_told(rule, evidence):
    assert rule not in {finding.rule for look in rules.RULES if (finding := look(evidence))}


TOLD = [
    ("empty_body", 3, wrong("java", JAVA + "if (n > 3);\n    n = 2;\n}}", "1", "3", "2")),
    ("values_side_by_side", 3, wrong("c", C + 'scanf("%d", &a); printf("%d%d", a, b); }', "1 2", "3", "12")),
    ("numbers_read_as_text", 1, wrong("python", TEXT, "1 2", "3", "12")),
    ("printed_twice", 2, wrong("python", "for w in input():\n    print(w)\n", "b a a b", "b\na", "b\na\na\nb")),
    ("words_around_the_answer", 1, wrong("python", "print(f'a+b={a+b}'); input()", "1 2", "3", "a+b=3")),
    ("nothing_returned", 1, wrong("python", "print(add(input()))", "1 2", "3", "3\nNone")),
    ("placeholder_printed", 1, wrong("python", "print('{a + b}'); input()", "1 2", "3", "{a + b}")),
    ("other_signs_between", 1, wrong("python", "print(h, m)", "12 30", "12:30", "12 30")),
    ("letter_case", 1, wrong("python", "print(input)", "a", "yes", "Yes", difference=DifferenceClass.LETTER_CASE)),
    ("infinity_left", 1, wrong("python", "best = float('inf'); input()", "3", "3", "inf")),
    ("another_number_of_values", 1, wrong("python", "print(5.3)\nread = input", "3", "5.0 2.0", "5.3")),
    ("wrong_main_guard", 3, silent(GUARD + "if __name__ == 'main':\n    main()\n")),
    ("never_called", 1, silent(UNUSED)),
    ("one_word_read", 5, wrong("cpp", CPP + "string s;\ncin >> s; }", "Never odd", "yes", "no")),
    ("one_word_read", 4, wrong("c", C + 'char s[99];\nscanf("%s", s); }', "Never odd", "yes", "no")),
    ("end_asked_too_early", 4, wrong("cpp", CPP + "while (!cin.eof()) { cin >> a; }\n}", "1 2", "3", "5")),
    ("arguments_are_no_input", 2, wrong("python", "import sys\nprint(sys.argv[1])", "1", "2", "3")),
    ("texts_compared_by_identity", 4, wrong("java", JAVA + "String t, r;\nif (t == r) n = 1;\n}}", "a", "b", "c")),
    ("result_thrown_away", 2, wrong("python", "s = input()\ns.lower()\nprint(s)", "A", "a", "b")),
    ("reversed_is_no_text", 2, wrong("python", "s = input()\nprint(s == reversed(s))", "aa", "1", "2")),
    ("overflow", 4, wrong("cpp", CPP + "unsigned a; cin >> a; }", "3 5", "-2", "4294967294")),
    ("too_large_from_the_start", 2, slow("java", "class Main {\nlong[] a = new long[200_000_000]; }", Verdict.MLE)),
    ("too_large_from_the_start", 2, slow("c", "#define N 50000\nint a[N][N];\n", Verdict.MLE)),
    ("nested_loops", 2, slow("python", DEEP)),
    ("endless_loop", 1, slow("python", "while True: pass\n")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "line", "evidence"), TOLD, ids=lambda one: one if isinstance(one, str) else ""
)
def test_what_holds_is_told_with_its_line(rule, line, evidence):
    finding = rules.find(evidence)

    assert (finding.rule, finding.line) == (rule, line)


def test_a_guess_is_not_sure_of_itself():
    assert rules.find(slow("python", MEMO)).confidence < 0.5
    assert rules.find(wrong("python", "print(0)\nx = input()", "-5", "-5", "0")).confidence < 0.5


def test_a_line_is_named_only_where_no_other_can_be_meant():
    sums = READ + "num = 0\nsum = 0\nbest = 0\nprint(best)\n"
    assert rules.find(wrong("python", sums, "2\n-5 -6", "-5", "0")).line == 5
    cut = C + 'int x;\nscanf("%d", &x);\ndouble mean = s / n;\n}'
    assert rules.find(wrong("c", cut, "-3.5", "-3.5", "-3")).line is None


def test_numbers_that_are_equal_are_not_quoted_where_numbers_are_compared():
    told = wrong("python", "print(5.0, 2)", "1", "5.000000000 2.5", "5.0 2", checker=CheckerKind.FLOATS)

    assert "5.000" not in "".join(texts(rules.find(told)))


def test_any_order_is_right_where_any_order_is_allowed():
    told = wrong("python", "x = input()", "1", "pear\nfig", "fig\nplum", checker=CheckerKind.UNORDERED_LINES)

    assert "“plum” is printed and not expected; “pear” is missing" in rules.find(told).place


def test_where_nothing_is_expected_nothing_has_begun_rightly():
    told = wrong("python", "print(input())", "1", "", "none", difference=DifferenceClass.TOO_LONG)

    assert "nothing is expected" in rules.find(told).place


@pytest.mark.parametrize("public", [True, False])
def test_a_program_that_passed_is_told_only_what_was_run(public):
    """Of a run the hidden cases are not known."""
    passed = SeenCase(index=4, is_public=public, verdict=Verdict.AC, time_ms=12)
    finding = rules.find(replace(wrong("python", "", "", "", ""), verdict=Verdict.AC, cases=(passed,)))

    assert finding.rule == "accepted"
    assert "case 4, with 12 ms" in finding.place
    assert not any("ase 4" in text for text in texts(finding) if text != finding.place)
    assert public == ("there is nothing to correct" not in finding.nudge)


def test_no_text_counts_to_nothing_or_speaks_of_lines_1_to_1():
    found = [rules.find(evidence) for *_, evidence in [*TOLD, *NOT_TOLD]]
    found += [rules.find(wrong("go", "package main", "1", "2", "3", verdict=Verdict.RTE))]

    said = " ".join(text for finding in found for text in texts(finding))
    assert "0 cases" not in said
    assert "lines 1 to 1" not in said


@pytest.mark.parametrize(
    ("language", "source", "time"),
    [
        ("python", READ + "for x in r:\n    if x in seen:\n        n += 1\n", ""),
        ("python", READ + "for i in r:\n    for j in r:\n        n += sum(r[i:j])\n", ""),
        ("python", READ + "for x in r:\n    n = max(n, x)\n", "O(n)"),
        ("c", C + "for (int i = 0; i < strlen(s); i++) n++;\n}", ""),
        ("c", C + "for (int i = 0; i < n; i++) k++;\n}", "O(n)"),
    ],
)
def test_what_a_call_in_a_loop_costs_is_not_guessed(language, source, time):
    assert reviewing._time(reviewing.measures.measure(languages.get(language), source)) == time


def test_of_what_never_ran_no_time_is_told():
    refused = wrong("python", READ, "", "", "", verdict=Verdict.CE, difference=None, time_ms=0)
    stopped = wrong("python", READ, "", "", "", verdict=Verdict.TLE, difference=None, time_ms=800)

    assert not list(reviewing._told_by_judging(refused))
    assert "stopped" in next(reviewing._told_by_judging(stopped))


def test_whatever_looks_like_a_reader_may_read():
    program = code.of(wrong("python", "rd = input\nprint(rd())", "", "", ""))

    assert program.reads


def texts(finding: Finding) -> tuple[str, ...]:
    return finding.nudge, finding.concept, finding.place, finding.plan
