"""Webhooks: each end is told once, signed, again where nobody listened, and never to a private address."""

import datetime
import hashlib
import hmac
import ipaddress
import json
import logging
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import certifi
import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings as configured
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from rest_framework.exceptions import ValidationError

from accounts import webhook_secrets
from execution import languages
from judgeplatform.configuration import Configuration
from judgeplatform.stack import free_port
from submissions import disclosure, judging, lifecycle, webhooks
from submissions.addresses import NotAllowed, addresses_of, receiver_of
from submissions.models import Submission, Webhook
from submissions.webhooks import Deliveries, check_url
from tests import canary
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, printed
from tests.receivers import HANG, Call, Receiver

pytestmark = pytest.mark.django_db(transaction=True)

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")]
SECONDS = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings):
    settings.WEBHOOK_ALLOWED_NETWORKS = LOOPBACK


@pytest.fixture
def judge0(backends):
    """A judge where every program prints 3 and a secret."""
    with FakeJudge0(lambda source, stdin: printed(b"3\n", stderr=canary.SECRET.encode())) as fake:
        backends(fake.url)
        yield fake


def submitted(url: str, *, user=None, question=None, **fields) -> Submission:
    """A program that waits, and whom to tell of its end."""
    submission = judging.submit(
        user=user or make_user(),
        question=question or make_question(cases=[("1 2\n", "3\n", True), ("2 2\n", "4\n", False)]),
        language=languages.get("python"),
        source="print(3)",
        **fields,
    )
    webhooks.add(submission, url)
    return submission


def ended(url: str, **fields) -> Submission:
    """The quickest end: taken back by its owner."""
    submission = submitted(url, **fields)
    lifecycle.cancel(submission)
    return submission


def judged(url: str, **fields) -> Submission:
    submission = submitted(url, **fields)
    judging.judge_submission(str(submission.pk))
    return submission


def deliver(deliveries: Deliveries | None = None) -> None:
    """A worker's look at what is due, and all that comes of it."""
    (deliveries or Deliveries()).look()
    for thread in threading.enumerate():
        if thread.name == "webhook":
            thread.join()


def let_time_pass() -> None:
    """Until the next try of all that wait for one."""
    Webhook.objects.filter(next_try_at__isnull=False).update(next_try_at=Now())


def webhook() -> Webhook:
    return Webhook.objects.get()


def until_next_try() -> timedelta:
    """By the database's clock."""
    row = Webhook.objects.annotate(now=Now()).get()
    assert row.next_try_at is not None
    return row.next_try_at - row.now


def is_signed(call: Call, secret: str) -> bool:
    """As docs/webhooks.md says, by code of its own."""
    signed = call.headers["X-Judge-Timestamp"].encode() + b"." + call.body
    expected = "v1=" + hmac.digest(secret.encode(), signed, "sha256").hex()
    return expected == call.headers["X-Judge-Signature"]


# --- What is told --------------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_the_end_is_told_signed_with_the_users_secret(judge0):
    """S2.3"""
    user = make_user()
    with Receiver() as receiver:
        submission = judged(receiver.url + "?job=1", user=user, metadata={"attempt": 7})
        deliver()

    (call,) = receiver.calls
    assert (call.method, call.target) == ("POST", "/told?job=1")
    assert is_signed(call, webhook_secrets.secret_of(user))
    assert not is_signed(call, webhook_secrets.secret_of(make_user()))
    assert abs(int(call.headers["X-Judge-Timestamp"]) - time.time()) < 60
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["Host"] == f"127.0.0.1:{receiver.port}"

    told = json.loads(call.body)
    assert told["type"] == "submission.final"
    assert told["id"] == call.headers["X-Judge-Delivery"]
    about = told["submission"]
    assert (about["id"], about["status"], about["verdict"]) == (str(submission.pk), "done", "WA")
    assert (about["final"], about["metadata"]) == (True, {"attempt": 7})
    assert [case["verdict"] for case in about["results"]] == ["AC", "WA"]
    row = webhook()
    assert (row.state, row.attempts, row.last_status, row.last_error) == ("delivered", 1, 204, "")


