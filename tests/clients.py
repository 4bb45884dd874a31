"""A learner at a running platform, over HTTP as a browser speaks it."""

import re
import time
from typing import Any

import requests


class Learner:
    """Signed in; every request carries the session's cookie and its CSRF token."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False
        page = self.http.get(f"{url}/login/", timeout=10)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token, page.text
        form = {"username": username, "password": password, "csrfmiddlewaretoken": token[1]}
        answer = self.http.post(f"{url}/login/", form, headers={"Referer": f"{url}/login/"}, timeout=10)
        assert answer.ok, answer.text
        assert "sessionid" in self.http.cookies, answer.text

    def submit(self, question: str, language: str, source: str, kind: str = "submissions") -> str:
        """The new submission's id."""
        answer = self.http.post(
            f"{self.url}/api/v1/{kind}/",
            json={"question": question, "language": language, "source": source},
            headers={"X-CSRFToken": self.http.cookies["csrftoken"], "Referer": self.url},
            timeout=10,
        )
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def get(self, pk: str) -> dict[str, Any]:
        answer = self.http.get(f"{self.url}/api/v1/submissions/{pk}/", timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def events(self, pk: str) -> list[dict[str, Any]]:
        return self.http.get(f"{self.url}/api/v1/submissions/{pk}/events/", timeout=10).json()["events"]

    def wait(self, pk: str, timeout_s: float = 60) -> dict[str, Any]:
        """The submission once it is final."""
        deadline = time.monotonic() + timeout_s
        while not (found := self.get(pk))["final"]:
            assert time.monotonic() < deadline, f"not final after {timeout_s:g} s: {found}"
            time.sleep(0.1)
        return found
