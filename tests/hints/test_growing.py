"""What is shown of a hint while a model writes it."""

import json
from itertools import pairwise

import pytest

from hints.answers import NotAnAnswer
from hints.growing import STEP, Growing
from hints.guard import Guard, Reason, Refused
from hints.pieces import Pieces, so_far
from hints.replies import MOST_OF_HINT
from tests.factories import make_hint, make_user

pytestmark = pytest.mark.django_db

HINT = "Look at the loop of line 2. Where does it begin, and which of the numbers does it leave out? " * 4


class Counting(Guard):
    """How often it is asked."""

    looks = 0

    def safe_length(self, text, before=0):
        self.looks += 1
        return super().safe_length(text, before)


@pytest.fixture
def request_():
    return make_hint(make_user(), status="working", answer=None, rule="")


def grow(growing: Growing, text: str) -> None:
    """Character by character."""
    reply = json.dumps({"hint": text, "confidence": 1})
    for end in range(len(reply) + 1):
        growing.show(reply[:end])


def test_it_is_told_as_it_grows_and_looked_at_once_in_a_while(request_):
    guard = Counting(None, ())
    growing = Growing(guard, Pieces(request_.pk))
    grow(growing, HINT)

    shown = [piece.message["text"] for piece in so_far(request_)]
    assert len(shown) > 4
    assert all(longer.startswith(shorter) for shorter, longer in pairwise(shown))
    assert HINT.startswith(shown[-1])
    assert guard.looks <= len(HINT) / STEP


def test_what_is_longer_than_any_hint_ends_it_at_once(request_):
    growing = Growing(Guard(None, ()), Pieces(request_.pk))
    growing.show('{"hint": "' + "word " * (MOST_OF_HINT // 5))
    with pytest.raises(NotAnAnswer):
        growing.show('{"hint": "' + "word " * (MOST_OF_HINT // 5) + "m")


def test_a_program_is_not_shown(request_):
    program = "Write this:\nn = int(input())\na = read(n)\na.sort()\nprint(a[0])\nx = 5\nIt is all. "
    with pytest.raises(Refused) as refused:
        grow(Growing(Guard(None, ()), Pieces(request_.pk)), program + HINT)
    assert refused.value.reason == Reason.CODE