def test_no_text_is_told_not_even_of_public_cases(judge0):
    secret = canary.SECRET
    question = make_question(cases=[(secret, secret, True), (secret, secret, False)])
    with Receiver() as receiver:
        submission = judged(receiver.url, question=question)
        deliver()

    (call,) = receiver.calls
    assert canary.find(call.body) == []
    assert canary.find(json.dumps(call.headers).encode()) == []
    told = json.loads(call.body)["submission"]
    submission = Submission.objects.get(pk=submission.pk)
    results = told.pop("results")
    assert told == json.loads(json.dumps(disclosure.summary(submission), default=_as_drf_does))
    assert results == [disclosure.case(one, submission) for one in submission.case_results.all()]


def _as_drf_does(moment: datetime.datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def test_a_submission_that_was_cancelled_is_told_too():
    with Receiver() as receiver:
        ended(receiver.url)
        deliver()

    told = json.loads(receiver.calls[0].body)["submission"]
    assert (told["status"], told["reason"], told["results"]) == ("error", "cancelled", [])


def test_an_error_of_ours_is_told_too(judge0):
    judge0.fail("400", method="POST")
    with Receiver() as receiver:
        judged(receiver.url)
        deliver()

    told = json.loads(receiver.calls[0].body)["submission"]
    assert (told["status"], told["outcome"], told["retryable"]) == ("error", "error", True)


def test_a_runs_end_is_told_too():
    """Whatever it was: this one's program is no longer kept."""
    with Receiver() as receiver:
        run = lifecycle.create(kind="run", user=make_user(), question=None, language="python", source_bytes=8)
        webhooks.add(run, receiver.url)
        judging.judge_submission(str(run.pk))
        deliver()

    told = json.loads(receiver.calls[0].body)["submission"]
    assert (told["kind"], told["question"], told["reason"]) == ("run", None, "expired")


def test_before_the_end_nothing_is_told():
    with Receiver() as receiver:
        submission = submitted(receiver.url)
        deliver()
        assert receiver.calls == []

        lifecycle.cancel(submission)
        deliver()
        assert len(receiver.calls) == 1


def test_another_secret_counts_from_the_next_try_on():
    user = make_user()
    first = webhook_secrets.secret_of(user)
    with Receiver(statuses=[500]) as receiver:
        ended(receiver.url, user=user)
        deliver()
        webhook_secrets.renew(user)
        let_time_pass()
        deliver()

    before, after = receiver.calls
    assert is_signed(before, first)
    assert is_signed(after, webhook_secrets.secret_of(user))
    assert not is_signed(after, first)


# --- Once, and again -----------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_two_workers_tell_each_end_once():
    """S2.3"""
    user = make_user()
    question = make_question()
    with Receiver() as receiver:
        expected = {str(ended(receiver.url, user=user, question=question).pk) for _ in range(12)}
        workers = [threading.Thread(target=_look) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        deliver()
        let_time_pass()
        deliver()

    told = [json.loads(call.body)["submission"]["id"] for call in receiver.calls]
    assert len(told) == 12
    assert set(told) == expected


def _look() -> None:
    try:
        Deliveries().look()
    finally:
        connection.close()


@pytest.mark.both_databases
def test_a_receiver_that_fails_then_hangs_is_called_until_it_takes_it(monkeypatch):
    """S2.3"""
    monkeypatch.setattr(webhooks, "PATIENCE", urllib3.Timeout(connect=1, read=0.1))
    with Receiver(statuses=[500, HANG]) as receiver:
        ended(receiver.url)

        deliver()
        row = webhook()
        assert (row.attempts, row.last_status, row.last_error) == (1, 500, "It answered with 500.")
        assert timedelta(0) < until_next_try() <= 5 * SECONDS
        deliver()
        assert len(receiver.calls) == 1  # not yet

        let_time_pass()
        deliver()
        row = webhook()
        assert (row.attempts, row.last_status, row.last_error) == (2, None, "It did not answer in time.")
        assert 5 * SECONDS < until_next_try() <= 30 * SECONDS

        let_time_pass()
        deliver()
        assert (webhook().state, webhook().attempts) == ("delivered", 3)

    assert len({call.headers["X-Judge-Delivery"] for call in receiver.calls}) == 1


def test_after_a_day_it_is_given_up_and_the_log_says_so_without_the_url(caplog):
    with Receiver(statuses=[503] * 20) as receiver:
        submission = ended(receiver.url + "?token=secret-of-theirs")
        waits = []
        for _ in range(webhooks.MOST_TRIES):
            deliver()
            if webhook().next_try_at:
                waits.append(round(until_next_try().total_seconds()))
            let_time_pass()
        deliver()

    assert len(receiver.calls) == webhooks.MOST_TRIES == 8
    assert waits == [5, 30, 120, 600, 3600, 10800, 21600]
    assert webhook().state == "given_up"
    (said,) = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert str(submission.pk) in said
    assert "503" in said
    assert f"http://127.0.0.1:{receiver.port}" in said


def test_neither_urls_nor_secrets_nor_bodies_reach_a_log(caplog):
    """At the loudest level, of urllib3 as well."""
    user = make_user()
    with Receiver(statuses=[500]) as receiver:
        ended(receiver.url + "?token=secret-of-theirs", user=user, metadata={"note": "theirs alone"})
        deliver()
        let_time_pass()
        deliver()
        assert len(receiver.calls) == 2

    said = "\n".join(one.getMessage() for one in caplog.records)
    assert "secret-of-theirs" not in said
    assert "/told" not in said
    assert "theirs alone" not in said
    assert webhook_secrets.secret_of(user) not in said
    assert receiver.calls[0].headers["X-Judge-Signature"].removeprefix("v1=") not in said
    assert configured.LOGGING["loggers"]["urllib3"]["level"] == "INFO"


def test_what_a_dead_worker_had_claimed_is_told_by_another_within_a_minute():
    with Receiver() as receiver:
        ended(receiver.url)
        assert webhooks.claim(webhook()) is not None  # and that was the last of it
        deliver()
        assert receiver.calls == []
        assert timedelta(0) < until_next_try() <= 60 * SECONDS

        let_time_pass()
        deliver()

    assert (len(receiver.calls), webhook().state, webhook().attempts) == (1, "delivered", 2)


def test_a_try_that_is_never_noted_counts():
    """So that nothing kills one worker after the other for ever."""
    ended("http://127.0.0.1:8000/")
    Webhook.objects.update(attempts=webhooks.MOST_TRIES - 1)
    assert webhooks.claim(webhook()) is not None
    assert webhook().state == "given_up"


def test_a_receiver_that_hangs_holds_up_no_other(monkeypatch):
    monkeypatch.setattr(webhooks, "MOST_AT_ONCE", 6)
    question = make_question()
    deliveries = Deliveries()
    with Receiver() as good, Receiver(statuses=[HANG] * 10) as bad:
        for _ in range(10):
            ended(bad.url, question=question)
        for _ in range(10):
            ended(good.url, question=question)
        deliveries.look()
        _await(lambda: len(good.calls) == 10 and len(bad.calls) >= webhooks.MOST_TO_A_RECEIVER)
        assert len(bad.calls) == webhooks.MOST_TO_A_RECEIVER
    deliver()


def test_a_receiver_that_hangs_holds_up_none_whose_name_begins_alike(monkeypatch):
    each_hangs = [HANG] * webhooks.MOST_TO_A_RECEIVER
    answers(monkeypatch, ["127.0.0.1"])
    question, deliveries = make_question(), Deliveries()
    with Receiver(statuses=each_hangs) as bad, Receiver() as good:
        for _ in each_hangs:
            ended(f"http://hooks.example:{bad.port}/", question=question)
        deliveries.look()
        _await(lambda: len(bad.calls) == webhooks.MOST_TO_A_RECEIVER)
        alike = submitted(f"http://hooks.example:{good.port}/", question=question)
        Webhook.objects.filter(submission=alike).update(origin=f"http://hooks.example:{bad.port}0")
        lifecycle.cancel(alike)
        deliveries.look()
        _await(lambda: len(good.calls) == 1)
    deliver()


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example:80/a",
        "HTTP://HOOKS.EXAMPLE/b?c",
        "http://hooks.example.",
        "http://hooks.example#d",
    ],
)
def test_a_receiver_is_the_same_however_it_is_written(url):
    assert receiver_of(url).origin == receiver_of("http://hooks.example/").origin == "http://hooks.example"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://127.1:8000/", "http://127.0.0.1:8000"),
        ("http://[::0:1]:8000/", "http://[::1]:8000"),
        ("https://hooks.example/", "https://hooks.example"),
        ("https://hooks.example:80/", "https://hooks.example:80"),
    ],
)
def test_what_a_receiver_is_called(url, origin):
    assert receiver_of(url).origin == origin


