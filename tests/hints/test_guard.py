"""What the guard lets through and what it does not, as tables: honest hints, and the ways to give something away."""

import base64
import codecs
import json
import time
import tracemalloc
from contextlib import suppress
from itertools import product

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from execution import skeletons
from hints import hidden_data
from hints.code_lines import code_lines, is_program
from hints.growing import STEP
from hints.guard import LINES, Guard, Reason, Refused
from hints.replies import MOST_OF_HINT
from questions import samples
from questions.models import Question
from questions.samples import Sample
from tests.factories import make_case, make_question, make_solution
from tests.hints.honest import HONEST

SAMPLES = {sample.slug: sample for sample in samples.read_all()}


def of_sample(sample: Sample) -> Question:
    """A question with its texts, cases and solutions."""
    cases = [(case.input, case.answer, case.public) for case in sample.cases]
    question = make_question(cases=cases, title=sample.fields["title"], statement=sample.statement)
    for starter in sample.starters:
        question.starter_codes.create(language=starter.language, source=starter.source)
    for one in sample.solutions:
        make_solution(question, one.source, language=one.language)
    return question


def verdict(guard: Guard, text: str) -> Reason | None:
    try:
        guard.check(text)
    except Refused as refused:
        return refused.reason
    return None


# --- Hints that are fine ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_honest_hint_about_a_sample_passes_whoever_asks():
    """For who has written nothing yet, and for who has written any of the solutions, wrong ones too."""
    refused = {}
    for slug, hints in HONEST.items():
        question = of_sample(SAMPLES[slug])
        for program in ("", *(one.source for one in SAMPLES[slug].solutions)):
            guard = Guard(question, (program,))
            refused |= {(slug, hint, program): why for hint in hints if (why := verdict(guard, hint))}
    assert refused == {}


# --- Programs --------------------------------------------------------------------------------------------------

NO_PROGRAM = [
    "For each number, add it to the sum.",
    "1. For each number:\n   - if it is even, add it to the sum\n   - otherwise leave it out\n2. Print the sum.\n"
    "3. While there are numbers left, read the next one.\n4. If the sum is negative:\n   print zero instead.",
    "    Set total to zero.\n    For every word in the list:\n        add its length to total\n    Return the total.\n",
    "Line 3 compares `i <= n`; the last index of `a` is `n - 1`.",
    "Try it with the input 3 1 2: the output is 6, and 5 is expected.",
    "It takes O(n log n), which is fine: n is at most 10^5 (see the statement).",
    "Note: (a) the first case passes; (b) the second one fails; (c) nothing else was judged; (d) time: 12 ms.",
    "Use a set, a list or a dictionary; then look each word up; that is quick; nothing else changes.",
    "Print YES if they are equal, NO if not; print nothing else, not even “Result:”.",
    "`len(words)` counts them, `words[0]` is the first, `words[-1]` the last, and `set(words)` has each once.",
    "Case 1: passed\nCase 2: passed\nCase 3: wrong answer\nCase 4: not judged\nCase 5: not judged",
    "Wenn die Summe negativ ist, gib null aus; lies danach weiter; es folgen noch Zahlen; danach ist Schluss.",
]
PROGRAMS = [
    "```\na = 1\nb = 2\nc = 3\nprint(a)\n```",
    "```python\nset total to zero\nfor each number\nadd it to total\nprint total\n```",
    "n = int(input())\na = list(map(int, input().split()))\na.sort()\nprint(a[0])",
    "1. n = int(input())\n2. a = read(n)\n3. a.sort()\n4. print(a[0])",
    "Write `n = int(input())`, then `a = input().split()`, then `a.sort()` and `x = a[0]`, and `print(x); exit()`.",
    "int main(){long long a,b;std::cin>>a>>b;a+=b;std::cout<<a;}",
    "First:\n    total = 0\nthen\n    for number in numbers:\n        total += number\nand last\n    print(total)",
    "a = 1\\nb = 2\\nc = a + b\\nprint(c)",
    base64.b64encode(b"a = 1\nb = 2\nc = a + b\nprint(c)").decode(),
    "> x = 1\n> y = 2\n> z = x + y\n> print(z)",
    'while read -r line\ndo\n  echo "$line"\ndone',
    "`for (int i = 0; i < n; i++)` `{` `sum += a[i];` `best = max(best, sum);` `}` `return best;`",
]


@pytest.mark.parametrize("text", NO_PROGRAM)
def test_words_are_no_program_whatever_their_form(text):
    assert code_lines(text) <= LINES


@pytest.mark.parametrize("text", PROGRAMS)
def test_more_than_three_lines_of_program_are_refused_however_they_are_set(text):
    assert verdict(Guard(None, ()), text) == Reason.CODE


