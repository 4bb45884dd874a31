"""Learners in the admin: imported from a list, blocked, invited."""

import base64
import logging
import time

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts import keys, roster
from accounts.errors import InvalidCredential
from accounts.models import CODE_EXEC, SYSTEM, Invitation, User
from accounts.scopes import Scope
from tests.factories import PASSWORD, make_author, make_user, service_user

pytestmark = pytest.mark.django_db

USERS = "/admin/accounts/user/"
IMPORT = f"{USERS}import/"
OWN = "correct horse battery"


@pytest.fixture
def admin(client):
    user = make_user("boss", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def upload(client, text: str | bytes):
    data = text.encode() if isinstance(text, str) else text
    return client.post(IMPORT, {"list": SimpleUploadedFile("people.csv", data)})


def troubles(client, text: str | bytes) -> list[str]:
    before = User.objects.count()
    answer = upload(client, text)
    assert answer.status_code == 200
    assert User.objects.count() == before
    return [str(trouble) for trouble in answer.context["troubles"]]


def can_sign_in(username: str, password: str) -> bool:
    return Client().post("/login/", {"username": username, "password": password}).status_code == 302


# --- importing -----------------------------------------------------------------------------------------------


def test_everybody_in_the_list_gets_an_account_and_can_sign_in(client, admin):
    answer = upload(
        client,
        "username,email,first_name,last_name,password\r\n"
        "ada,ada@Example.org,Ada,Lovelace,\r\n"
        "\r\n"
        f'alan,,Alan," Turing ",{OWN}\r\n',
    )

    ada, alan = User.objects.get(username="ada"), User.objects.get(username="alan")
    assert (ada.email, ada.get_full_name()) == ("ada@example.org", "Ada Lovelace")
    assert (alan.email, alan.last_name) == ("", "Turing")
    assert (ada.is_staff, ada.is_superuser) == (False, False)
    (made_up,) = answer.context["made_up"]
    assert can_sign_in("ada", made_up.password)
    assert can_sign_in("alan", OWN)


def test_passwords_that_were_made_up_are_shown_and_offered_as_a_file_once_and_kept_by_no_cache(client, admin):
    answer = upload(client, "username\nada\nalan\n")

    made_up = {one.user.username: one.password for one in answer.context["made_up"]}
    page = answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    assert len(set(made_up.values())) == 2
    assert all(password in page for password in made_up.values())
    kind, _, data = answer.context["download"].partition(",")
    assert kind == "data:text/csv;base64"
    rows = base64.b64decode(data).decode().splitlines()
    assert rows == ["username,password", *(f"{name},{password}" for name, password in made_up.items())]


def test_passwords_are_stored_hashed_and_never_logged(client, admin, caplog):
    with caplog.at_level(logging.DEBUG):
        answer = upload(client, f"username,password\nada,\nalan,{OWN}\n")

    (made_up,) = answer.context["made_up"]
    stored = str(list(User.objects.values())) + str(list(LogEntry.objects.values()))
    for password in (made_up.password, OWN):
        assert password not in stored
        assert password not in caplog.text
    assert OWN not in answer.content.decode()
    assert made_up.password not in repr(answer.context["made_up"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "There is nobody in the list."),
        ("username\n", "There is nobody in the list."),
        ("name\nada\n", "Line 1: Here the columns are named"),
        ("ada\nalan\n", "Line 1: Here the columns are named"),
        ("username,is_staff\nada,1\n", "Line 1: Here the columns are named"),
        ("username,username\nada,b\n", "Line 1: Here the columns are named"),
        ("username\nada,b\n", "Line 2: There are 2 cells in 1 columns."),
        ('username\n"ada\n', "Line 2: This is no CSV"),
        ("username\n-5+3\n", "Line 2: username: It begins with one of + - @"),
        ("username\n＠x\n", "Line 2: username: It begins with one of + - @"),
        (b"username\n\xff\xfe\n", "The list is not in UTF-8."),
        ("username\nada\0\n", "The list is no text."),
        (b"username\n" + b"x" * roster.MAX_BYTES, "The list has more than 1024 KiB."),
        ("username,email\nada,nowhere\n", "Line 2: email: Enter a valid email address."),
        ("username\na b\n", "Line 2: username: Enter a valid username."),
        ("username,email\n,a@example.org\n", "Line 2: username: This field cannot be blank."),
        (f"username,first_name\nada,{'x' * 151}\n", "Line 2: first_name: Ensure this value has at most 150"),
        ("username,password\nada,12345678\n", "Line 2: password: This password is too common."),
        ("username,password\nlovelace,lovelace\n", "Line 2: password: The password is too similar"),
        ('username,last_name\nada,"of\nLondon"\nADA,\n', "Line 4: “ADA” is in line 2 already."),
        ("username\nboss\n", "Line 2: Somebody is called “boss” already."),
        ("username\nＢoss\n", "Line 2: Somebody is called “Ｂoss” already."),
        ("username\n" + "\n".join(f"u{n}" for n in range(2001)), "Line 2002: At most 2000 people"),
        ("username,password\n" + f"u,{OWN}\n" * 51, "At most 50 may bring a password along"),
    ],
)
def test_what_is_wrong_with_a_list_is_said_by_line_and_nobody_is_imported(client, admin, text, expected):
    assert troubles(client, text)[0].startswith(expected)


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_the_list(client, admin):
    found = troubles(client, "username,email,password\na b,nowhere,1\ngood,,\nboss,,\ngood,,\n")

    lines = [line for line, _, _ in (trouble.partition(":") for trouble in found)]
    assert lines == sorted(lines)
    assert set(lines) == {"Line 2", "Line 4", "Line 5"}
    assert len([line for line in lines if line == "Line 2"]) >= 3