def test_a_fault_of_ours_is_logged_without_the_url_and_holds_up_no_other(monkeypatch, caplog):
    secret, ask = "secret-of-theirs", socket.getaddrinfo

    def resolver(host, *args, **kwargs):
        if host == "receiver.example":
            raise RuntimeError(secret)
        return ask(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with Receiver() as receiver:
        first = ended("http://receiver.example/")
        ended(receiver.url)
        deliver()

        assert len(receiver.calls) == 1
    (said,) = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert "RuntimeError" in said
    assert "addresses_of" in said
    assert secret not in said
    row = Webhook.objects.get(submission=first)
    assert (row.attempts, row.state) == (1, "waiting")


def test_a_user_whose_receivers_all_hang_holds_up_no_other(monkeypatch):
    monkeypatch.setattr(webhooks, "MOST_AT_ONCE", webhooks.MOST_FOR_A_USER + 1)
    question, user = make_question(), make_user()
    deliveries = Deliveries()
    with ExitStack() as open_until_the_end:
        bad = [
            open_until_the_end.enter_context(Receiver(statuses=[HANG]))
            for _ in range(webhooks.MOST_FOR_A_USER + 2)
        ]
        good = open_until_the_end.enter_context(Receiver())
        for receiver in bad:
            ended(receiver.url, question=question, user=user)
        ended(good.url, question=question)
        deliveries.look()
        _await(lambda: good.calls and sum(len(one.calls) for one in bad) >= webhooks.MOST_FOR_A_USER)
        assert sum(len(one.calls) for one in bad) == webhooks.MOST_FOR_A_USER
    deliver()


def _await(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_long_answer_is_not_read_to_its_end_and_counts():
    with Receiver(statuses=[200], answer=b"x" * 50_000_000) as receiver:
        ended(receiver.url)
        deliver()
        assert webhook().state == "delivered"
        _await(lambda: receiver.answered == [False])


def test_one_that_nobody_listens_for_is_tried_later():
    with Receiver() as receiver:
        url = receiver.url
    ended(url)
    deliver()
    assert (webhook().state, webhook().last_error) == ("waiting", "It cannot be connected to.")


def test_while_nothing_is_due_a_look_costs_one_query(django_assert_num_queries):
    submitted("http://127.0.0.1:1024/")
    with django_assert_num_queries(1):
        Deliveries().look()


def test_a_worker_looks_once_a_second():
    from submissions.worker import housekeeping, make_worker

    rounds = [
        one for thread in housekeeping(make_worker("default", 1)) for one in getattr(thread, "_rounds", ())
    ]
    (found,) = [one for one in rounds if one.name == "webhooks"]
    assert found.every_s == 1.0
    with Receiver() as receiver:
        ended(receiver.url)
        found.step()
        deliver()
    assert len(receiver.calls) == 1


# --- Whom it may call ----------------------------------------------------------------------------------------

PRIVATE = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://0/",
    "http://10.0.0.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://168.63.129.16/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://192.0.0.192/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[::]/",
    "http://[::1]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:8.8.8.8]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::1]/",
    "http://[2001::1]/",
    "http://[2001:db8::1]/",
    "http://[2002:7f00:1::]/",
    "http://[3fff::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[ff02::1]/",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_an_address_that_is_not_public_is_refused_however_it_is_written(settings, url):
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    with pytest.raises(ValidationError, match="not public"):
        check_url(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "begin with http"),
        ("example.org/x", "begin with http"),
        ("//example.org/x", "begin with http"),
        ("ftp://example.org/", "begin with http"),
        ("file:///etc/passwd", "begin with http"),
        ("http:///x", "no host"),
        ("http:example.org", "no host"),
        ("http://[fe80::1%25eth0]/", "no host"),
        ("https://user:password@example.org/", "user name"),
        ("https://user@example.org/", "user name"),
        ("https://example.org:22/", "port"),
        ("https://example.org:0/", "port"),
        ("https://example.org:70000/", "not a URL"),
        ("https://exa mple.org/", "blanks"),
        ("https://example.org/\r\nX-Other: 1", "blanks"),
        ("https://example.org/\0", "blanks"),
        ("https://example.org/" + 2000 * "x", "2000"),
    ],
)
def test_a_url_that_makes_no_webhook_is_refused_in_words(url, why):
    with pytest.raises(ValidationError, match=why):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "http://example.org:8080/told?by=judge#part",
        "HTTPS://Example.ORG:443/",
        "https://bücher.example/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]:8443/x",
    ],
)
def test_a_public_one_is_taken(settings, url):
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    check_url(url)