def test_the_lines_of_a_program_are_known_in_every_language():
    """Of what an editor begins with, and of all samples' solutions."""
    programs = {name: text for name, text in vars(skeletons).items() if name.isupper()}
    programs |= {f"{slug}/{one.name}": one.source for slug in SAMPLES for one in SAMPLES[slug].solutions}
    shares = {
        name: code_lines(text) / sum(bool(line.strip()) for line in text.splitlines())
        for name, text in programs.items()
    }
    assert min(shares.values()) >= 0.5, shares
    assert sum(shares.values()) / len(shares) > 0.9


def test_a_review_may_quote_lines_of_the_learners_own_program():
    program = "a = 1\nb = 2\nc = a+b\nprint(c)\nx = input()\n"
    quoted = "\n".join(f"`{line}` could have a better name." for line in program.splitlines())

    assert verdict(Guard(None, (program,)), quoted) is None
    assert verdict(Guard(None, ()), program) == Reason.CODE


# --- Solutions -------------------------------------------------------------------------------------------------

TOLD = {
    "as it is": str,
    "in a fence": lambda text: f"Here:\n```\n{text}\n```",
    "in one line": lambda text: " ".join(text.split()),
    "as one line in backticks": lambda text: f"Try `{' '.join(text.split())}` instead.",
    "backwards": lambda text: text[::-1],
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in hexadecimal": lambda text: text.encode().hex(),
    "in rot13": lambda text: codecs.encode(text, "rot13"),
    "with invisible characters": "\u200b".join,
    "with wide letters": lambda text: text.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}),
    "escaped": lambda text: "".join(f"\\u{ord(one):04x}" for one in text),
}


@pytest.mark.django_db
def test_a_reference_solution_is_refused_however_it_is_told():
    passed = []
    for sample in SAMPLES.values():
        guard = Guard(of_sample(sample), ())
        for told, one in product(TOLD, sample.solutions[:2]):
            if verdict(guard, TOLD[told](one.source)) is None:
                passed.append((sample.slug, one.name, told))
    assert passed == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("slug", "heart"),
    [
        ("best-stretch", "ending_here = max(result, ending_here + result)\nbest = max(best, ending_here)"),
        ("best-stretch", "here = max(x, here + x)\nbest = max(best, here)"),
        ("palindrome", "`print('Yes' if letters == letters[::-1] else 'No')`"),
        ("palindrome", "Take `x = [c for c in input().lower() if c.isalpha()]`."),
        ("repeated-words", "for w, c in Counter(ws).items():\n    if c > 1:\n        print(w)"),
    ],
)
def test_the_lines_of_a_solution_that_matter_are_refused_though_they_are_few(slug, heart):
    guard = Guard(of_sample(SAMPLES[slug]), ())
    assert verdict(guard, f"Do this:\n{heart}\nThat is all.") == Reason.SOLUTION


@pytest.mark.django_db
def test_a_solution_of_two_lines_is_known_though_it_is_short_and_has_other_names():
    question = make_question()
    make_solution(
        question, "numbers = [int(x) for x in input().split()]\nprint(max(numbers) - min(numbers))\n"
    )
    guard = Guard(question, ())

    assert (
        verdict(guard, "`a = [int(b) for b in input().split()]`, then `print(max(a) - min(a))`")
        == Reason.SOLUTION
    )
    assert verdict(guard, "`input().split()` takes the line apart; then look for the largest.") is None


@pytest.mark.django_db
def test_what_the_learner_has_written_already_is_no_secret_of_the_solution():
    question = make_question()
    solution = "numbers = [int(x) for x in input().split()]\nprint(max(numbers) - min(numbers))\n"
    make_solution(question, solution)

    assert verdict(Guard(question, ()), solution) == Reason.SOLUTION
    assert verdict(Guard(question, (solution,)), solution) is None


# --- Hidden data -----------------------------------------------------------------------------------------------

