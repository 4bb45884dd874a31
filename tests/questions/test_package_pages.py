"""Uploading a package in the admin: what it would change is shown first, and nothing is kept in between."""

import io
import zipfile
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from questions.models import Blob, Question
from tests.factories import make_author, make_question, make_user

pytestmark = pytest.mark.django_db

IMPORT = "/admin/questions/question/import/"
PLAIN = {"1.in": "1 2\n", "1.out": "3\n", "2.in": "4 5\n", "2.out": "9\n"}


def zipped(files: dict[str, str], name: str = "sums.zip") -> SimpleUploadedFile:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return SimpleUploadedFile(name, packed.getvalue())


@pytest.fixture
def author(client):
    user = make_author()
    client.force_login(user)
    return user


def send(client, action: str, files: dict[str, str] = PLAIN, address: str = IMPORT, **more: Any):
    return client.post(address, {"package": zipped(files), "action": action} | more)


def of(question: Question) -> str:
    return reverse("admin:questions_question_update", args=[question.pk])


def test_an_author_looks_at_what_a_package_holds_and_then_imports_it(client, author) -> None:
    """S0.13 (in part)"""
    assert IMPORT in client.get("/admin/questions/question/").content.decode()
    seen = send(client, "look")
    assert "A new question, a draft, would be made." in seen.content.decode()
    assert "Testcases: 2" in seen.content.decode()
    assert (Question.objects.count(), Blob.objects.count()) == (0, 0)

    done = send(client, "import")

    question = Question.objects.get()
    assert done["Location"] == reverse("admin:questions_question_change", args=[question.pk])
    assert (question.slug, question.state, question.author) == ("sums", "draft", author)
    assert question.testcases.count() == 2
    assert LogEntry.objects.get().get_change_message() == "Imported from sums.zip."
    assert of(question) in client.get(done["Location"]).content.decode()


def test_the_same_package_brings_its_question_up_to_date(client, author) -> None:
    send(client, "import")
    changed = PLAIN | {"2.out": "10\n", "3.in": "0 0\n", "3.out": "0\n"}
    seen = send(client, "look", changed).content.decode()
    assert "“sums” would be brought up to date." in seen
    for row in ("unchanged", "changed", "new"):
        assert f'class="change-{row}"' in seen
    send(client, "import", changed)
    assert Question.objects.get().testcases.count() == 3
    assert "is as it is in the package" in send(client, "look", changed).content.decode()


def test_only_the_testcases_of_a_question_are_replaced(client, author) -> None:
    question = make_question(title="Mine")
    seen = send(client, "look", address=of(question), only_cases="on").content.decode()
    assert seen.count('class="change-removed"') == 2
    assert "(without a name)" in seen
    send(client, "import", address=of(question), only_cases="on")
    question.refresh_from_db()
    assert (question.title, question.testcases.count()) == ("Mine", 2)
    assert LogEntry.objects.get().get_change_message() == "Brought up to date from sums.zip."


@pytest.mark.parametrize("action", ["look", "import"])
def test_what_is_wrong_with_a_package_is_told_and_nothing_changes(client, author, action) -> None:
    broken = PLAIN | {"3.in": "1 1\n"}
    assert "3.in" in send(client, action, broken).content.decode()
    assert Question.objects.count() == 0
    send(client, "import", broken, partial="on")
    assert Question.objects.get().testcases.count() == 2


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"no zip at all", "It cannot be imported."),
        (zipped({"../x.in": "1"}).read(), "It cannot be imported."),
        (zipped({"<b>.txt": "1"}).read(), "It cannot be imported."),
        (b"", "The submitted file is empty."),
    ],
)
def test_a_hostile_file_is_refused_on_the_page(client, author, data, told) -> None:
    answer = client.post(IMPORT, {"package": SimpleUploadedFile("x.zip", data), "action": "import"})
    assert answer.status_code == 200
    assert told in answer.content.decode()
    assert "<b>.txt" not in answer.content.decode()
    assert Question.objects.count() == 0


def test_pages_are_for_those_who_may_change_questions_and_forms_carry_a_token(client) -> None:
    question = make_question()
    for address in (IMPORT, of(question)):
        client.force_login(make_user())
        assert client.get(address).status_code == 302
        client.force_login(make_user(is_staff=True))
        assert (client.get(address).status_code, send(client, "import", address=address).status_code) == (
            403,
            403,
        )
        client.force_login(make_author())
        assert "csrfmiddlewaretoken" in client.get(address).content.decode()
    assert client.get(of(Question())).status_code == 404
