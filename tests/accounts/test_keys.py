"""Keys for machines: made, used through the API, and ended; by whom they may be given what; what is open to them."""

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts import credentials, keys
from accounts.models import CODE_EXEC, ApiKey, User
from accounts.permissions import MachineEndpoint
from accounts.scopes import EVERYTHING, Scope
from tests.factories import make_author, make_user, service_user

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/submissions/"


def make(user=None, *scopes: str, **options) -> tuple[ApiKey, str]:
    return keys.make(user=user or make_user(), name="laptop", scopes=scopes or ("submit", "read"), **options)


def ask(text: str, header: str = "X-Code-Exec-Key", client: Client | None = None):
    return (client or Client()).get(ADDRESS, headers={header: text})


def test_a_key_is_kept_as_its_digest_only():
    """C4 (in part)."""
    key, text = make()

    row = ApiKey.objects.filter(pk=key.pk).values().get()

    assert re.fullmatch(r"jk_[0-9a-f]{8}_[0-9a-f]{48}", text)
    assert text.startswith(row["prefix"])
    assert text[12:] not in str(row)
    assert (len(row["digest"]), row["scopes"]) == (64, ["read", "submit"])


def test_who_shows_a_key_as_a_token_is_told_where_it_goes():
    _key, text = make()

    answer = ask(f"Bearer {text}", "Authorization")

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert "X-Code-Exec-Key" in answer.json()["detail"]
    assert text not in answer.content.decode()


@pytest.mark.parametrize(
    ("header", "form"),
    [("X-Code-Exec-Key", "{}"), ("Authorization", "Api-Key {}"), ("Authorization", "api-key  {}")],
)
def test_a_key_lets_its_user_in_by_either_header(header, form):
    """C4 (in part)."""
    _key, text = make()

    assert ask(form.format(text), header).status_code == 200


def revoked() -> str:
    key, text = make()
    keys.revoke(key)
    return text


def expired() -> str:
    return make(lasts=timedelta(seconds=-1))[1]


def of_a_blocked_user() -> str:
    return make(make_user(is_active=False))[1]


def unknown() -> str:
    return make()[1][:-1] + "x"


def no_code_exec() -> None:
    User.objects.filter(username=CODE_EXEC).delete()


def blocked_code_exec() -> None:
    service_user(CODE_EXEC)
    User.objects.filter(username=CODE_EXEC).update(is_active=False)


@pytest.mark.parametrize("make_so", [no_code_exec, blocked_code_exec])
def test_a_service_key_without_its_user_is_no_good(make_so):
    make_so()

    answer = ask("key-one")

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_key")


@pytest.mark.parametrize("given", [revoked, expired, of_a_blocked_user, unknown, str])
@pytest.mark.parametrize(("header", "form"), [("X-Code-Exec-Key", "{}"), ("Authorization", "Api-Key {}")])
def test_a_key_that_is_not_good_is_401_even_of_somebody_who_has_signed_in(given, header, form):
    """S2.11 (in part), C4 (in part)."""
    client = Client()
    client.force_login(make_user())

    answer = ask(form.format(given()), header, client)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_key")
    assert answer["WWW-Authenticate"] == "Api-Key"


def test_a_bad_key_is_401_even_beside_a_good_one():
    """C4 (in part)."""
    _key, good = make()
    headers = {"X-Code-Exec-Key": good, "Authorization": "Api-Key bad"}

    assert Client().get(ADDRESS, headers=headers).status_code == 401
    assert Client().get(ADDRESS, headers=headers | {"Authorization": f"Api-Key {good}"}).status_code == 200


def test_a_key_that_expires_later_is_good():
    assert ask(make(lasts=timedelta(minutes=1))[1]).status_code == 200


def test_a_key_allows_what_it_was_given_and_no_more():
    """C4 (in part), S0.19 (in part)."""
    _key, text = make(None, "read")
    _key, other = make(None, "submit")

    submitted = Client().post(ADDRESS, {}, "application/json", headers={"X-Code-Exec-Key": text})

    assert (submitted.status_code, submitted.json()["code"]) == (403, "missing_scope")
    assert [ask(text).status_code, ask(other).status_code] == [200, 403]


