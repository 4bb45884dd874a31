"""From the values of a package to rows, and again when the package has changed."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from execution.ceilings import tell_memory
from execution.groups import Aggregation, Group
from execution.types import CheckerKind, Protocol
from questions import importing, publishing
from questions.fitting import fit
from questions.models import Blob, Question, QuestionFile, Tag, TestCase
from questions.packages.values import (
    File,
    Format,
    Package,
    PackageCase,
    PackageChecker,
    PackageLimits,
    PackageRefused,
    PackageSolution,
    PackageStatement,
    Remark,
)
from submissions.connections import redis_client
from tests.factories import make_author, make_question

pytestmark = pytest.mark.django_db

ADD = "print(sum(map(int, input().split())))\n"


def file(path: str, data: bytes, **more: Any) -> File:
    return File(path, len(data), lambda: data, **more)


def case(name: str, given: str = "1 2\n", answer: str = "3\n", **more: Any) -> PackageCase:
    fields: dict[str, Any] = {"public": name.startswith("sample"), "group": name.rpartition("/")[0]} | more
    return PackageCase(
        name, file(f"{name}.in", given.encode()), file(f"{name}.ans", answer.encode()), **fields
    )


CASES = (case("sample/1"), case("secret/small/1", "2 3\n", "5\n"), case("secret/large/1", "9 9\n", "18\n"))
SOLUTION = PackageSolution("submissions/accepted/a.py", "python", ADD, ("AC",), bounds="lower")


def package(**fields: Any) -> Package:
    usual: dict[str, Any] = {
        "format": Format.KATTIS_LEGACY,
        "name": "sum",
        "title": "The Sum",
        "statement": PackageStatement("Print $a + b$."),
        "cases": CASES,
        "limits": PackageLimits(time_ms=1000, memory_kib=256 * 1024),
        "solutions": (SOLUTION,),
    }
    return Package(**usual | fields)


def bring_in(given: Package, path: str = "/packages/sum", **how: Any) -> Question:
    return importing.apply(importing.plan(given, path=path, **how))


def revision(question: Question) -> str:
    return Question.objects.get(pk=question.pk).revision(question.testcases.values_for_judging())


def everything() -> tuple[Any, ...]:
    """All rows that an import may touch."""
    models = (Question, TestCase, QuestionFile, Blob, Tag, Question.tags.through)
    return tuple(list(model.objects.order_by("pk").values()) for model in models)


# --- A new question --------------------------------------------------------------------------------------------


def test_a_package_becomes_a_draft_with_its_cases_groups_checker_files_and_solutions():
    author = make_author()
    given = package(
        uuid="5ca6ba5b",
        checker=PackageChecker(
            CheckerKind.PROGRAM,
            arguments=("a b", "1e-6"),
            files=(file("check.py", b"x"), file("run", b"y", executable=True)),
            protocol=Protocol.TESTLIB,
        ),
        groups=(Group("secret/small", points=Aggregation.MIN, maximum=Decimal(30)),),
        attachments=(file("tools/try.py", b"attachment"),),
        statement=PackageStatement("![A picture](graph.png)", "sv", (file("graph.png", b"picture"),)),
        kept=(file("data/secret/testdata.yaml", b"kept"),),
        tags=("graphs", "easy"),
        source="NCPC 2024",
        source_url="https://example.org/ncpc",
        licence="cc by-sa",
        credits="Ada",
        metadata={"constants": {"most": 5}},
    )

    question = importing.apply(importing.plan(given, path="/packages/sum"), author=author)

    question = Question.objects.get(pk=question.pk)
    assert (question.slug, question.title, question.state) == ("sum", "The Sum", "draft")
    assert question.author == author
    assert [(one.name, one.group, one.is_public) for one in question.testcases.in_order()] == [
        ("sample/1", "sample", True),
        ("secret/small/1", "secret/small", False),
        ("secret/large/1", "secret/large", False),
    ]
    assert bytes(question.testcases.get(name="secret/small/1").input.data) == b"2 3\n"
    checker = question.judging_checker()
    assert checker.arguments == ("a b", "1e-6")
    assert checker.program is not None
    assert checker.program.protocol is Protocol.TESTLIB
    assert [(one.path, one.data(), one.executable) for one in checker.program.files] == [
        ("check.py", b"x", False),
        ("run", b"y", True),
    ]
    assert question.groups == [{"path": "secret/small", "points": "min", "maximum": "30"}]
    assert sorted(question.files.exclude(kind="checker").values_list("kind", "path")) == [
        ("attachment", "tools/try.py"),
        ("kept", "data/secret/testdata.yaml"),
        ("picture", "graph.png"),
    ]
    assert f'src="/questions/{question.pk}/pictures/graph.png"' in question.statement_html
    solution = question.reference_solutions.get()
    assert (solution.name, solution.source, solution.expected) == ("submissions/accepted/a.py", ADD, ["AC"])
    assert solution.bounds_time_limit == "lower"
    assert {tag.name for tag in question.tags.all()} == {"graphs", "easy"}
    assert (question.source, question.licence, question.credits) == ("NCPC 2024", "cc by-sa", "Ada")
    assert question.origin["metadata"] == {"constants": {"most": 5}}
    assert (question.origin["path"], question.origin["limits"]["ac_to_limit"]) == ("/packages/sum", 5.0)
    assert question.time_factors == {"*": 1.0}
    assert publishing.missing(question) == []


def test_a_name_that_a_question_has_already_gets_a_number_and_that_question_stays_as_it_is():
    mine = make_question(slug="sum", title="My own")
    first = bring_in(package())
    other = bring_in(package(title="Another sum"), path="/elsewhere/sum")
    assert [mine.slug, first.slug, other.slug] == ["sum", "sum-2", "sum-3"]
    assert Question.objects.get(slug="sum").title == "My own"


@pytest.mark.parametrize("name", ["Ö!", "", "x" * 80, "Sümme 1"])
def test_any_name_gives_an_address(name):
    question = bring_in(package(name=name, title="T" * 200))
    question.full_clean(exclude=["author"])
    assert len(question.title) == 120


def test_texts_that_no_database_stores_are_made_storable():
    question = bring_in(
        package(
            title="A\0B \ud800",
            statement=PackageStatement("x\0y"),
            source_url="javascript:alert(1)",
            tags=("a\0" * 50,),
            metadata={"odd\0": [float("nan"), 10**30, {1, 2}.__class__, "\ud800"]},
            solutions=(replace(SOLUTION, source="x\0y"),),
        )
    )
    question.refresh_from_db()
    assert question.title == "A\ufffdB ?"
    assert question.source_url == ""
    assert "not stored" in question.reference_solutions.get().skipped


# --- Limits ----------------------------------------------------------------------------------------------------


def test_without_a_time_limit_there_is_a_guess_until_solutions_have_been_measured():
    question = bring_in(package(limits=PackageLimits()))
    assert (question.time_limit_ms, question.time_limit_is_derived) == (2000, True)


def test_memory_beyond_what_the_judges_give_is_cut_where_the_format_says_it_and_refused_where_the_package_does(
    settings,
):
    """S3.28: a package format's default is clamped with a warning, an explicit limit beyond the backend refused."""
    given = package(limits=PackageLimits(time_ms=1000))
    assert bring_in(given).memory_limit_kib == 2048 * 1024, "nobody has visited the judges yet"
    settings.JUDGE0_URLS = ["http://127.0.0.1:1", "http://127.0.0.1:2"]
    for url, mib in zip(settings.JUDGE0_URLS, (512, 1024), strict=True):
        tell_memory(redis_client(), url, mib * 1024)
    plan = importing.plan(given, path="/packages/sum")
    assert importing.apply(plan).memory_limit_kib == 512 * 1024
    assert "2048 MiB of memory; here it is 512 MiB" in str(plan.remarks)
    with pytest.raises(PackageRefused, match=r"problem.yaml: its memory limit of 600 MiB .* \(512 MiB\)"):
        importing.plan(package(limits=PackageLimits(memory_kib=600 * 1024)), path="sum")