def test_of_very_much_that_is_wrong_the_first_is_said_and_how_much_there_is(client, admin):
    answer = upload(client, "username\n" + "a b\n" * 200)

    assert len(answer.context["troubles"]) == 50
    assert "more." in answer.content.decode()


@pytest.mark.parametrize("spelling", ["alan", "ALAN"])
def test_a_name_that_somebody_takes_meanwhile_lets_nobody_in(admin, spelling):
    newcomers = roster.read(b"username\nada\nalan\n")
    make_user(spelling)

    with pytest.raises(roster.RosterRefused) as refused:
        roster.enrol(newcomers)

    assert "taken a moment ago" in str(refused.value.troubles[0])
    assert not User.objects.filter(username="ada").exists()


def test_a_list_as_some_spreadsheets_write_it_is_read(client, admin):
    upload(
        client,
        "\ufeffUsername;E-mail\n".replace("E-mail", "email").encode() + "änne;a@example.org\n".encode(),
    )

    assert User.objects.get(username="änne").email == "a@example.org"


def test_the_largest_list_takes_seconds_and_its_passwords_are_hashed_anew_when_they_are_used(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    text = "username\n" + "".join(f"learner-of-{n}\n" for n in range(roster.MAX_ROWS))

    started = time.monotonic()
    newcomers = roster.read(text.encode())
    roster.enrol(newcomers)

    assert time.monotonic() - started < 15  # one by one as usual: about ten minutes
    one = newcomers[0]
    assert User.objects.get(username=one.user.username).password.split("$")[1] == "1000"
    assert can_sign_in(one.user.username, one.password)
    assert int(User.objects.get(username=one.user.username).password.split("$")[1]) >= 1_000_000


def test_what_people_think_up_is_hashed_slowly_from_the_start(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]

    (user,) = roster.enrol(roster.read(f"username,password\nada,{OWN}\n".encode()))

    assert int(user.password.split("$")[1]) >= 1_000_000


def test_only_who_may_add_users_imports_them(client):
    helper = make_user(is_staff=True)
    helper.user_permissions.add(*Permission.objects.filter(codename__in=["view_user", "change_user"]))
    for user in (make_author(), helper):
        client.force_login(user)
        assert client.get(IMPORT).status_code == 403
        assert upload(client, "username\nada\n").status_code == 403
    assert "Import learners" not in client.get(USERS).content.decode()

    helper.user_permissions.add(Permission.objects.get(codename="add_user"))
    client.force_login(User.objects.get(pk=helper.pk))
    assert "Import learners" in client.get(USERS).content.decode()
    assert upload(client, "username\nada\n").status_code == 200
    assert User.objects.filter(username="ada").exists()


def test_who_has_not_signed_in_is_asked_to(client):
    assert client.get(IMPORT).headers["Location"].startswith("/admin/login/")


def test_the_admin_remembers_who_imported_whom(client, admin):
    upload(client, "username\nada\n")

    entry = LogEntry.objects.get(object_repr="ada")
    assert (entry.user, entry.get_change_message()) == (admin, "Imported from a list.")


# --- blocking ------------------------------------------------------------------------------------------------


def act(client, action: str, *users: User):
    chosen = {"action": action, "_selected_action": [user.pk for user in users]}
    return client.post(USERS, chosen, follow=True)


def test_who_is_blocked_is_signed_out_and_neither_password_nor_key_opens_anything(client, admin):
    user = make_user()
    theirs = Client()
    theirs.force_login(user)
    _, key = keys.make(user=user, name="script", scopes=[Scope.READ])

    act(client, "block", user)

    assert theirs.get("/account/").headers["Location"].startswith("/login/")
    assert not can_sign_in(user.username, PASSWORD)
    with pytest.raises(InvalidCredential):
        keys.find(key)


def test_who_is_unblocked_gets_in_again(client, admin):
    user = make_user(is_active=False)

    page = act(client, "unblock", user).content.decode()

    assert "1 users are unblocked now." not in page
    assert "1 user is unblocked now." in page
    assert can_sign_in(user.username, PASSWORD)


def test_nobody_blocks_themselves_or_the_platforms_own_users(client, admin):
    service, learner = service_user(CODE_EXEC), make_user()

    page = act(client, "block", admin, service, learner).content.decode()

    assert "1 user is blocked now." in page
    assert "2 cannot be blocked by you" in page
    assert set(User.objects.filter(is_active=False)) == {learner}


def test_only_superusers_block_superusers_and_only_who_may_change_users_blocks_at_all(client, admin):
    helper, learner = make_user(is_staff=True), make_user()
    helper.user_permissions.add(Permission.objects.get(codename="view_user"))
    client.force_login(helper)
    act(client, "block", learner)
    assert not User.objects.filter(is_active=False).exists()

    helper.user_permissions.add(Permission.objects.get(codename="change_user"))
    client.force_login(User.objects.get(pk=helper.pk))
    act(client, "block", learner, admin)
    assert set(User.objects.filter(is_active=False)) == {learner}


# --- who may change whom -------------------------------------------------------------------------------------


@pytest.fixture
def helper(client):
    """Staff who may look after users, and no more."""
    user = make_user("helper", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__model="user"))
    client.force_login(user)
    return user


