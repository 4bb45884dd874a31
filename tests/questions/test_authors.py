"""The group Authors and the service users: there after `migrate`, on any database."""

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from accounts.models import AUTHORS, CODE_EXEC, SYSTEM, User
from tests.factories import make_author, make_user

pytestmark = pytest.mark.django_db


def test_authors_may_do_everything_with_questions_and_look_at_submissions() -> None:
    author = make_author()
    for model in ("question", "testcase", "tag", "startercode", "referencesolution"):
        for action in ("add", "change", "delete", "view"):
            assert author.has_perm(f"questions.{action}_{model}")
    assert author.has_perm("submissions.view_submission")
    assert author.has_perm("hints.view_hintrequest")
    assert not author.is_superuser


def test_authors_may_not_touch_users_or_submissions() -> None:
    author = make_author()
    few = {"submissions.view_submission", "submissions.add_rejudgeset", "hints.view_hintrequest"}
    others = author.get_all_permissions() - few
    assert {permission.split(".")[0] for permission in others} == {"questions"}


def test_the_group_gets_its_permissions_back_with_the_next_migrate(django_db_blocker) -> None:
    from django.core.management import call_command

    group = Group.objects.get(name=AUTHORS)
    group.permissions.clear()
    call_command("migrate", verbosity=0)
    assert group.permissions.count() == 23


@pytest.mark.parametrize("username", [CODE_EXEC, SYSTEM])
def test_service_users_exist_and_cannot_sign_in(client, username: str) -> None:
    user = User.objects.get(username=username)
    assert not user.has_usable_password()
    assert not user.is_staff
    assert not client.login(username=username, password="")


def test_an_administrator_finds_users_in_the_admin_and_an_author_does_not(client) -> None:
    client.force_login(make_user(is_staff=True, is_superuser=True))
    assert CODE_EXEC in client.get(reverse("admin:accounts_user_changelist")).content.decode()
    client.force_login(make_author())
    assert client.get(reverse("admin:accounts_user_changelist")).status_code == 403
