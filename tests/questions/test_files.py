"""Pictures and attachments of a question: who gets them, and that nothing else of a package has an address."""

import pytest
from django.test import Client
from django.urls import reverse

from questions.models import Blob, Question, QuestionFile
from tests import canary
from tests.factories import make_author, make_question

pytestmark = pytest.mark.django_db

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def add(question: Question, kind: str, path: str, data: bytes = b"data") -> QuestionFile:
    return question.files.create(kind=kind, path=path, blob=Blob.store(data))


def address(question: Question, kind: str, path: str) -> str:
    return reverse(f"question-{kind}", args=[question.pk, path])


def test_a_picture_of_the_statement_is_shown_with_its_type(client) -> None:
    question = make_question(statement="![A graph](./figures/a%20graph.png) <img src='tree.svg'>")
    add(question, "picture", "figures/a graph.png", b"picture")
    prefix = f"/questions/{question.pk}/pictures"
    assert f'src="{prefix}/figures/a%20graph.png"' in question.statement_html
    assert f'src="{prefix}/tree.svg"' in question.statement_html

    answer = client.get(f"{prefix}/figures/a%20graph.png")

    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"picture", "image/png")
    assert "Content-Disposition" not in answer


def test_a_picture_runs_no_script_even_when_it_is_opened_by_itself(client) -> None:
    question = make_question()
    add(question, "picture", "x.svg", SVG)
    answer = client.get(address(question, "picture", "x.svg"))
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert answer["X-Content-Type-Options"] == "nosniff"
    unchanged = client.get(address(question, "picture", "x.svg"), headers={"If-None-Match": answer["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged["Content-Security-Policy"] == answer["Content-Security-Policy"]
    assert unchanged["Content-Type"] == "image/svg+xml"


@pytest.mark.parametrize("name", ["page.html", "x.png", 'öä ü".txt', "no-ending", "a/b.pdf"])
def test_an_attachment_is_a_download_whatever_it_is_called(client, name) -> None:
    question = make_question()
    add(question, "attachment", name, b"<script>")
    answer = client.get(address(question, "attachment", name))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/octet-stream")
    assert answer["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
    assert '"' not in answer["Content-Disposition"]


def test_a_picture_of_a_type_that_is_not_on_the_list_is_a_download(client) -> None:
    question = make_question()
    add(question, "picture", "figure.html", b"<script>")
    answer = client.get(address(question, "picture", "figure.html"))
    assert answer["Content-Type"] == "application/octet-stream"
    assert "attachment" in answer["Content-Disposition"]


@pytest.mark.parametrize("kind", ["picture", "attachment"])
def test_a_file_is_seen_by_who_sees_its_question(client, kind) -> None:
    draft = make_question(state=Question.State.DRAFT)
    add(draft, kind, "x.png")
    author = Client()
    author.force_login(make_author())
    where = address(draft, kind, "x.png")
    assert (client.get(where).status_code, author.get(where).status_code) == (404, 200)
    draft.state = Question.State.ARCHIVED
    draft.save()
    assert (client.get(where).status_code, author.get(where).status_code) == (404, 404)


def test_what_is_neither_picture_nor_attachment_has_no_address_and_is_not_named_anywhere() -> None:
    """Checkers and what is kept of a package may hold hidden data: for nobody, not even by the right path."""
    question = make_question(statement="![x](graph.png)")
    for kind in ("checker", "kept"):
        add(question, kind, "graph.png", canary.SECRET.encode())
        add(question, kind, f"{canary.CORE.decode()}.png", canary.SECRET.encode())
    for user in (None, make_author()):
        visitor = Client()
        if user:
            visitor.force_login(user)
        for kind in ("picture", "attachment"):
            for path in (
                "graph.png",
                f"{canary.CORE.decode()}.png",
                "../checker/graph.png",
                "kept/graph.png",
            ):
                answer = visitor.get(address(question, kind, path))
                assert answer.status_code == 404
                assert canary.find(answer.content.replace(path.encode(), b"")) == []
        for page in (question.get_absolute_url(), f"/api/v1/questions/{question.slug}/"):
            assert canary.find(visitor.get(page).content) == []


def test_the_solve_page_tells_attachments_source_licence_and_authors(client) -> None:
    question = make_question(
        source="NCPC 2024", source_url="https://example.org/ncpc", licence="cc by-sa", credits="Ada <b>"
    )
    add(question, "attachment", "tools/try.py", b"x" * 2000)
    page = client.get(question.get_absolute_url()).content.decode()
    assert f'href="{address(question, "attachment", "tools/try.py")}"' in page
    assert "2.0" in page
    assert '<a href="https://example.org/ncpc" rel="noreferrer">NCPC 2024</a>' in page
    assert "cc by-sa" in page
    assert "Ada &lt;b&gt;" in page


def test_a_question_without_any_of_that_tells_nothing_of_it(client) -> None:
    page = client.get(make_question().get_absolute_url()).content.decode()
    assert "about-question" not in page


def test_the_preview_of_a_statement_shows_its_pictures(client) -> None:
    question = make_question(state=Question.State.DRAFT)
    client.force_login(make_author())
    page = client.get(reverse("admin:questions_question_change", args=[question.pk])).content.decode()
    where = f"{reverse('admin:questions_question_preview')}?question={question.pk}"
    assert f'data-preview="{where}"' in page
    told = client.post(where, {"statement": "![x](graph.png)"}).json()
    assert f'src="{address(question, "picture", "graph.png")}"' in told["html"]
    assert client.post(f"{where}x", {"statement": "x"}).status_code == 200
