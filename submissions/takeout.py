"""All that is kept of a learner, as a zip of JSON files for that learner.

    account.json                who
    keys.json, webhooks.json    what there is of each; no secrets
    identities.json
    submissions/<id>.json       as the API tells it its owner, through `disclosure`: nothing of hidden cases
    runs/<id>.json              the same; programs and outputs as far as they are still kept
    hints.json                  what was asked for and answered

It is made while it is sent: no more than a few submissions are in memory at a time.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import redis
from rest_framework.renderers import JSONRenderer

from accounts.models import User
from submissions import disclosure
from submissions.models import Submission, Webhook

AT_A_TIME = 10

Files = Iterator[tuple[str, Any]]
"""Names, and what each has in it."""

MORE: list[Callable[[User], Files]] = []
"""Apps above this one add theirs when they are ready."""


def pieces(user: User) -> Iterator[bytes]:
    """The file, piece by piece."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in _files(user):
            archive.writestr(name, _json(value))
            yield sink.taken()
    yield sink.taken()


def _files(user: User) -> Files:
    yield "account.json", _fields(user, "username first_name last_name email date_joined last_login")
    yield (
        "keys.json",
        [
            _fields(key, "name prefix scopes created_at expires_at last_used_at revoked_at")
            for key in user.api_keys.all()
        ],
    )
    yield "identities.json", [_fields(one, "issuer subject created_at") for one in user.identities.all()]
    yield (
        "webhooks.json",
        [
            {"submission": one.submission_id} | _fields(one, "url state attempts last_status created_at")
            for one in Webhook.objects.filter(submission__user=user).iterator()
        ],
    )
    ids = list(Submission.objects.filter(user=user).order_by("created_at").values_list("pk", flat=True))
    for start in range(0, len(ids), AT_A_TIME):
        yield from _submissions(ids[start : start + AT_A_TIME])
    for files in MORE:
        yield from files(user)


def _submissions(ids: Iterable[UUID]) -> Files:
    for submission in Submission.objects.filter(pk__in=ids).select_related("question"):
        folder = "runs" if submission.kind == Submission.Kind.RUN else "submissions"
        yield f"{folder}/{submission.pk}.json", _told(submission)


def _told(submission: Submission) -> Mapping[str, Any]:
    try:
        return disclosure.detail(submission)
    except redis.RedisError:
        return disclosure.untold(submission)  # of a run, whose texts nobody can tell just now


def _fields(row: Any, names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names.split()}


def _json(value: Any) -> bytes:
    """For people's eyes, too."""
    return json.dumps(json.loads(JSONRenderer().render(value)), indent=2, ensure_ascii=False).encode()


class _Sink(io.RawIOBase):
    """What is written to it can be taken away; it cannot go back, so the archive does not want to either."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        piece, self._written = bytes(self._written), bytearray()
        return piece
