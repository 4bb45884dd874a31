"""How long hints are kept, what their learner gets of them, and that nothing of them outlives who asked."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.db.models import F

from accounts import erasing
from accounts.models import User
from execution import languages
from hints import asking, kept
from hints.models import HintRequest
from submissions import erasure, retention, takeout
from submissions.connections import redis_client
from tests.factories import make_hint, make_question, make_user
from tests.submissions.test_takeout import opened

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture
def learner():
    return make_user()


def test_hints_go_after_their_time(learner, settings):
    settings.RETENTION_DAYS = settings.RETENTION_DAYS | {"hints": 10}
    old, young = (make_hint(learner, make_question()) for _ in range(2))
    HintRequest.objects.filter(pk=old.pk).update(created_at=F("created_at") - timedelta(days=11))

    assert retention.due()["hints"] == 1
    assert retention.purge()["hints"] == 1

    assert list(HintRequest.objects.all()) == [young]


def test_learners_take_their_hints_with_them(learner):
    own = make_hint(learner, make_question())
    make_hint(make_user(), own.question)

    (told,) = opened(b"".join(takeout.pieces(learner)))["hints.json"]

    assert (told["id"], told["level"], told["answer"]) == (str(own.pk), 1, own.answer)


def test_who_is_erased_leaves_no_hint_and_no_text(learner):
    question = make_question()
    own, anothers = make_hint(learner, question), make_hint(make_user(), question)
    for one in (own, anothers):
        kept.store(one.pk, kept.Texts("a program"))
        redis_client().xadd(f"hint:{one.pk}:pieces", {"message": "{}"})

    erasing.ask(learner)
    erasure.go_on()

    assert list(HintRequest.objects.all()) == [anothers]
    assert kept.load(anothers.pk) == kept.Texts("a program")
    assert not redis_client().exists(f"hint:{own.pk}", f"hint:{own.pk}:pieces")


def test_what_could_not_be_taken_leaves_no_text(learner):
    """Erasure goes by rows, and would not find it."""
    User.objects.filter(pk=learner.pk).delete()

    with pytest.raises(IntegrityError):
        asking.ask_review(user=learner, source="print(1)", language=languages.get("python"))

    assert not list(redis_client().scan_iter("hint:*"))