TOKEN = "kanari7f3a9czwitschert"
NUMBERS = "4127 88 5309 17"
PHRASE = "seven herons crossed our muddy river"
WAYS = {
    "a token": TOKEN,
    "in capitals": TOKEN.upper(),
    "its first half": TOKEN[:11],
    "its second half": TOKEN[11:],
    "within another word": f"xx{TOKEN}yy",
    "spaced out": " ".join(TOKEN),
    "with hyphens": "-".join(TOKEN),
    "backwards": TOKEN[::-1],
    "spaced out backwards": " ".join(reversed(TOKEN)),
    "in base64": base64.b64encode(TOKEN.encode()).decode(),
    "in base64 without its end": base64.b64encode(TOKEN.encode()).decode().rstrip("="),
    "in hexadecimal": TOKEN.encode().hex(),
    "in spaced hexadecimal": TOKEN.encode().hex(" "),
    "in rot13": codecs.encode(TOKEN, "rot13"),
    "with invisible characters": "\u200b".join(TOKEN),
    "from right to left": f"\u202e{TOKEN[::-1]}\u202c",
    "with wide letters": TOKEN.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}),
    "with look-alikes": TOKEN.replace("a", "а").replace("c", "с"),
    "with accents": TOKEN.replace("a", "á"),
    "in JSON's escapes": "".join(f"\\u{ord(one):04x}" for one in TOKEN),
    "in HTML's": "".join(f"&#{ord(one)};" for one in TOKEN),
    "in an address": "".join(f"%{ord(one):02X}" for one in TOKEN),
    "numbers": NUMBERS,
    "numbers as a list": "[" + ", ".join(NUMBERS.split()) + "]",
    "numbers below each other": NUMBERS.replace(" ", "\n"),
    "numbers in a JSON text": "\\n".join(NUMBERS.split()),
    "some of the numbers": "88, 5309, 17",
    "words in a row": f"It says “{PHRASE}”.",
    "words in JSON": json.dumps(PHRASE.split()),
    "an answer": "The answer is 918273645.",
    "an answer with commas": "The answer is 918,273,645.",
    "a note": "Think of the lonely axolotl underneath Westminster.",
}
HARMLESS = [
    "With 5 or 100 it works, and with 4127 too.",
    "The 88 and the 17 are read right.",
    "An `int` ends at 2147483647, a `long` at 9223372036854775807.",
    "There may be 1000000000 of them, so take a number modulo 1000000007.",
    "our river",
    "What does it print for the input 77777777 12345 67?",
    "Read public4242 first.",
]


@pytest.fixture
def secretive(db) -> Question:
    question = make_question(cases=[("public4242 31 41 59 26\n", "3\n", True)], statement="Print `31415926`.")
    make_case(question, f"{TOKEN}\n{NUMBERS}\n", "5\n")
    make_case(
        question, "5 100\n", f"918273645 {PHRASE}\n2147483647 1000000000 1000000007 9223372036854775807"
    )
    make_case(question, "77777777", "0", note="A lonely axolotl underneath Westminster bridge")
    return question


def test_something_of_a_hidden_case_is_refused_however_it_is_told(secretive):
    guard = Guard(secretive, ())
    passed = [
        how
        for how, text in WAYS.items()
        if verdict(guard, f"Look here: {text}, do you see?") != Reason.HIDDEN
    ]
    assert passed == []


def test_short_numbers_and_numbers_that_everybody_knows_are_no_secrets(secretive):
    guard = Guard(secretive, ())
    assert {text: why for text in HARMLESS if (why := verdict(guard, text))} == {}


def test_what_the_learner_has_is_no_secret_even_where_a_hidden_case_has_it_too(secretive):
    make_case(secretive, "31415926 public4242", "mine")
    assert verdict(Guard(secretive, ()), "It is public4242 31415926.") is None
    assert verdict(Guard(secretive, ()), TOKEN) == Reason.HIDDEN
    assert verdict(Guard(secretive, (f"print('{TOKEN}')",)), TOKEN) is None


def test_the_message_of_a_refusal_repeats_nothing(secretive):
    with pytest.raises(Refused) as refused:
        Guard(secretive, ()).check(f"Look: {TOKEN}")
    assert str(refused.value) == "it was refused: hidden"


def test_code_outside_any_question_has_nothing_hidden():
    assert verdict(Guard(None, ()), f"Look: {TOKEN}, {NUMBERS}.") is None


@pytest.mark.django_db
def test_large_hidden_data_is_looked_at_in_bounded_time_from_its_beginnings():
    """Small blobs are read whole; of a large one the first part, which is what a leak would begin with."""
    question = make_question(cases=[("1", "1", True)])
    rows = b"".join(
        b"%d %d\n" % (number * 7919 % 1000003, number * 104729 % 999983) for number in range(60_000)
    )
    make_case(question, b"begins 8246173950\n" + rows * 10 + b"ends 5930817264\n", "small 7391502846\n")
    guard = Guard(question, ())

    started = time.monotonic()
    told = [verdict(guard, f"The number is {number}.") for number in (8246173950, 7391502846, 5930817264)]
    for _ in range(3):
        guard.check("\n".join(hint for hints in HONEST.values() for hint in hints))

    assert told == [Reason.HIDDEN, Reason.HIDDEN, None]
    assert len(guard._hidden._hidden) <= hidden_data.TOTAL_BYTES
    assert time.monotonic() - started < 5