def test_its_last_use_is_noted_once_a_minute(django_assert_num_queries):
    key, text = make()
    ask(text)
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    assert timezone.now() - first < timedelta(seconds=10)

    with django_assert_num_queries(1):
        keys.find(text)
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=first - timedelta(minutes=2))
    keys.find(text)

    key.refresh_from_db()
    assert key.last_used_at is not None
    assert key.last_used_at >= first


def test_revoking_twice_keeps_the_first_time():
    key, _text = make()
    keys.revoke(key)
    key.refresh_from_db()
    first = key.revoked_at

    keys.revoke(key)

    key.refresh_from_db()
    assert key.revoked_at == first


# --- What may be given ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "scopes"),
    [
        (make_user, {"submit", "read"}),
        (make_author, {"submit", "read", "tests:read", "judge", "admin"}),
        (lambda: make_user(is_staff=True), {"submit", "read"}),
        (lambda: make_user(is_superuser=True), {"submit", "read", "tests:read", "judge", "admin"}),
        (lambda: service_user(CODE_EXEC), {"submit", "read", "judge"}),
    ],
    ids=["learner", "author", "staff without rights", "superuser", "code-exec"],
)
def test_a_user_may_give_a_key_what_the_user_may_do(who, scopes):
    """C4 (in part)."""
    assert keys.grantable(who()) == scopes


def test_superusers_need_not_be_marked_as_staff():
    assert credentials.of_session(make_user(is_superuser=True)).scopes == EVERYTHING


def test_authors_who_see_no_submissions_may_still_read_tests():
    author = make_author()
    author.groups.get().permissions.remove(author.groups.get().permissions.get(codename="view_submission"))

    assert keys.grantable(author) == {"submit", "read", "tests:read"}


@pytest.mark.parametrize("scopes", [{"judge"}, {"read", "tests:read"}, {"all"}, set()])
def test_more_than_one_may_do_cannot_be_given(scopes):
    with pytest.raises(keys.NotGrantable, match="may have the scopes read, submit"):
        keys.make(user=make_user(), name="too much", scopes=scopes)

    assert not ApiKey.objects.exists()


def test_who_is_an_author_no_more_has_no_authors_key_either():
    author = make_author()
    _key, text = make(author, "read", "tests:read", "admin")
    assert credentials.of_key(text).scopes == {Scope.READ, Scope.TESTS_READ, Scope.ADMIN}

    author.is_staff = False
    author.save(update_fields=["is_staff"])

    assert credentials.of_key(text).scopes == {Scope.READ}


# --- What is for machines ---------------------------------------------------------------------------------------


class ForMachines(MachineEndpoint, APIView):
    def post(self, request):
        return Response({"asked_by": request.auth.user.username})


def call(user=None, **headers: str) -> Response:
    request = APIRequestFactory().post("/v1/judge", {}, "json", headers=headers)
    if user is not None:
        request.user = user
    answer = ForMachines.as_view()(request)
    answer.render()
    return answer


def test_machines_are_let_in_by_a_service_key_or_one_of_the_database_with_the_scope_judge():
    """S0.16: either kind of key, with the scope `judge`; all are compared in constant time or by their digest."""
    service_user(CODE_EXEC)
    _key, text = make(make_author(), "judge")

    asked = [call(**{"X-Code-Exec-Key": "key-two"}), call(Authorization=f"Api-Key {text}")]

    assert [answer.status_code for answer in asked] == [200, 200]
    assert asked[0].data == {"asked_by": CODE_EXEC}


def test_machines_without_a_key_are_401_and_without_the_scope_403():
    """S0.16 (in part), S0.19 (in part), S2.42 (in part)."""
    _key, text = make(make_author(), "read", "admin")

    answers = [call(), call(**{"X-Code-Exec-Key": "wrong"}), call(**{"X-Code-Exec-Key": text})]

    assert [answer.status_code for answer in answers] == [401, 401, 403]
    assert [answer.data["code"] for answer in answers] == [
        "not_authenticated",
        "invalid_key",
        "missing_scope",
    ]


def test_staff_who_have_signed_in_may_do_what_machines_may_and_learners_may_not():
    assert [call(user).status_code for user in (make_author(), make_user())] == [200, 403]


def test_without_any_key_there_is_nothing_for_machines(settings):
    """S0.16 (in part): whatever is shown, and by whom."""
    settings.CODE_EXEC_KEYS = []
    author = make_author()
    make(author, "read")

    assert {call().status_code, call(author).status_code, call(**{"X-Code-Exec-Key": "x"}).status_code} == {
        404
    }