def test_limits_beyond_what_is_possible_are_bent_and_remarked():
    limits = PackageLimits(time_ms=60_000, memory_kib=1024, output_kib=64 * 1024)
    plan = importing.plan(package(limits=limits), path="sum")
    question = importing.apply(plan)
    question.full_clean(exclude=["author"])
    assert (question.time_limit_ms, question.memory_limit_kib, question.output_limit_kib) == (
        20_000,
        4096,
        16 * 1024,
    )
    assert len(plan.remarks) == 3


def test_a_program_that_is_right_but_slow_has_time_for_all_cases(settings):
    settings.MAX_TOTAL_RUNTIME_S = 3
    plan = importing.plan(package(limits=PackageLimits(time_ms=1500)), path="sum")
    assert importing.apply(plan).total_runtime_s == 5
    assert "MAX_TOTAL_RUNTIME" in str(plan.remarks[0])
    assert bring_in(package(limits=PackageLimits(time_ms=500))).total_runtime_s is None


def test_a_long_answer_has_room_in_the_output_limit_that_a_plain_folder_does_not_tell():
    long = case("1", answer="7" * 3_000_000, public=False)
    question = bring_in(package(format=Format.PLAIN, cases=(long,), limits=PackageLimits()))
    assert question.output_limit_kib * 1024 > 3_000_000


