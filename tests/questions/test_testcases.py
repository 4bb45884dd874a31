"""Testcases: what judging gets, who else gets it (nobody), and what becomes of their data."""

import threading
import time
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.scopes import Scope
from questions import testcases
from questions.api import TestCaseList
from questions.models import SHELF_BYTES, Blob, Question, StoredCase, TestCase
from questions.testcases import TestCaseRefused
from tests.factories import make_author, make_case, make_question, make_user

pytestmark = pytest.mark.django_db


def test_judging_gets_public_and_hidden_cases_together_with_their_data() -> None:
    """S0.3, S0.14, S0.17"""
    question = make_question([("h1", "a1", False), ("p1", "a2", True), ("h2", "a3", False)])
    cases = question.testcases.values_for_judging()
    assert [(case.index, case.public, case.input(), case.answer and case.answer()) for case in cases] == [
        (1, True, b"p1", b"a2"),
        (2, False, b"h1", b"a1"),
        (3, False, b"h2", b"a3"),
    ]


def test_judging_reads_data_only_when_a_case_is_run(django_assert_num_queries) -> None:
    question = make_question([("1 2", "3", True)] * 5)
    with django_assert_num_queries(1) as captured:
        cases = question.testcases.values_for_judging()
    assert '"data"' not in captured[0]["sql"]
    with django_assert_num_queries(1):
        assert cases[4].input() == b"1 2"


def test_every_address_that_knows_testcases_belongs_to_the_admin_or_needs_a_scope_of_its_own() -> None:
    """S0.17, S4.1"""
    api = "api/v1/questions/<slug:name>/testcases/"  # who may ask there: tests/questions/test_api.py
    routes = list(_routes(get_resolver().url_patterns))
    assert len(routes) > 30
    of_testcases = [route for route in routes if "testcase" in route or "blob" in route]
    assert api in of_testcases
    of_testcases.remove(api)
    assert [route for route in of_testcases if not route.startswith("admin/questions/testcase/")] == []
    assert TestCaseList.required_scopes == {"GET": Scope.TESTS_READ}
    assert [route for route in routes if "contest" in route] == []


def _routes(patterns, prefix: str = ""):
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            assert isinstance(pattern, URLPattern)
            yield route


@pytest.mark.parametrize("who", ["nobody", "learner", "staff without rights"])
def test_only_authors_reach_testcase_pages(client, who: str) -> None:
    """S0.17"""
    case = make_question().testcases.get(visibility="hidden")
    if who != "nobody":
        client.force_login(make_user(is_staff=who.startswith("staff")))
    for address in (
        reverse("admin:questions_testcase_changelist") + f"?question__id__exact={case.question_id}",
        reverse("admin:questions_testcase_change", args=[case.pk]),
        reverse("admin:questions_testcase_data", args=[case.pk, "input"]),
        reverse("admin:questions_testcase_data", args=[case.pk, "answer"]),
    ):
        answer = client.get(address)
        assert answer.status_code in (302, 403)
        assert b"-4 9" not in answer.content


def test_equal_data_is_stored_once() -> None:
    make_question([("same", "same", True), ("same", "other", False)])
    assert Blob.objects.count() == 2


def test_data_goes_with_the_last_testcase_that_uses_it() -> None:
    question = make_question([("shared", "a", True), ("shared", "b", False)])
    testcases.remove(question.testcases.filter(visibility="hidden"))
    assert {bytes(blob.data) for blob in Blob.objects.all()} == {b"shared", b"a"}


def test_replacing_data_removes_what_was_there_before() -> None:
    case = make_question([("old", "answer", True)]).testcases.get()
    testcases.save(case, input=b"new")
    assert {bytes(blob.data) for blob in Blob.objects.all()} == {b"new", b"answer"}


def test_data_in_use_cannot_be_deleted_by_accident() -> None:
    case = make_question().testcases.get(visibility="public")
    with pytest.raises(ProtectedError):
        case.input.delete()


def test_the_last_testcase_of_a_published_question_stays() -> None:
    question = make_question([("1 2", "3", True)])
    with pytest.raises(TestCaseRefused, match="unpublish it first"):
        testcases.remove(question.testcases.all())
    assert question.testcases.count() == 1


def test_a_draft_may_lose_all_its_testcases() -> None:
    question = make_question([("1 2", "3", True)], state=Question.State.DRAFT)
    testcases.remove(question.testcases.all())
    assert (question.testcases.count(), Blob.objects.count()) == (0, 0)


def test_as_many_testcases_as_the_limit_says_are_accepted_and_one_more_is_refused(settings) -> None:
    """S2.6"""
    settings.MAX_TESTCASES = 2
    question = make_question([("1 2", "3", True)])
    testcases.save(TestCase(question=question), input=b"x", answer=b"y")
    with pytest.raises(TestCaseRefused, match="at most 2 testcases") as refused:
        testcases.save(TestCase(question=question), input=b"x", answer=b"y")
    assert refused.value.field == "testcases"
    assert question.testcases.count() == 2