@pytest.mark.both_databases
@pytest.mark.parametrize("end", ["revoked", "expired", "demoted", "blocked"])
def test_a_key_that_is_not_good_any_more_opens_nothing_for_machines(settings, end):
    """S0.16 (in part)."""
    settings.CODE_EXEC_KEYS = []
    author = make_author()
    key, text = make(author, "judge")
    assert call(**{"X-Code-Exec-Key": text}).status_code == 200

    if end == "revoked":
        keys.revoke(key)
    elif end == "expired":
        ApiKey.objects.update(expires_at=timezone.now())
    elif end == "demoted":
        author.groups.clear()
    else:
        type(author).objects.filter(pk=author.pk).update(is_active=False)

    assert call(**{"X-Code-Exec-Key": text}).status_code == 404


def test_in_development_signed_in_users_may_do_what_machines_may(settings):
    """S0.16 (in part), S2.42: never anonymous ones, and without DEBUG a key is required whatever the setting says."""
    settings.REQUIRE_CODE_EXEC_KEY, settings.CODE_EXEC_KEYS = False, []
    learner = make_user()
    _key, text = make(learner, "read")
    assert [call(learner).status_code, call().status_code] == [404, 404]

    settings.DEBUG = True

    assert [call(learner).status_code, call(**{"X-Code-Exec-Key": text}).status_code] == [200, 200]
    assert [call().status_code, call(**{"X-Code-Exec-Key": "wrong"}).status_code] == [401, 401]


@pytest.mark.parametrize(("debug", "found"), [(True, []), (False, ["accounts.E001"])])
def test_letting_people_do_what_machines_may_stops_the_start_outside_debug(settings, debug, found):
    """S0.16 (in part)."""
    settings.REQUIRE_CODE_EXEC_KEY, settings.DEBUG = False, debug

    assert [one.id for one in run_checks() if one.id == "accounts.E001"] == found


# --- Operators -----------------------------------------------------------------------------------------------


def command(*args: str) -> str:
    out = StringIO()
    call_command("create_api_key", *args, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_the_command_prints_a_key_that_works():
    user = make_user()

    text = command(user.username, "--scope", "submit", "--scope", "read", "--name", "ci", "--days", "30")

    assert ask(text.strip()).status_code == 200
    key = ApiKey.objects.get()
    assert (key.name, key.user) == ("ci", user)
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - timezone.now() <= timedelta(days=30)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nobody", "--scope", "read"], "There is no user nobody"),
        (["blocked", "--scope", "read"], "blocked is blocked"),
        (["ada", "--scope", "judge"], "may have the scopes read, submit; not judge"),
        (["ada", "--scope", "fly"], "invalid choice: 'fly'"),
        (["ada"], "required: --scope"),
        (["ada", "--scope", "read", "--days", "0"], "--days must be"),
        (["ada", "--scope", "read", "--name", "x" * 81], "--name must have"),
    ],
)
def test_the_command_names_what_is_wrong_and_makes_nothing(args, words):
    make_user("ada")
    make_user("blocked", is_active=False)

    with pytest.raises(CommandError, match=re.escape(words)):
        command(*args)

    assert not ApiKey.objects.exists()


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


def test_the_admin_lists_keys_and_revokes_them(admin):
    key, text = make()
    page = admin.get("/admin/accounts/apikey/")
    assert key.prefix in page.content.decode()
    assert key.digest not in page.content.decode()

    admin.post("/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [key.pk]})

    assert ask(text).status_code == 401


def test_the_admin_makes_and_changes_no_keys(admin):
    key, _text = make()

    answers = [
        admin.get("/admin/accounts/apikey/add/"),
        admin.post(f"/admin/accounts/apikey/{key.pk}/change/", {"scopes": '["admin"]'}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert admin.get(f"/admin/accounts/apikey/{key.pk}/change/").status_code == 200


def test_authors_have_no_business_with_other_peoples_keys():
    client, (key, text) = Client(), make()
    client.force_login(make_author())

    client.post("/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [key.pk]})

    assert client.get("/admin/accounts/apikey/").status_code == 403
    assert ask(text).status_code == 200