def test_a_name_that_leads_to_a_private_address_is_not_called(settings):
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    with Receiver() as receiver:
        ended(receiver.url.replace("127.0.0.1", "localhost"))
        deliver()
    assert receiver.calls == []
    assert (webhook().last_status, webhook().last_error) == (
        None, "Its host's name leads to no public address.",
    )  # fmt: skip


def test_an_address_that_is_no_longer_allowed_is_not_called(settings):
    with Receiver() as receiver:
        ended(receiver.url)
        settings.WEBHOOK_ALLOWED_NETWORKS = []
        deliver()
    assert receiver.calls == []
    assert webhook().last_error == "It names an address that is not public."


def test_a_name_of_which_one_address_is_private_is_not_called_at_all(monkeypatch):
    answers(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(NotAllowed):
        addresses_of(receiver_of("http://receiver.example/"))


def test_it_connects_to_the_address_that_was_checked_and_asks_for_the_name_once(monkeypatch):
    """A name server that answers something else the second time gains nothing."""
    with Receiver() as receiver:
        asked = answers(monkeypatch, ["127.0.0.1"])
        ended(f"http://receiver.example:{receiver.port}/told")
        deliver()
    (call,) = receiver.calls
    assert call.headers["Host"] == f"receiver.example:{receiver.port}"
    assert asked == ["receiver.example"]


def answers(monkeypatch, found: list[str]) -> list[str]:
    """The system's resolver finds these for any name of `.example`; the names it was asked for."""
    asked: list[str] = []
    ask = socket.getaddrinfo

    def resolver(host, port, *args, **kwargs):
        if not str(host).endswith(".example"):
            return ask(host, port, *args, **kwargs)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return asked


def test_a_second_address_is_tried_where_the_first_cannot_be_connected_to(monkeypatch):
    with Receiver() as receiver:
        answers(monkeypatch, ["127.0.0.2", "127.0.0.1"])
        ended(f"http://receiver.example:{receiver.port}/told")
        deliver()
    assert len(receiver.calls) == 1
    assert webhook().state == "delivered"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status):
    with Receiver() as elsewhere, Receiver(statuses=[status], location=elsewhere.url) as receiver:
        ended(receiver.url)
        deliver()
    assert (len(receiver.calls), elsewhere.calls) == (1, [])
    assert (webhook().state, webhook().last_status) == ("waiting", status)


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    with Receiver() as proxy, Receiver() as receiver:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        ended(receiver.url)
        deliver()
    assert (len(receiver.calls), proxy.calls) == (1, [])