# --- What cannot be taken --------------------------------------------------------------------------------------


def unreadable(path: str) -> File:
    def read() -> bytes:
        raise PackageRefused(path, "is damaged")

    return File(path, 3, read)


def test_faults_keep_a_package_out_and_all_of_them_are_named(settings):
    settings.MAX_STDIN_BYTES = 10
    before = everything()
    given = package(
        cases=(
            *CASES,
            case("secret/2", "7" * 11),
            replace(case("secret/3"), answer=unreadable("secret/3.ans")),
            replace(case("secret/4"), points=Decimal(-1)),
            case("secret/small/1"),
        ),
        remarks=(Remark("secret/5.in", "has no answer", is_fault=True), Remark("x", "unknown key")),
    )
    with pytest.raises(PackageRefused) as refused:
        bring_in(given)
    assert str(refused.value) == (
        "secret/5.in: has no answer; secret/2.in: has 11 bytes; at most 10 are stored; secret/3.ans: is damaged; "
        "secret/4: -1 points cannot be given; secret/small/1: there are two testcases of this name"
    )
    assert everything() == before


def test_in_part_is_imported_what_is_whole():
    given = package(cases=(*CASES, replace(case("secret/3"), answer=unreadable("secret/3.ans"))))
    question = importing.apply(importing.plan(given, path="sum"), partial=True)
    assert question.testcases.count() == 3
    nothing_whole = package(cases=(replace(case("1"), input=unreadable("1.in")),), name="other")
    with pytest.raises(PackageRefused, match="is damaged"):
        importing.apply(importing.plan(nothing_whole, path="other"), partial=True)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (lambda: package(cases=()), "no testcases"),
        (
            lambda: package(cases=tuple(case(str(n)) for n in range(6))),
            "there are 6 testcases in it; at most 5",
        ),
        (lambda: package(statement=PackageStatement("x" * 300_000)), "may have at most 256 KiB"),
        (
            lambda: package(checker=PackageChecker(CheckerKind.PROGRAM, files=(unreadable("check.cpp"),))),
            "check.cpp: is damaged",
        ),
        (lambda: package(groups=(Group("a"), Group("a"))), "more than once"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_the_reason(settings, given: Callable[[], Package], reason):
    settings.MAX_TESTCASES = 5
    before = everything()
    with pytest.raises(PackageRefused, match=reason):
        importing.apply(importing.plan(given(), path="sum"), partial=True)
    assert everything() == before


def test_a_program_that_is_too_large_is_kept_out_of_judging_and_named(settings):
    settings.MAX_SOURCE_BYTES = 20
    plan = importing.plan(package(), path="sum")
    question = importing.apply(plan)
    assert question.reference_solutions.get().skipped.startswith(f"its source has {len(ADD)} bytes")
    assert "submissions/accepted/a.py" in str(plan.remarks[0])


def test_a_failure_in_the_middle_leaves_the_database_as_it_was():
    question = bring_in(package())
    before = everything()
    content = [b"first", b"second"]
    changing = File("sample/1.in", 5, lambda: content.pop(0))
    given = package(
        title="Changed", cases=(replace(case("sample/1"), input=changing), case("secret/9", "8 8\n"))
    )
    plan = importing.plan(given, path="/packages/sum")
    assert plan.question == question
    with pytest.raises(PackageRefused, match=r"sample/1.in: changed while it was read"):
        importing.apply(plan)
    assert everything() == before


# --- Again -----------------------------------------------------------------------------------------------------


def test_the_same_package_again_changes_nothing_that_decides_a_verdict():
    given = package(checker=PackageChecker(CheckerKind.PROGRAM, files=(file("check.py", b"x"),)))
    first = bring_in(given)
    before, keys = revision(first), set(first.testcases.values_list("pk", flat=True))
    plan = importing.plan(given, path="/packages/sum")
    assert plan.changes_nothing
    again = importing.apply(plan)
    assert (again.pk, revision(again)) == (first.pk, before)
    assert set(again.testcases.values_list("pk", flat=True)) == keys
    assert Question.objects.count() == 1


def test_a_changed_package_brings_its_question_up_to_date_and_leaves_no_data_behind():
    first = bring_in(package(attachments=(file("a.txt", b"one"), file("b.txt", b"two"))))
    before = revision(first)
    first.starter_codes.create(language="python", source="pass")
    Question.objects.filter(pk=first.pk).update(summary="Mine", difficulty="hard", offers_hints=False)
    changed = package(
        title="The Sums",
        cases=(CASES[0], replace(CASES[1], points=Decimal(2)), case("secret/new", "5 5\n", "10\n")),
        solutions=(PackageSolution("submissions/wrong_answer/w.py", "python", "print(0)", ("WA",)),),
        attachments=(file("b.txt", b"three"),),
    )

    plan = importing.plan(changed, path="/packages/sum")
    kinds = {one.name: (one.kind.value, one.before, one.size) for one in plan.cases}
    assert kinds == {
        "sample/1": ("unchanged", 6, 6),
        "secret/small/1": ("changed", 6, 6),
        "secret/new": ("new", None, 7),
        "secret/large/1": ("removed", 7, 0),
    }
    assert [(one.name, one.before, one.after) for one in plan.fields] == [("title", "The Sum", "The Sums")]
    assert {(one.name, one.kind.value) for one in (*plan.files, *plan.solutions)} == {
        ("attachment b.txt", "changed"),
        ("attachment a.txt", "removed"),
        ("submissions/wrong_answer/w.py", "new"),
        ("submissions/accepted/a.py", "removed"),
    }
    again = importing.apply(plan)

    assert (again.pk, again.slug, again.title) == (first.pk, "sum", "The Sums")
    assert list(again.testcases.in_order().values_list("name", "points")) == [
        ("sample/1", 1),
        ("secret/small/1", 2),
        ("secret/new", 1),
    ]
    assert list(again.reference_solutions.values_list("name", flat=True)) == ["submissions/wrong_answer/w.py"]
    again.refresh_from_db()
    assert (again.summary, again.difficulty, again.offers_hints) == ("Mine", "hard", False)
    assert again.starter_codes.count() == 1
    assert revision(again) != before
    assert not Blob.objects.unused().exists()
    stored = set(Blob.objects.values_list("pk", flat=True))
    assert hashlib.sha256(b"three").hexdigest() in stored
    assert hashlib.sha256(b"two").hexdigest() not in stored


def test_a_package_is_known_again_by_its_uuid_and_by_its_name_and_title():
    by_uuid = bring_in(package(uuid="u-1"))
    assert bring_in(package(uuid="u-1", name="renamed", title="New"), path="/moved/renamed") == by_uuid
    by_title = bring_in(package(name="other"), path="/a/other")
    assert bring_in(package(name="other"), path="/b/other.zip") == by_title
    newer = package(name="other", format=Format.KATTIS_2023_07)
    assert bring_in(newer, path="/c/other") == by_title
    assert bring_in(package(name="other", format=Format.POLYGON), path="/a/other") != by_title
    assert Question.objects.count() == 3


def test_what_only_shares_a_folders_name_is_another_question_unless_it_shares_testcases():
    def named_a(*cases: PackageCase) -> Package:
        return package(format=Format.PLAIN, name="A", title="A", cases=cases, solutions=())

    first = bring_in(named_a(CASES[0], CASES[1]), path="/spring/A")
    other = bring_in(named_a(CASES[2]), path="/autumn/A")
    assert (first.slug, other.slug) == ("a", "a-2")
    plan = importing.plan(named_a(CASES[0]), path="/archive/A")
    assert plan.question == first
    assert "it brings “a” up to date, which came from /spring/A before" in map(str, plan.remarks)
    assert not importing.plan(named_a(CASES[0]), path="/spring/A").remarks


def test_a_testcase_that_is_too_large_for_its_checker_is_remarked():
    large = replace(CASES[1], input=File("secret/1.in", 60 * 1024 * 1024, lambda: b"1 2\n"))
    program = PackageChecker(CheckerKind.PROGRAM, files=(file("check.py", b""),))
    limits = PackageLimits(time_ms=1000, memory_kib=256 * 1024, output_kib=8 * 1024)
    given = package(cases=(CASES[0], large), checker=program, limits=limits)
    told = [str(one) for one in fit(given, most_memory_kib=None).remarks]
    assert len(told) == 1
    assert told[0].startswith("secret/1.in: with its answer and the longest output")
    assert not fit(replace(given, checker=PackageChecker()), most_memory_kib=None).remarks


def test_a_solution_that_cannot_be_judged_is_said_with_the_reason():
    kotlin = PackageSolution("submissions/accepted/a.kt", "", "", ("AC",), skipped="no language for .kt")
    plan = importing.plan(package(solutions=(SOLUTION, kotlin)), path="/packages/sum")
    assert list(map(str, plan.remarks)) == ["submissions/accepted/a.kt: is not judged: no language for .kt"]
    assert [one.skipped for one in plan.solutions] == ["", "no language for .kt"]


def test_what_changes_is_shown_in_the_words_of_the_form_and_group_by_group():
    groups = (Group(stops=False), Group("secret/small", maximum=Decimal(30)))
    text = PackageStatement("Print it.\r\nNow.\n")
    question = bring_in(package(groups=groups, statement=text))
    question.write_statement(question.statement.strip())  # as a form does that is saved
    question.save()
    changed = (groups[0], replace(groups[1], maximum=Decimal(40)))
    checker = PackageChecker(CheckerKind.PROGRAM, files=(file("a.py", b""),), interactive=True)
    plan = importing.plan(package(groups=changed, statement=text, checker=checker), path="/packages/sum")
    assert {one.label: (one.before, one.after) for one in plan.fields} == {
        "Groups: secret/small": (
            '{"path": "secret/small", "maximum": "30"}',
            '{"path": "secret/small", "maximum": "40"}',
        ),
        "Checker": ("tokens", "program"),
        "Interactive": ("no", "yes"),
    }
    assert importing.plan(package(groups=groups, statement=text), path="/packages/sum").changes_nothing


def test_two_packages_of_one_run_are_never_one_question():
    first = bring_in(package(uuid="u-1"))
    plan = importing.plan(package(uuid="u-1"), path="/copy/sum", apart_from={first.pk})
    second = importing.apply(plan)
    assert second != first
    assert "its uuid is that of the question “sum”" in str(plan.remarks)
    assert bring_in(package(uuid="u-1"), path="/copy/sum") == second
    assert bring_in(package(uuid="u-1")) == first


def test_a_published_question_stays_published_or_stays_as_it_is():
    question = bring_in(package())
    publishing.take(publishing.STEPS["publish"], question)
    assert bring_in(package(title="New")).state == "published"
    before = everything()
    without_points = tuple(replace(one, points=Decimal(0)) for one in CASES)
    with pytest.raises(PackageRefused, match="is published and could not stay so"):
        bring_in(package(cases=without_points))
    assert everything() == before


def test_a_time_limit_that_was_measured_or_set_by_hand_stays_whatever_else_changes():
    given = package(limits=PackageLimits())
    question = bring_in(given)
    Question.objects.update(time_limit_ms=3000, time_limit_is_derived=False)
    bring_in(given)
    bring_in(replace(given, cases=CASES[:2]))
    question.refresh_from_db()
    assert (question.time_limit_ms, question.time_limit_is_derived) == (3000, False)


def test_a_plain_folder_changes_only_what_is_in_it():
    plain = package(format=Format.PLAIN, limits=PackageLimits(), solutions=(), statement=PackageStatement(""))
    question = bring_in(plain)
    question.title, question.checker, question.time_limit_ms = "Mine", "exact", 700
    question.write_statement("My statement.")
    question.save()
    question.reference_solutions.create(name="mine", language="python", source=ADD)
    again = bring_in(replace(plain, cases=CASES[:1]))
    again.refresh_from_db()
    assert (again.title, again.checker, again.time_limit_ms) == ("Mine", "exact", 700)
    assert again.statement == "My statement."
    assert (again.testcases.count(), again.reference_solutions.count()) == (1, 1)


def test_a_plain_folder_leaves_the_checker_and_the_files_that_are_there():
    given = package(
        checker=PackageChecker(CheckerKind.PROGRAM, files=(file("check.py", b"x"),)),
        attachments=(file("skeleton.py", b"attachment"),),
        statement=PackageStatement("A", pictures=(file("a.png", b"old"), file("b.png", b"kept"))),
    )
    question = bring_in(given)
    stated = PackageStatement("B", pictures=(file("a.png", b"new"),))
    plain = package(format=Format.PLAIN, limits=PackageLimits(), solutions=(), statement=stated)
    plan = importing.plan(plain, path="upload.zip", question=question)
    assert [(one.name, one.kind.value) for one in plan.files if one.kind != "unchanged"] == [
        ("picture a.png", "changed")
    ]
    importing.apply(plan)
    files = {(one.kind, one.path): bytes(one.blob.data) for one in question.files.select_related("blob")}
    assert files == {
        ("checker", "check.py"): b"x",
        ("attachment", "skeleton.py"): b"attachment",
        ("picture", "a.png"): b"new",
        ("picture", "b.png"): b"kept",
    }


def test_only_the_cases_of_a_question_can_be_replaced():
    question = make_question(title="Mine")
    plan = importing.plan(package(), path="upload.zip", question=question, only_cases=True)
    assert [(one.name, one.kind.value) for one in plan.cases if one.kind == "removed"] == [
        ("", "removed")
    ] * 2
    again = importing.apply(plan)
    again.refresh_from_db()
    assert (again.title, again.origin, again.reference_solutions.count()) == ("Mine", {}, 0)
    assert again.testcases.count() == 3


# --- What it costs ---------------------------------------------------------------------------------------------


def test_what_many_cases_cost_in_statements_does_not_grow_with_them():
    few = package(cases=tuple(case(f"secret/{n}", f"{n}\n") for n in range(3)), name="few")
    many = package(cases=tuple(case(f"secret/{n}", f"{n} {n}\n") for n in range(90)), name="many")
    counts = []
    for given in (few, many):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            bring_in(given, path=given.name)
        counts.append(len(queries))
    assert counts[1] <= counts[0] + 3


def test_data_is_stored_once_however_many_cases_have_it():
    bring_in(package(cases=tuple(case(f"secret/{n}") for n in range(20))))
    assert Blob.objects.count() == 2
