"""What clients may send, and what they are told where they may not: bodies, fields, metadata, callbacks."""

import io
import json
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from twisted.web.test.requesthelper import DummyChannel

from judgeplatform.bodies import BoundedRequest
from submissions.models import Submission, Webhook
from submissions.parsers import BoundedJSONParser
from submissions.serializers import TooLarge
from tests.asking import ADD, RUNS, SUBMISSIONS, Api
from tests.factories import make_question, make_user

pytestmark = pytest.mark.django_db(transaction=True)

BOTH = pytest.mark.parametrize("address", [SUBMISSIONS, RUNS])


@pytest.fixture
def client():
    return Api(make_user())


@pytest.fixture
def question():
    return make_question()


def program(question, /, **changes) -> dict:
    return {"question": question.slug, "language": "python", "source": ADD} | changes


def raw(client: Api, address: str, body: bytes, media_type: str = "application/json", **more):
    return client.post(address, body, content_type=media_type, **more)


@BOTH
def test_unknown_fields_are_refused_by_name_beside_what_else_is_wrong(client, question, address):
    """S0.12 (in part), S3.33"""
    answer = client.send(address, program(question, source=7.5, langauge="c", verdict="AC"))

    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"source", "langauge", "verdict"}
    assert answer.json()["errors"]["verdict"] == ["There is no such field."]
    mixed = client.send(address, program(question, language="cobol", verdict="AC"))
    assert set(mixed.json()["errors"]) == {"language", "verdict"}
    assert Submission.objects.count() == 0


@pytest.mark.parametrize("name", ["testCases", "test_cases"])
def test_cases_of_ones_own_never_grade(client, question, name):
    """S0.12"""
    answer = client.send(SUBMISSIONS, program(question, **{name: [{"input": "1", "expected": "1"}]}))

    assert answer.status_code == 400
    assert "question's own testcases" in answer.json()["errors"][name][0]
    assert Submission.objects.count() == 0


def test_of_very_many_unknown_fields_only_some_are_named(client, question):
    answer = client.send(RUNS, program(question) | {f"field {n}": n for n in range(5000)})

    assert answer.status_code == 400
    assert len(answer.json()["errors"]) == 10


@pytest.mark.parametrize("value", [[], ["print(1)"], [{}], 7, True, 1.5])
@pytest.mark.parametrize("name", ["language", "source", "input", "metadata", "callback_url"])
def test_a_value_of_another_type_is_400_naming_the_field(client, question, name, value):
    """S3.33"""
    answer = client.send(RUNS, program(question, **{name: value}))

    assert (answer.status_code, list(answer.json()["errors"])) == (400, [name])


# --- Metadata ----------------------------------------------------------------------------------------------------


def largest() -> dict:
    """4096 bytes of JSON."""
    return {"k": "x" * (4096 - len('{"k": ""}'))}


def nested(depth: int) -> dict:
    value: dict = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


@BOTH
@pytest.mark.parametrize(
    "metadata", [{}, None, {"exam": {"nr": 7, "ok": [True, None, 1.5]}, "ü": "☃"}, largest(), nested(20)]
)
def test_metadata_is_kept_and_told_again(client, question, address, metadata):
    """S3.51: in the answer, the status and the list."""
    taken = client.send(address, program(question, metadata=metadata))

    assert (taken.status_code, taken.json()["metadata"]) == (202, metadata)
    assert client.get(taken["Location"]).json()["metadata"] == metadata
    assert client.get(address).json()["results"][0]["metadata"] == metadata


@BOTH
@pytest.mark.parametrize(
    "metadata",
    [
        '"text"',
        "[]",
        "7",
        json.dumps({"k": "x" * (4096 - len('{"k": ""}') + 1)}),
        json.dumps({"k": "ü" * 2048}, ensure_ascii=False),
        json.dumps(nested(21)),
        '{"n": 1e999}',
        '{"n": -1e999}',
        r'{"k": "\u0000"}',
        r'{"\u0000": 1}',
        r'{"k": ["\ud800"]}',
        r'{"\udfff": 1}',
    ],
)
def test_metadata_that_could_not_be_kept_or_told_is_400(client, question, address, metadata):
    body = json.dumps(program(question))[:-1] + f', "metadata": {metadata}}}'

    answer = raw(client, address, body.encode())

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["metadata"])
    assert Submission.objects.count() == 0


# --- Callbacks ---------------------------------------------------------------------------------------------------


@BOTH
def test_a_callback_is_kept_with_what_is_taken(client, question, address):
    url = "https://lms.example.org/hooks/7?token=x"

    assert client.send(address, program(question, callback_url=url)).status_code == 202
    assert (Webhook.objects.get().url, Webhook.objects.get().submission) == (url, Submission.objects.get())


@pytest.mark.parametrize(
    "url",
    ["no url", "ftp://example.org/", "https://", "https://example.org/" + "x" * 2000, 7, ["https://x.org"]],
)
def test_a_callback_that_nobody_could_call_is_400_naming_it(client, question, url):
    answer = client.send(SUBMISSIONS, program(question, callback_url=url))

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["callback_url"])
    assert Submission.objects.count() == 0


