"""Every error below `/api/` and `/v1/` is a problem document, whoever answers it; pages have pages."""

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from accounts.throttles import ApiView
from judgeplatform import urls
from tests.asking import RUNS, SUBMISSIONS, V1, Api
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def is_problem(answer, status: int, code: str) -> bool:
    told = answer.json()
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code), told
    return {"type", "title", "detail"} <= set(told)


@pytest.fixture
def client():
    return Api(make_user())


def test_who_shows_no_credential_is_401_with_what_to_show():
    answer = Api().get(SUBMISSIONS)

    assert is_problem(answer, 401, "not_authenticated")
    assert answer["WWW-Authenticate"].startswith("Api-Key")


@pytest.mark.parametrize("method", ["put", "patch", "delete", "trace"])
@pytest.mark.parametrize("address", [SUBMISSIONS, RUNS, f"{V1}languages/", f"{V1}questions/"])
def test_another_method_is_405(client, address, method):
    answer = client.generic(method.upper(), address)

    assert is_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer["Allow"]


def test_an_answer_that_is_wanted_as_something_else_is_406(client):
    assert is_problem(client.get(SUBMISSIONS, headers={"Accept": "text/html"}), 406, "not_acceptable")


@pytest.mark.parametrize("address", ["/api/", f"{V1}nowhere/", "/v1/nowhere", "/api/nowhere/x"])
def test_an_address_where_there_is_nothing_is_404(client, address):
    assert is_problem(client.get(address), 404, "not_found")


@pytest.mark.parametrize(
    ("address", "lacks_a_slash"),
    [
        (f"{V1}submissions", True),
        (f"{V1}languages", True),
        (f"{V1}nowhere", False),
        (f"{V1}submissions/abc/", False),
        (f"{V1}runs/abc/cancel/", False),
    ],
)
def test_a_slash_is_asked_for_where_one_would_help(client, address, lacks_a_slash):
    answer = client.get(address)

    assert is_problem(answer, 404, "not_found")
    assert ("end with a slash" in answer.json()["detail"]) is lacks_a_slash


def test_the_root_of_the_api_leads_everybody_to_what_is_there():
    links = Api().get(V1).json()

    assert {"questions", "submissions", "runs", "languages", "limits", "docs", "schema"} == set(links)
    assert {name: Api().get(link).status_code for name, link in links.items()} == {
        **dict.fromkeys(links, 401),
        "docs": 200,
        "schema": 200,
    }
    assert is_problem(Api().post(V1), 405, "method_not_allowed")


def test_a_request_that_django_itself_refuses_is_400(client):
    assert is_problem(client.get(SUBMISSIONS, headers={"Host": "evil example"}), 400, "bad_request")
    odd = client.generic("POST", SUBMISSIONS, b"x", "application/json; charset=zlib")
    assert is_problem(odd, 400, "bad_request")


class Broken(ApiView):
    authentication_classes = ()
    permission_classes = ()

    def get(self, request):
        raise ZeroDivisionError("password=hunter2")


def broken_page(request) -> HttpResponse:
    raise ZeroDivisionError("password=hunter2")


urlpatterns = [
    path("api/broken/", Broken.as_view()),
    path("v1/broken/", broken_page),
]
handler500 = urls.handler500


@pytest.mark.urls(__name__)
def test_a_fault_of_ours_is_500_without_its_details(client):
    for address in ("/api/broken/", "/v1/broken/"):
        answer = client.get(address)
        assert is_problem(answer, 500, "internal")
        assert b"hunter2" not in answer.content


def test_who_has_signed_in_finds_their_menu_where_there_is_nothing():
    user, browser = make_user(), Client()
    assert user.username not in browser.get("/nowhere/").content.decode()
    browser.force_login(user)

    page = browser.get("/nowhere/")

    assert page.status_code == 404
    assert user.username in page.content.decode()
    assert "Sign out" in page.content.decode()


def test_pages_keep_their_pages():
    browser = Client()

    assert browser.get("/nowhere/")["Content-Type"].startswith("text/html")
    assert browser.get("/", headers={"Host": "evil example"})["Content-Type"].startswith("text/html")