def test_networks_that_are_none_are_refused_by_name():
    def networks(given: str) -> list[str]:
        read = Configuration({"WEBHOOK_ALLOWED_NETWORKS": given})
        return [str(one) for one in read.networks("WEBHOOK_ALLOWED_NETWORKS", "where webhooks go")]

    assert networks("10.0.0.0/8, fd00::/8") == ["10.0.0.0/8", "fd00::/8"]
    with pytest.raises(ImproperlyConfigured, match="WEBHOOK_ALLOWED_NETWORKS"):
        networks("10.0.0.1/8")


# --- TLS -----------------------------------------------------------------------------------------------------


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """A certificate for the name receiver.example, and an authority that is trusted for the test."""
    path = tmp_path / "receiver.pem"
    path.write_bytes(_certificate("receiver.example"))
    monkeypatch.setattr(certifi, "where", lambda: str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def _certificate(name: str) -> bytes:
    """Its own authority; the key first."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def test_over_https_the_certificate_must_be_for_the_name_although_an_address_is_connected_to(
    trusted, monkeypatch
):
    answers(monkeypatch, ["127.0.0.1"])
    with Receiver(tls=trusted) as receiver:
        ended(f"https://receiver.example:{receiver.port}/told")
        deliver()
        assert webhook().state == "delivered"

        other = ended(f"https://other.example:{receiver.port}/told")
        deliver()
    assert len(receiver.calls) == 1
    assert other.webhook.state == "waiting"
    assert "No trusted connection" in Webhook.objects.get(submission=other).last_error


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(trusted, monkeypatch):
    monkeypatch.undo()
    answers(monkeypatch, ["127.0.0.1"])
    with Receiver(tls=trusted) as receiver:
        ended(f"https://receiver.example:{receiver.port}/told")
        deliver()
    assert receiver.calls == []
    assert "No trusted connection" in webhook().last_error


# --- What owners and staff see -------------------------------------------------------------------------------


@pytest.fixture
def learner():
    return make_user()


@pytest.fixture
def client(learner):
    client = Client()
    client.force_login(learner)
    return client


def test_a_client_names_whom_to_tell_when_it_sends_a_program(client, learner, judge0):
    """S2.3: from the request to the call."""
    program = {"question": make_question().slug, "language": "python", "source": "print(3)"}
    with Receiver() as receiver:
        taken = _sent(client, program | {"callback_url": receiver.url})
        judging.judge_submission(taken.json()["id"])
        deliver()

    assert taken.status_code == 202
    (call,) = receiver.calls
    assert json.loads(call.body)["submission"]["id"] == taken.json()["id"]
    assert is_signed(call, webhook_secrets.secret_of(learner))

    refused = _sent(client, program | {"callback_url": "http://10.0.0.1/"})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["callback_url"])


def _sent(client: Client, program: dict):
    return client.post("/api/v1/submissions/", json.dumps(program), content_type="application/json")


def test_owners_see_what_became_of_theirs_newest_first_and_of_no_others(client, learner):
    nobody = f"http://127.0.0.1:{free_port()}"
    ended(f"{nobody}/a?token=secret", user=learner)
    last = ended(f"{nobody}/b", user=learner)
    ended(f"{nobody}/c")
    deliver()

    found = client.get("/api/v1/webhooks/").json()["results"]
    assert [one["url"] for one in found] == [f"{nobody}/b", f"{nobody}/a"]
    assert found[0] | {"created_at": 0, "next_try_at": 0} == {
        "submission": str(last.pk),
        "url": f"{nobody}/b",
        "state": "waiting",
        "attempts": 1,
        "last_status": None,
        "last_error": "It cannot be connected to.",
        "next_try_at": 0,
        "delivered_at": None,
        "created_at": 0,
    }
    assert Client().get("/api/v1/webhooks/").status_code == 401


def test_the_list_has_pages(client, learner):
    question = make_question()
    for n in range(27):
        ended(f"http://127.0.0.1:1024/{n}", user=learner, question=question)
    first = client.get("/api/v1/webhooks/").json()
    second = client.get(first["next"]).json()
    assert (len(first["results"]), len(second["results"]), second["next"]) == (25, 2, None)


def test_administrators_see_all_of_them_in_the_admin_and_change_none(admin_client):
    nobody = f"http://127.0.0.1:{free_port()}"
    ended(f"{nobody}/a?token=secret-of-theirs", user=make_user("kim"))
    deliver()

    page = admin_client.get("/admin/submissions/webhook/").content.decode()
    assert "kim" in page
    assert f"{nobody}/a" in page
    assert "It cannot be connected to." in page
    assert "secret-of-theirs" not in page
    assert admin_client.get("/admin/submissions/webhook/add/").status_code == 403
    assert (
        "secret-of-theirs"
        not in admin_client.get(
            f"/admin/submissions/webhook/{webhook().pk}/change/", follow=True
        ).content.decode()
    )


# --- The page for those who receive them ---------------------------------------------------------------------


EXAMPLES = dict(
    re.findall(
        r"```(python|js)\n(.*?)```", (Path(configured.BASE_DIR) / "docs/webhooks.md").read_text(), re.DOTALL
    )
)


@pytest.fixture
def call():
    """One that was really sent, and its secret."""
    user = make_user()
    with Receiver() as receiver:
        ended(receiver.url, user=user, metadata={"name": "Zoë"})
        deliver()
    return receiver.calls[0], webhook_secrets.secret_of(user)


def test_the_python_of_the_documentation_knows_our_calls(call):
    """S2.3"""
    sent, secret = call
    names: dict = {}
    exec(EXAMPLES["python"], names)
    is_ours = names["is_from_the_judge"]
    assert is_ours(secret, sent.headers, sent.body)
    assert not is_ours(secret + "x", sent.headers, sent.body)
    assert not is_ours(secret, sent.headers, sent.body.replace(b"cancelled", b"cancellet"))
    an_hour_ago = sent.headers | {"X-Judge-Timestamp": str(int(sent.headers["X-Judge-Timestamp"]) - 3600)}
    assert not is_ours(secret, an_hour_ago, sent.body)
    signed = hmac.new(secret.encode(), b"1." + sent.body, hashlib.sha256).hexdigest()
    old = {"X-Judge-Timestamp": "1", "X-Judge-Signature": f"v1={signed}"}
    assert not is_ours(secret, old, sent.body)
    assert not is_ours(secret, {}, sent.body)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_javascript_of_the_documentation_knows_our_calls(call, tmp_path):
    """S2.3"""
    sent, secret = call
    headers = {name.lower(): value for name, value in sent.headers.items()}
    script = tmp_path / "check.mjs"
    script.write_text(
        EXAMPLES["js"]
        + f"""
const [secret, headers, body] = {json.dumps([secret, headers, sent.body.decode()])};
const bytes = Buffer.from(body);
console.log(JSON.stringify([
  isFromTheJudge(secret, headers, bytes),
  isFromTheJudge(secret + "x", headers, bytes),
  isFromTheJudge(secret, headers, Buffer.from(body + " ")),
  isFromTheJudge(secret, {{...headers, "x-judge-timestamp": "1"}}, bytes),
  isFromTheJudge(secret, {{}}, bytes),
]));
"""
    )
    said = subprocess.run(["node", script], capture_output=True, text=True, check=True, timeout=30).stdout
    assert json.loads(said) == [True, False, False, False, False]
