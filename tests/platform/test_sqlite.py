"""Many threads of one process write to SQLite, one after the other; and times are what they were."""

import threading

import pytest
from django.db import connection, connections, transaction

from accounts.models import Invitation, User
from tests.factories import make_user

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite"),
]


def in_threads(count, act):
    failed = []

    def work(number):
        try:
            act(number)
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_read_and_written_in_one_transaction_nothing_gets_lost_and_nothing_is_locked():
    user = make_user(first_name="0")

    def add_one(number):
        for _ in range(10):
            with transaction.atomic():
                row = User.objects.get(pk=user.pk)
                User.objects.filter(pk=user.pk).update(first_name=str(int(row.first_name) + 1))

    assert in_threads(32, add_one) == []
    user.refresh_from_db()
    assert user.first_name == "320"


@pytest.mark.parametrize("ending", ["error", "close"])
def test_a_transaction_that_ends_badly_gives_its_turn_on(ending):
    def fail(number):
        with transaction.atomic():
            make_user(f"failed-{number}")
            if ending == "close":
                connection.close()
            else:
                raise ValueError

    failed = in_threads(3, fail)

    assert len(failed) in (0, 3)
    assert make_user("after").pk
    assert not User.objects.filter(username__startswith="failed").exists()


def test_who_waits_too_long_for_the_others_is_told_that_it_is_locked():
    reached, done = threading.Event(), threading.Event()

    def hold(number):
        with transaction.atomic():
            reached.set()
            done.wait(10)

    def try_to_write(number):
        reached.wait(10)
        options = connection.settings_dict["OPTIONS"] | {"timeout": 0.1}
        mine = connections["default"]
        mine.settings_dict = connection.settings_dict | {"OPTIONS": options}
        try:
            with transaction.atomic():
                pass
        finally:
            done.set()

    failed = in_threads(2, lambda number: (hold, try_to_write)[number](number))

    assert ["locked" in str(error) for error in failed] == [True]


def test_a_time_that_the_databases_clock_has_set_is_the_same_as_a_parameter():
    """Else a page of a list begins with the row that the page before has ended with."""
    Invitation.objects.create(code="x")
    invitation = Invitation.objects.get(code="x")

    assert Invitation.objects.filter(created_at=invitation.created_at).exists()
    assert not Invitation.objects.filter(created_at__lt=invitation.created_at).exists()


@pytest.mark.parametrize(
    ("earlier", "later"),
    [("00:00:00", "00:00:00.001"), ("00:00:00.001", "00:00:00.001001"), ("00:00:00.999999", "00:00:01")],
)
def test_times_are_in_their_order_whatever_their_digits(earlier, later):
    Invitation.objects.create(code="x", created_at=f"2026-01-01 {earlier}Z")

    assert Invitation.objects.filter(created_at__lt=f"2026-01-01 {later}Z").exists()
    assert Invitation.objects.get(created_at=f"2026-01-01 {earlier}Z").code == "x"
