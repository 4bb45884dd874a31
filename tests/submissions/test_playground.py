"""The page to run code, without scripts: its form leads to the run's page, and from there back to the program."""

import re
import uuid

import pytest
from django.test import Client

from execution import skeletons
from execution.breaker import Breaker
from execution.languages import LANGUAGES
from execution.shared import Shared
from submissions import ephemeral
from submissions.connections import redis_client
from submissions.models import Submission
from tests.factories import make_question, make_user

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/run/"
REVERSE = "print(input()[::-1])\n"


@pytest.fixture
def learner():
    return make_user()


@pytest.fixture
def client(learner):
    client = Client()
    client.force_login(learner)
    return client


def send(client: Client, **changes: str):
    return client.post(PAGE, {"language": "python", "source": REVERSE, "input": "abc\n"} | changes)


def test_the_form_makes_one_run_without_a_question_and_leads_to_its_page(client, learner):
    """S4.18, S4.21: with the token of the rendered page; neither program nor input is in the row."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(learner)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(PAGE).content.decode())
    assert token

    refused = send(browser)
    answer = send(browser, csrfmiddlewaretoken=token[1], source=REVERSE.replace("\n", "\r\n"))

    (run,) = Submission.objects.all()
    assert refused.status_code == 403
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/submissions/{run.pk}/")
    assert (run.user, run.kind, run.question, run.source) == (learner, "run", None, "")
    kept = ephemeral.load(run.pk)
    assert kept is not None
    assert (kept.source.decode(), [one.input for one in kept.trial.cases]) == (REVERSE, [b"abc\n"])


def test_one_begins_with_a_skeleton_of_the_language(client):
    page = client.get(PAGE)

    assert page.context["draft"].source == skeletons.PYTHON
    begins = {slug: it["starter"] for slug, it in page.context["page_data"]["languages"].items()}
    assert begins == {one.slug: one.skeleton for one in LANGUAGES}


def test_one_signs_in_before_one_runs_anything(client):
    anonymous = Client()

    for answer in (anonymous.get(PAGE), send(anonymous)):
        assert (answer.status_code, answer.headers["Location"]) == (302, "/login/?next=/run/")
    assert not Submission.objects.exists()
    assert b'href="/run/"' in client.get("/questions/").content
    assert b'href="/run/"' not in anonymous.get("/questions/").content


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"source": " \n"}, 400, "The program is empty."),
        ({"language": "cobol"}, 400, "Unknown language"),
        ({"source": "x\0y"}, 400, "Null characters are not allowed."),
        ({"source": "x" * 65537}, 413, "65537 bytes are too many"),
        ({"input": "1" * 65537}, 413, "65537 bytes are too many"),
    ],
)
def test_what_is_wrong_is_told_on_the_page_and_nothing_typed_is_lost(client, changes, status, text):
    answer = send(client, **changes)

    assert answer.status_code == status
    assert text in answer.content.decode()
    sent = {"source": REVERSE, "input": "abc\n"} | changes
    draft = answer.context["draft"]
    assert (draft.source, draft.own_input) == (sent["source"], sent["input"])
    assert answer.context["page_data"]["given"]
    assert not Submission.objects.exists()


def test_too_many_runs_are_told_when_the_next_is_possible(client, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"run": "1/minute"}
    send(client)

    answer = send(client)

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.context["page_data"]["retryAfter"] == int(answer.headers["Retry-After"])
    assert b"You have sent many programs in a short time." in answer.content


def test_while_no_server_runs_anything_one_is_told_so_at_once(client, settings):
    breaker = Breaker(Shared(redis_client()), settings.JUDGE0_URLS[0])
    for _ in range(settings.JUDGE0_BREAKER_FAILURES):
        breaker.failed()

    answer = send(client)

    assert (answer.status_code, answer.context["draft"].source) == (502, REVERSE)
    assert int(answer.headers["Retry-After"]) > 0


def test_from_the_page_of_a_run_one_comes_back_to_its_program_and_input(client, learner):
    run_page = send(client, language="cpp", source="int main() {}\n").headers["Location"]
    run = Submission.objects.get()
    back = f"{PAGE}?from={run.pk}"

    assert back.encode() in client.get(run_page).content
    answer = client.get(back)
    draft = answer.context["draft"]
    assert (draft.source, draft.own_input) == ("int main() {}\n", "abc\n")
    assert b'<option value="cpp" selected>' in answer.content
    assert answer.context["page_data"]["given"]

    stranger = Client()
    stranger.force_login(make_user())
    assert stranger.get(back).status_code == 404
    ephemeral.forget(run.pk)
    assert client.get(back).status_code == 404
    assert back.encode() not in client.get(run_page).content
    assert client.get(f"{PAGE}?from={uuid.uuid4()}").status_code == 404


def test_the_page_goes_on_with_ones_latest_run_outside_any_question(client, learner):
    assert client.get(PAGE).context["page_data"]["resume"] is None
    client.post(f"/questions/{make_question().slug}/", {"action": "run", "language": "c", "source": "x"})
    assert client.get(PAGE).context["page_data"]["resume"] is None

    send(client)

    run = Submission.objects.get(question=None)
    assert client.get(PAGE).context["page_data"]["resume"] == {
        "id": str(run.pk),
        "seq": run.seq,
        "final": False,
    }