@pytest.mark.parametrize("field", ["input", "answer"])
def test_data_at_the_limit_is_accepted_and_one_byte_more_is_refused(settings, field: str) -> None:
    """S2.7"""
    settings.MAX_STDIN_BYTES = 1000
    question = make_question()
    data = {"input": b"", "answer": b""}
    testcases.save(TestCase(question=question), **data | {field: b"x" * 1000})
    with pytest.raises(TestCaseRefused, match=rf"{field} has 1001 bytes; at most 1000") as refused:
        testcases.save(TestCase(question=question), **data | {field: b"x" * 1001})
    assert refused.value.field == field


def test_numbering_follows_the_order_of_judging() -> None:
    question = make_question([])
    make_case(question, "hidden", order=5)
    make_case(question, "second", public=True, order=9)
    make_case(question, "first", public=True, order=7)
    testcases.renumber(question)
    assert [bytes(case.input.data) for case in question.testcases.order_by("order")] == [
        b"first",
        b"second",
        b"hidden",
    ]
    assert [case.order for case in question.testcases.in_order()] == [1, 2, 3]


def test_the_revision_changes_with_what_decides_a_verdict_and_with_nothing_else() -> None:
    question = make_question()
    before = question.revision(question.testcases.values_for_judging())
    question.title = "Another title"
    assert question.revision(question.testcases.values_for_judging()) == before
    testcases.save(question.testcases.get(visibility="public"), answer=b"changed")
    assert question.revision(question.testcases.values_for_judging()) != before


def stored(index: int, points: str, public: bool = False, **fields) -> StoredCase:
    first, second = "ab" if public else "cd"
    return StoredCase(
        index,
        lambda: b"",
        None,
        points=Decimal(points),
        public=public,
        input_sha256=first * 64,
        answer_sha256=second * 64,
        **fields,
    )


def test_the_revision_of_what_uses_nothing_new_is_that_of_every_release_before() -> None:
    """Else all submissions of then would be marked as judged with an older version. The hash is one of 0.1."""
    question = Question(memory_limit_kib=256 * 1024)
    small = stored(1, "1.000000", public=True)
    cases = [small, stored(2, "2.500000", group="big")]
    of_then = "9de25f44b3805e8188466639a295a9b1f5f211fb95c3d3c378c447716b3850c9"
    assert question.revision(cases) == of_then
    new = [stored(2, "2.500001", group="big"), stored(2, "2.5", group="big", arguments=("x",))]
    assert len({question.revision([small, case]) for case in new} | {of_then}) == 3
    question.time_factors = {"*": 1.0, "python": 3.0}
    factored = question.revision(cases)
    question.time_factors = {"python": 3.0, "*": 1.0}  # databases keep keys in orders of their own
    assert question.revision(cases) == factored != of_then


def test_the_database_itself_refuses_a_visibility_that_does_not_exist() -> None:
    question = make_question()
    with pytest.raises(IntegrityError), transaction.atomic():
        question.testcases.update(visibility="secret")


def test_drafts_are_seen_by_authors_only_and_archived_questions_by_nobody() -> None:
    published, draft = make_question(), make_question(state=Question.State.DRAFT)
    make_question(state=Question.State.ARCHIVED)
    assert set(Question.objects.visible_to(make_user())) == {published}
    assert set(Question.objects.visible_to(make_author())) == {published, draft}


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_data_stays_when_its_last_case_goes_while_somebody_stores_the_same_bytes() -> None:
    going = make_question([("same bytes", "a", True)], state=Question.State.DRAFT)
    coming = make_question([])

    def remove() -> None:
        try:
            testcases.remove(going.testcases.all())
        finally:
            connection.close()

    with transaction.atomic():
        blob = Blob.store(b"same bytes")
        remover = threading.Thread(target=remove)
        remover.start()
        time.sleep(0.2)  # it runs into the row that is held here
        TestCase.objects.create(question=coming, input=blob, answer=blob)
    remover.join(20)

    assert not going.testcases.exists()
    assert bytes(coming.testcases.get().input.data) == b"same bytes"


# --- Reading them for a judging -------------------------------------------------------------------------------


def test_the_data_of_many_small_cases_is_read_in_one_query(django_assert_num_queries) -> None:
    question = make_question([(f"{n}\n", f"{n % 2}\n", False) for n in range(30)])
    with django_assert_num_queries(1):
        cases = question.testcases.values_for_judging()

    with django_assert_num_queries(1):
        read = [(case.input(), case.answer and case.answer()) for case in cases]

    assert read == [(b"%d\n" % n, b"%d\n" % (n % 2)) for n in range(30)]


def test_large_data_is_read_case_by_case_and_not_kept(django_assert_num_queries) -> None:
    large = "x" * (SHELF_BYTES + 1)
    question = make_question([(large, "1\n", False), ("2\n", "2\n", False)])
    first, second = question.testcases.values_for_judging()

    with django_assert_num_queries(2):
        assert first.input() == first.input() == large.encode()
    with django_assert_num_queries(1):
        assert [read() for read in (first.answer, second.input, second.answer) if read] == [
            b"1\n",
            b"2\n",
            b"2\n",
        ]


def test_data_that_was_replaced_meanwhile_is_not_there_any_more() -> None:
    question = make_question([("1\n", "1\n", False), ("2\n", "2\n", False)])
    first, second = question.testcases.values_for_judging()
    question.testcases.all().delete()
    Blob.objects.delete_unused([first.input_sha256])

    with pytest.raises(Blob.DoesNotExist):
        first.input()
    assert second.input() == b"2\n"
