"""Telling other servers that a submission has ended, once for each end.

    intake     a row, with the submission
    worker     each second: what is due, and final?  ──claim──▶ POST ──▶ 2xx: delivered
                                                                         anything else: again, by RETRY_AFTER

A try is claimed by one conditional update, so that no two workers make the same one. Only where a worker dies, or the
database is away, between the receiver's answer and the note of it is an end told again: with the same delivery id. A
try that is claimed and never noted counts, so that nothing is tried for ever.

What is told is what `disclosure` lets the owner know, without texts. docs/webhooks.md is the contract.
"""

import hashlib
import hmac
import logging
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import prometheus_client
import urllib3
from django import db
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError, TimeoutError

from accounts.webhook_secrets import secret_of
from execution.exchanges import NEVER_AGAIN, open_pool
from submissions import disclosure
from submissions.addresses import NotAllowed, Receiver, addresses_of, receiver_of
from submissions.connections import rest_connection
from submissions.models import Submission, Webhook

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
RETRY_AFTER = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
)
MOST_TRIES = len(RETRY_AFTER) + 1
LOOKUP_S = 10.0  # the system's resolver cannot be interrupted; what it finds later is not used
PATIENCE = urllib3.Timeout(connect=3.0, read=4.0)  # until an answer begins; for all of it twice as long
CLAIM = timedelta(minutes=1)  # longer than a try that is still used can last
MOST_ADDRESSES = 2
MOST_ANSWER_BYTES = 4096  # none matters, but a receiver that is cut off at once may think that it has failed
MOST_AT_ONCE = 16  # in one process
MOST_FOR_A_USER = 8
MOST_TO_A_RECEIVER = 4
USER_AGENT = "judge-platform-webhooks/1"

TRIES = prometheus_client.Counter(
    "judge_webhook_tries_total", "Calls of webhooks' receivers, by what came of them.", ["outcome"]
)
DELIVERED, TO_BE_TRIED_AGAIN, GIVEN_UP = map(TRIES.labels, ("delivered", "failed", "given_up"))

Who = TypeVar("Who", int, str)


def check_url(url: str) -> None:
    """Raise ValidationError unless `url` may be a webhook's; what its name leads to is checked when it is called."""
    try:
        receiver_of(url)
    except NotAllowed as error:
        raise ValidationError(str(error), code="not_allowed") from error


def add(submission: Submission, url: str) -> Webhook:
    """Tell its end there. Raises NotAllowed, as `check_url` has done before."""
    return Webhook.objects.create(submission=submission, url=url, origin=receiver_of(url).origin)


def delivery_id(submission: Submission) -> str:
    """The same for every try to tell this end; another for another end."""
    return f"{submission.pk}.{submission.seq}"


@dataclass(frozen=True)
class Try:
    """The right to call a receiver once. `number` counts from 1."""

    pk: int
    number: int
    user_id: int
    url: str = field(repr=False)
    origin: str


