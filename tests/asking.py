"""The API as its clients ask it, without a server between: JSON goes in, Django's answer comes out."""

import json
from typing import Any

from django.db import connection
from django.test import Client

from accounts.models import User

V1 = "/api/v1/"
SUBMISSIONS = f"{V1}submissions/"
RUNS = f"{V1}runs/"
ADD = "a, b = map(int, input().split())\nprint(a + b)\n"


class Api(Client):
    """Somebody who has signed in, or nobody; `headers` go with each request."""

    def __init__(self, user: User | None = None, **headers: str) -> None:
        super().__init__(headers=headers, raise_request_exception=False)
        if user is not None:
            self.force_login(user)

    def send(self, address: str, body: object, **headers: str) -> Any:
        return self.post(address, json.dumps(body), content_type="application/json", headers=headers)

    def send_in_thread(self, address: str, body: object, **headers: str) -> Any:
        """From a thread whose connection to the database nobody else closes."""
        try:
            return self.send(address, body, **headers)
        finally:
            connection.close()


def key(value: str = "key-one") -> dict[str, str]:
    """The header of a machine; the default is one of tests.environment's."""
    return {"X-Code-Exec-Key": value}