# --- Texts that are meant to be slow ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "piece",
    [
        "a ",
        "for(",
        "((a)",
        "x,",
        "import as",
        "`",
        "' ",
        "&#1",
        "\\u00",
        "1. ",
        "- ",
        "7 ",
        "=",
        "{;",
        "\u0301",
    ],
)
def test_no_text_is_slow_to_look_at(piece):
    started = time.monotonic()
    verdict(Guard(None, ()), (piece * 64_000)[:64_000])
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("piece", ["1. ", "a\n", "7! ", "x? y. "])
def test_no_text_is_slow_to_look_at_while_it_grows(piece):
    guard, text, shown = Guard(None, ()), (piece * MOST_OF_HINT)[:MOST_OF_HINT], 0

    started = time.process_time()
    for end in range(0, MOST_OF_HINT, STEP):
        with suppress(Refused):
            shown = guard.safe_length(text[:end], shown)
    guard.safe_length("1. " * 20_000)

    assert time.process_time() - started < 1


@pytest.mark.django_db
def test_public_data_is_known_and_costs_no_more_than_its_size():
    numbers = " ".join(str(number * 7919 % 1_000_003) for number in range(30_000))
    question = make_question(cases=[(numbers, "4", True)])
    make_case(question, numbers, "5\n")
    make_solution(question, "print(sum(map(int, input().split())))")

    tracemalloc.start()
    guard = Guard(question, ())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert verdict(guard, f"It begins with {numbers[:200]}.") is None
    assert most < 15 * len(numbers)


def test_an_endless_answer_is_refused_unread():
    assert verdict(Guard(None, ()), "word " * 20_000) == Reason.CODE


# --- While it is written ---------------------------------------------------------------------------------------

FRAGMENTS = [
    *(f"{text} " for text in WAYS.values()),
    *(hint + " " for hint in HONEST["best-stretch"]),
    *(
        "Look at it. ",
        "4127 ",
        "88. ",
        "5309 ",
        "17 ",
        "k a n a r i ",
        "7f3a9c ",
        "\n",
        ". ",
        "`x",
        "` ",
        "```\n",
    ),
    *(
        "a = [int(b) for b in input().split()]\n",
        "print(max(a) - min(a))\n",
        "x = 1;\n",
        "6b 61 6e. ",
        "61 72 ",
    ),
]


@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=12), max_size=10), st.integers(5, 60))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(["Fine so far, is it not? ", "It is 4127 ", "88. ", "5309 ", "17 and more of them follow here. "], 3)
def test_what_is_shown_of_a_growing_text_only_grows_and_is_never_refused_later(secretive, fragments, size):
    """Whatever the pieces are that it comes in, and whatever follows: the whole of what was shown stands by itself."""
    text, shown = "".join(fragments), ""
    guard = Guard(secretive, ())
    for end in range(size, len(text) + size, size):
        try:
            length = guard.safe_length(text[:end], len(shown))
        except Refused:
            break
        assert text[:length].startswith(shown)
        shown = text[:length]
        assert length == 0 or shown[-1].isspace() or shown[-1] in ".!?。！？\"')»”"
    assert verdict(Guard(secretive, ()), shown) is None


def test_a_text_is_shown_sentence_by_sentence_once_enough_follows(secretive):
    guard = Guard(secretive, ())
    said = "Look at the loop. "
    assert guard.safe_length(said) == 0
    more = said + "Where does it begin, and which numbers does it leave out? "
    assert more[: guard.safe_length(more)] == "Look at the loop."
    assert guard.safe_length(more + "Try the first public case by hand and write down every step of it.") == (
        len(more.rstrip())
    )


def test_nothing_is_shown_of_what_becomes_secret_only_with_the_next_words(secretive):
    guard = Guard(secretive, ())
    begun = "You read it right. The values are 4127 88."
    assert "4127" not in begun[: guard.safe_length(begun + " Then")]
    with pytest.raises(Refused):
        guard.safe_length(begun + " 5309 17 ")


def test_nothing_is_shown_of_a_solution_though_it_is_little_so_far(db):
    question = make_question()
    make_solution(
        question, "numbers = [int(x) for x in input().split()]\nprint(max(numbers) - min(numbers))\n"
    )
    begun = "Think first. Then `print(max(numbers) - min` is one thing. "
    more = "Afterwards comes another thing which is not very interesting at all, but it is long enough. "

    shown = (begun + more)[: Guard(question, ()).safe_length(begun + more)]

    assert shown == "Think first."


def test_a_line_of_prose_or_data_is_no_line_of_a_program():
    lines = [
        "1 2 3",
        "Case 2: 5 3",
        "x is too large",
        "",
        "    ",
        "- a list",
        "the sum (of all)",
        "O(n log n)",
    ]
    assert [line for line in lines if is_program(line)] == []
