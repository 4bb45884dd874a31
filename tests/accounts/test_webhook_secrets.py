"""`manage.py webhook_secret`, for those who have no account page."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts import webhook_secrets
from accounts.models import CODE_EXEC
from tests.factories import make_user, service_user

pytestmark = pytest.mark.django_db


def printed(*arguments: str) -> str:
    out = StringIO()
    call_command("webhook_secret", *arguments, stdout=out)
    return out.getvalue().strip()


def test_an_operator_learns_the_secret_of_machines_and_makes_another():
    machine, other = service_user(CODE_EXEC), make_user()
    first = printed(CODE_EXEC)
    assert first == printed(CODE_EXEC) == webhook_secrets.secret_of(machine)

    second = printed(CODE_EXEC, "--renew")

    machine.refresh_from_db()
    assert second == printed(CODE_EXEC) == webhook_secrets.secret_of(machine) != first
    assert printed(other.username) == webhook_secrets.secret_of(other)


def test_of_nobody_there_is_none():
    with pytest.raises(CommandError, match="no user nobody"):
        printed("nobody")