# --- Bodies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"source": "a", "source": "b"}', "'source' stands twice"),
        (b'{"metadata": {"a": {"b": 1, "b": 2}}}', "'b' stands twice"),
        (b'{"a": ' + b"[" * 60 + b"]" * 60 + b"}", "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' * 990 + b"1" + b"}" * 990, "nested too deeply"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": -Infinity}', "Infinity is no number"),
        (b'{"n": ' + b"9" * 5000 + b"}", "JSON parse error"),
    ],
)
def test_json_that_readers_could_understand_differently_is_400(client, body, words):
    answer = raw(client, SUBMISSIONS, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")
    assert words in answer.json()["detail"]


def test_names_that_are_no_unicode_are_quoted_in_a_way_that_can_be_sent(client, question):
    body = json.dumps(program(question))[:-1] + r', "\ud800": 1}'

    answer = raw(client, SUBMISSIONS, body.encode())

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["\\ud800"])


@pytest.mark.parametrize(
    "media_type", ["text/plain", "multipart/form-data; boundary=x", "application/xml", ""]
)
def test_a_body_that_does_not_say_that_it_is_json_is_415(client, question, media_type):
    answer = raw(client, SUBMISSIONS, json.dumps(program(question)).encode(), media_type)

    assert (answer.status_code, answer["Content-Type"]) == (415, "application/problem+json")


@pytest.mark.parametrize(
    "address", [SUBMISSIONS, RUNS, f"{SUBMISSIONS}x/", "/api/execute", "/v1/submissions"]
)
def test_a_body_that_says_that_it_is_too_large_is_413_before_anybody_looks(settings, address):
    """Not even who sent it is asked, nor whether there is something at that address."""
    settings.MAX_BODY_BYTES = 1000

    answer = raw(Api(), address, b"{" + b" " * 1000)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert raw(Api(), address, b" " * 1000).status_code != 413


def test_a_body_whose_length_nobody_said_is_413_while_it_is_read(settings):
    """No more than the cap and one byte of it is taken from the connection."""
    settings.MAX_BODY_BYTES = 1000
    stream = io.BytesIO(b" " * 5000)

    with pytest.raises(TooLarge):
        BoundedJSONParser().parse(stream)
    assert stream.tell() == 1001


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_a_body_of_any_size_costs_a_running_platform_no_memory(stack, kind):
    """With its length said or not: neither daphne nor Django keeps it in mind."""
    process = Path(f"/proc/{stack.child('daphne').pid}")
    headers = {"Content-Type": kind}
    (process / "clear_refs").write_text("5")  # its peak begins anew
    before = peak_kib(process)

    whole = requests.post(f"{stack.url}{RUNS}", data=b"x" * 64 * 1024**2, headers=headers, timeout=60)
    pieces = requests.post(
        f"{stack.url}{RUNS}", data=iter([b"x" * 1024**2] * 64), headers=headers, timeout=60
    )

    for answer in (whole, pieces):
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert peak_kib(process) - before < 16 * 1024


@pytest.mark.parametrize(
    ("address", "mib"), [("/admin/login/", 9), ("/admin/%6cogin/", 9), ("/login/", 9), ("/admin/", 65)]
)
def test_a_stranger_at_the_doors_for_people_fills_no_memory_either(stack, address, mib):
    """Files of testcases may be larger than forms; what is larger than MAX_UPLOAD_BYTES is not read there either."""
    process = Path(f"/proc/{stack.child('daphne').pid}")
    (process / "clear_refs").write_text("5")
    before = peak_kib(process)

    answer = requests.post(f"{stack.url}{address}", data=b"x" * mib * 1024**2, timeout=60)

    assert answer.status_code == 413
    assert peak_kib(process) - before < 8 * 1024


def test_a_form_that_is_none_is_refused_in_our_words(stack):
    headers = {
        "Content-Type": "multipart/form-data",
        "X-Code-Exec-Key": stack.running.started()["CODE_EXEC_KEY"],
    }

    answer = requests.post(f"{stack.url}{RUNS}", data=b"{}", headers=headers, timeout=10)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_refusal_has_its_words_in_the_status_line_too(stack):
    """Twisted has none for some, such as 422 and 429."""
    headers = {"X-Code-Exec-Key": stack.running.started()["CODE_EXEC_KEY"], "Idempotency-Key": "words"}

    for source in ("print(1)", "print(2)"):
        program = {"language": "python", "source": source}
        answer = requests.post(f"{stack.url}{RUNS}", json=program, headers=headers, timeout=10)

    assert (answer.status_code, answer.reason) == (422, HTTPStatus(422).phrase)


def test_of_a_body_that_is_too_large_no_more_is_kept_than_shows_it(settings):
    """Wherever it is sent to: the address is known only after it."""
    settings.MAX_UPLOAD_BYTES = 50_000
    settings.MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    channel = DummyChannel()
    channel.factory = SimpleNamespace(server=SimpleNamespace(protocol_connected=lambda protocol: None))
    request = BoundedRequest(channel)
    request.gotLength(None)

    for _ in range(100):
        request.handleContentChunk(b"x" * 1000)

    assert request.content.seek(0, io.SEEK_END) == 51_000


def peak_kib(process: Path) -> int:
    (line,) = [one for one in (process / "status").read_text().splitlines() if one.startswith("VmHWM")]
    return int(line.split()[1])
