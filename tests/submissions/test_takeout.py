"""The file with all that is kept of a learner: everything of theirs, nothing of others, of hidden cases or of keys."""

import io
import json
import stat
import zipfile

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import keys
from submissions import webhooks
from submissions.connections import redis_client
from tests import canary
from tests.asking import RUNS, SUBMISSIONS, Api
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, printed

pytestmark = pytest.mark.django_db(transaction=True)

CASES = [("1 2\n", "3\n", True), (canary.SECRET, canary.SECRET, False)]


@pytest.fixture
def learner(backends, work):
    """Who has submitted and run something; the judge's programs print their input."""
    user = make_user("ada", email="ada@example.org")
    question = make_question(cases=CASES, run_policy="run_all")
    program = {"language": "python", "source": "print('mine')"}
    with FakeJudge0(lambda source, stdin: printed(stdin, stderr=stdin)) as judge0:
        backends(judge0.url)
        api = Api(user)
        api.send(SUBMISSIONS, program | {"question": question.slug})
        api.send(RUNS, program | {"input": "my own input"})
        work()
        Api(make_user("other")).send(SUBMISSIONS, program | {"question": question.slug})
        work()
    webhooks.add(user.submissions.get(kind="graded"), "https://example.org/told")
    return user


def opened(content: bytes) -> dict[str, object]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


def downloaded(user) -> bytes:
    client = Client()
    client.force_login(user)
    answer = client.post("/account/export/")
    assert answer["Content-Type"] == "application/zip"
    assert "my-data.zip" in answer["Content-Disposition"]
    return b"".join(answer)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous:Warning")
def test_learners_get_all_of_theirs_and_nothing_that_they_may_not_see(learner):
    _, text = keys.make(user=learner, name="my laptop", scopes=["read"])
    graded, tried = learner.submissions.get(kind="graded"), learner.submissions.get(kind="run")

    content = downloaded(learner)

    files = opened(content)
    assert set(files) == {
        "account.json",
        "keys.json",
        "identities.json",
        "webhooks.json",
        "hints.json",
        f"submissions/{graded.pk}.json",
        f"runs/{tried.pk}.json",
    }
    assert (files["account.json"]["username"], files["account.json"]["email"]) == ("ada", "ada@example.org")
    assert files["keys.json"][0]["name"] == "my laptop"
    told = files[f"submissions/{graded.pk}.json"]
    assert (told["source"], told["results"][0]["output"]) == ("print('mine')", "1 2\n")
    assert "output" not in told["results"][1]
    assert files[f"runs/{tried.pk}.json"]["results"][0]["output"] == "my own input"
    assert files["webhooks.json"][0]["url"] == "https://example.org/told"
    everything = json.dumps(files).encode()
    assert canary.find(everything) == []
    assert text.encode() not in everything

    redis_client().flushall()
    assert opened(downloaded(learner))[f"runs/{tried.pk}.json"]["source"] is None


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous:Warning")
def test_how_often_is_limited(learner, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"export": "1/hour"}
    downloaded(learner)
    client = Client()
    client.force_login(learner)

    assert client.post("/account/export/").status_code == 429
    assert client.get("/account/export/")["Location"] == "/account/"


def test_operators_write_it_into_a_file_of_their_own(learner, tmp_path, capsys):
    path = tmp_path / "ada.zip"
    call_command("export_learner", "ada", str(path))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert opened(path.read_bytes())["account.json"]["username"] == "ada"
    for arguments, words in (
        (("ada", str(path)), "cannot be made"),
        (("nobody", str(tmp_path / "x")), "no user"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("export_learner", *arguments)