def change(client, user: User, **fields: str):
    form = {"username": user.username, "is_active": "on", "email": user.email}
    form |= {"last_login_0": "", "last_login_1": "", "date_joined_0": "2026-01-05", "date_joined_1": "09:00"}
    return client.post(f"{USERS}{user.pk}/change/", {k: v for k, v in (form | fields).items() if v != "off"})


def test_who_may_change_users_gives_no_powers_to_anybody(client, helper):
    learner = make_user()

    for user in (helper, learner):
        answer = change(client, user, is_superuser="on", is_staff="on", groups="1", first_name="Ada")
        assert answer.status_code == 302

    for user, was_staff in ((helper, True), (learner, False)):
        user.refresh_from_db()
        assert (user.first_name, user.is_superuser, user.is_staff) == ("Ada", False, was_staff)
        assert user.groups.count() == 0


@pytest.mark.parametrize("name", ["boss", CODE_EXEC, SYSTEM])
def test_superusers_and_the_platforms_own_users_are_in_the_hands_of_superusers(client, helper, name):
    user = make_user(name, is_superuser=True) if name == "boss" else service_user(name)
    password = user.password

    assert change(client, user, is_active="off").status_code == 403
    new = {"password1": "correct horse battery", "password2": "correct horse battery"}
    assert client.post(f"{USERS}{user.pk}/password/", new).status_code == 403
    assert client.post(f"{USERS}{user.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}
    client.post(USERS, chosen)

    user.refresh_from_db()
    assert (user.is_active, user.password) == (True, password)


def test_not_even_superusers_rename_or_delete_the_platforms_own_users(client, admin):
    user = service_user(CODE_EXEC)

    assert change(client, user, username="another", first_name="Machine").status_code == 302
    assert client.post(f"{USERS}{user.pk}/delete/", {"post": "yes"}).status_code == 403

    user.refresh_from_db()
    assert (user.username, user.first_name) == (CODE_EXEC, "Machine")


@pytest.mark.parametrize("address", [f"{USERS}add/", "change"])
def test_in_the_admin_too_nobody_gets_a_name_that_is_anothers_in_another_spelling(client, admin, address):
    make_user("änne")
    learner = make_user("learner")
    new = {"username": "ÄNNE", "usable_password": "false"}

    answer = change(client, learner, username="ÄNNE") if address == "change" else client.post(address, new)

    assert answer.context["adminform"].form.errors["username"] == ["Somebody has this name already."]
    assert change(client, learner, username="LEARNER").status_code == 302


def test_an_old_name_that_clashes_may_stay_until_it_is_changed(client, admin):
    old = make_user("ada")
    User.objects.filter(pk=old.pk).update(username="ADA", folded_name=None)
    make_user("ada")
    old.refresh_from_db()

    assert change(client, old, first_name="Ada").status_code == 302
    assert change(client, old, username="grace").status_code == 302

    old.refresh_from_db()
    assert (old.first_name, old.folded_name) == ("", "grace")


def test_the_admin_remembers_who_was_blocked_and_lists_them(client, admin):
    user = make_user()
    act(client, "block", user)

    assert LogEntry.objects.get(object_id=str(user.pk)).get_change_message() == "Blocked."
    rows = client.get(f"{USERS}?is_active__exact=0").context["cl"].result_list
    assert list(rows) == [user]


# --- inviting ------------------------------------------------------------------------------------------------


def test_an_invitation_is_made_in_the_admin_and_its_link_works(client, admin, settings):
    settings.SIGNUP = "invite"
    form = {"note": "Class 9b", "uses_left": "25", "expires_at_0": "", "expires_at_1": ""}

    page = client.post("/admin/accounts/invitation/add/", form, follow=True).content.decode()

    invitation = Invitation.objects.get(note="Class 9b")
    link = f"http://127.0.0.1:8000/signup/?code={invitation.code}"
    assert link in page
    assert link in client.get(f"/admin/accounts/invitation/{invitation.pk}/change/").content.decode()
    assert f'value="{invitation.code}"' in Client().get(link).content.decode()
    assert len(invitation.code) == 32


def test_changing_an_invitation_keeps_its_link(client, admin):
    invitation = Invitation.objects.create(code="as-it-was", uses_left=1)
    form = {"note": "", "uses_left": "0", "expires_at_0": "", "expires_at_1": ""}

    client.post(f"/admin/accounts/invitation/{invitation.pk}/change/", form)

    invitation.refresh_from_db()
    assert (invitation.code, invitation.uses_left) == ("as-it-was", 0)


def test_where_invitations_are_not_looked_at_the_admin_says_so(client, admin, settings):
    settings.SIGNUP = "closed"
    form = {"note": "", "uses_left": "1", "expires_at_0": "", "expires_at_1": ""}

    page = client.post("/admin/accounts/invitation/add/", form, follow=True).content.decode()

    assert "SIGNUP is “closed”" in page


def test_authors_see_no_invitations(client):
    client.force_login(make_author())

    assert client.get("/admin/accounts/invitation/").status_code == 403