class Deliveries:
    """What one process delivers, each in a thread of its own.

    A receiver that hangs, or a user whose receivers all do, takes a share of the threads; the others' go on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: list[Try] = []

    def look(self) -> None:
        """Begin with what is due, as far as there is room; waits for no receiver."""
        while (one := self._next()) is not None:
            threading.Thread(target=self._go_on_from, args=(one,), name="webhook", daemon=True).start()

    def _next(self) -> Try | None:
        """What has been due for longest, and is now ours."""
        with self._lock:
            if len(self._under_way) >= MOST_AT_ONCE:
                return None
            for webhook in _due_beside(self._under_way)[:MOST_AT_ONCE]:
                if one := claim(webhook):
                    self._under_way.append(one)
                    return one
        return None

    def _go_on_from(self, one: Try | None) -> None:
        try:
            while one is not None:
                try:
                    _deliver(one)
                except db.Error:
                    raise
                except Exception as error:
                    _log_fault(one, error)
                finally:
                    with self._lock:
                        self._under_way.remove(one)
                one = self._next()
        except db.Error as error:
            logger.warning("webhooks: %s: %s", type(error).__name__, error)
        finally:
            db.connection.close()


# --- Rows ----------------------------------------------------------------------------------------------------


def _due_beside(under_way: Iterable[Try]) -> QuerySet[Webhook]:
    """Those that may be told now, without the users and receivers that have their share."""
    rows = Webhook.objects.filter(next_try_at__lte=Now()).exclude(
        submission__status__in=Submission.UNFINISHED
    )
    busy_users = _used_up(MOST_FOR_A_USER, (one.user_id for one in under_way))
    rows = rows.exclude(submission__user__in=busy_users)
    busy_receivers = _used_up(MOST_TO_A_RECEIVER, (one.origin for one in under_way))
    return (
        rows.exclude(origin__in=busy_receivers)
        .select_related("submission")
        .only("submission", "attempts", "url", "origin", "submission__user")
        .order_by("next_try_at")
    )


def _used_up(share: int, whose: Iterable[Who]) -> list[Who]:
    return [one for one, count in Counter(whose).items() if count >= share]


def claim(webhook: Webhook) -> Try | None:
    """None where another worker was faster. Until its outcome is noted, it looks as if it had failed."""
    number = webhook.attempts + 1
    claimed = Webhook.objects.filter(pk=webhook.pk, attempts=webhook.attempts, next_try_at__lte=Now()).update(
        attempts=number, next_try_at=Now() + CLAIM if number < MOST_TRIES else None
    )
    if not claimed:
        return None
    return Try(webhook.pk, number, webhook.submission.user_id, webhook.url, webhook.origin)


def _deliver(one: Try) -> None:
    submission = Submission.objects.without_texts().select_related("user").filter(webhook=one.pk).first()
    if submission is None:  # deleted meanwhile
        return
    body = _body(submission)
    headers = _signed(body, secret_of(submission.user)) | {"X-Judge-Delivery": delivery_id(submission)}
    rest_connection()
    outcome = _call(one.url, headers, body)
    _note(one, outcome)
    _log(one, outcome, submission.pk, len(body))


def _note(one: Try, outcome: "Outcome") -> None:
    mine = Webhook.objects.filter(pk=one.pk, attempts=one.number, delivered_at=None)
    _count(one, outcome)
    if outcome.is_delivered:
        mine.update(delivered_at=Now(), next_try_at=None, last_status=outcome.status, last_error="")
    else:
        again = Now() + RETRY_AFTER[one.number - 1] if one.number < MOST_TRIES else None
        mine.update(next_try_at=again, last_status=outcome.status, last_error=outcome.error)


def _count(one: Try, outcome: "Outcome") -> None:
    if outcome.is_delivered:
        DELIVERED.inc()
    else:
        (TO_BE_TRIED_AGAIN if one.number < MOST_TRIES else GIVEN_UP).inc()


def _log(one: Try, outcome: "Outcome", submission_id: UUID, size: int) -> None:
    """The URL's path and query, and what was sent, are nobody's business."""
    told = f"the end of {submission_id} ({size} bytes) to {one.origin}, try {one.number}"
    which = {"submission": submission_id}
    if outcome.is_delivered:
        logger.info("told %s: %s", told, outcome.status, extra=which)
    elif one.number < MOST_TRIES:
        logger.info("not told %s: %s", told, outcome.error, extra=which)
    else:
        logger.warning("given up telling %s: %s", told, outcome.error, extra=which)


def _log_fault(one: Try, error: Exception) -> None:
    """A fault of ours, which counts as a try. What the error itself says may hold the URL."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("webhook %s, try %s: %s\n%s", one.pk, one.number, type(error).__name__, where)


# --- What is sent --------------------------------------------------------------------------------------------


def _body(submission: Submission) -> bytes:
    results = submission.case_results.defer("output", "stderr", "difference_message")
    told = disclosure.summary(submission) | {
        "results": [disclosure.case(result, submission) for result in results]
    }
    message = {
        "type": "submission.final",
        "id": delivery_id(submission),
        "sent_at": timezone.now(),
        "submission": told,
    }
    body: bytes = JSONRenderer().render(message)
    return body


def _signed(body: bytes, secret: str) -> dict[str, str]:
    timestamp = str(int(time.time()))
    signature = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Judge-Timestamp": timestamp, "X-Judge-Signature": f"v1={signature}"}


# --- The call ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """`status` is None where nobody answered. `error` is for the owner; it is empty for a delivery."""

    status: int | None = None
    error: str = ""

    @property
    def is_delivered(self) -> bool:
        return not self.error


def _call(url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
    started = time.monotonic()
    try:
        receiver = receiver_of(url)
        addresses = addresses_of(receiver)
    except NotAllowed as error:
        return Outcome(error=str(error))
    if time.monotonic() - started > LOOKUP_S:
        return Outcome(error="Its host's name was not found in time.")
    for address in addresses[:MOST_ADDRESSES]:
        try:
            status = _post(receiver, address, headers, body)
        except (NewConnectionError, ConnectTimeoutError):
            continue  # nothing was sent yet
        except TimeoutError:
            return Outcome(error="It did not answer in time.")
        except SSLError:
            return Outcome(error="No trusted connection: its certificate, or its TLS, is not accepted.")
        except HTTPError:
            return Outcome(error="The connection broke before there was an answer.")
        return Outcome(status, "" if 200 <= status < 300 else f"It answered with {status}.")
    return Outcome(error="It cannot be connected to.")


def _post(receiver: Receiver, address: str, headers: Mapping[str, str], body: bytes) -> int:
    """The answer's status; raises urllib3's HTTPError where there was none. Redirects are not followed."""
    own = {
        "Host": receiver.authority,
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "Connection": "close",
    }
    with open_pool(receiver.url, most=1, address=address) as pool:
        response = pool.urlopen(
            "POST",
            receiver.target,
            body,
            own | dict(headers),
            retries=NEVER_AGAIN,
            redirect=False,
            timeout=PATIENCE,
            preload_content=False,
        )
        with suppress(HTTPError):
            response.read(MOST_ANSWER_BYTES, decode_content=False)
        response.close()
    return int(response.status)
