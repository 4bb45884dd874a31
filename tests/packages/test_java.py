"""Java solutions whose class is not called Main."""

import pytest

from questions.packages.java import as_main

MAIN = "{ static class Main {} public static void main(String[] words) {} }"
STARTER = "\nclass Main { public static void main(String[] words) throws Throwable { A.main(words); } }\n"
BESIDE = "class B { String text = \"class Main {\"; char brace = '{'; }\n"
FIRST = "class T { static public void main(String[] words) {} }\n"


@pytest.mark.parametrize(
    ("head", "mended"),
    [
        ("class A", "class A"),
        ("public class A", "       class A"),
        ("final public class A", "final        class A"),
        ("public\nstrictfp class A", "      \nstrictfp class A"),
        ("public enum A", "       enum A"),
        ("import java.util.*; public class A", "import java.util.*;        class A"),
        ('@SuppressWarnings("unchecked") public class A', '@SuppressWarnings("unchecked")        class A'),
        ("/* c */ package x.y;\r\npublic class A", "/* c */             \r\n       class A"),
        ("// class Main is elsewhere\npublic class A", "// class Main is elsewhere\n       class A"),
        ("/*\npublic class of problems */ public class A", "/*\npublic class of problems */        class A"),
        (f"{BESIDE}public class A", f"{BESIDE}       class A"),
        (f"{FIRST}class A", f"{FIRST}class A"),
    ],
)
def test_a_class_main_starts_the_programs_own_and_lines_stay_where_they_are(head: str, mended: str) -> None:
    assert as_main(f"{head} {MAIN}", "A") == f"{mended} {MAIN}{STARTER}"


def test_the_words_before_main_come_in_any_order() -> None:
    for words in ("static public", "public static synchronized", "public static final"):
        source = f"class A {{ {words} void main(String... words) {{}} }}"
        assert as_main(source, "A") == source + STARTER


def test_a_program_that_has_a_class_main_stays_as_it_is() -> None:
    start = "{ public static void main(String[] words) {} }"
    for source in (f"public class Main {start}", f"class B {{}} class Main {start}", "class A {}"):
        assert as_main(source, "A") == source
    in_the_way = f"package x; public class B {{}} class Main {start}"
    assert as_main(in_the_way, "B") == f"{'':10}        class B {{}} class Main {start}"
