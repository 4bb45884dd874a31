"""A machine client of a running platform's own API: is it alive, is it ready, judge this program.

What `up` and `smoke` prove, they prove through this: HTTP and a service key, as any other client. It never waits
for a verdict by itself; whoever asks decides how.
"""

from dataclasses import dataclass
from typing import Any

import requests

TIMEOUT_S = 10.0

ADDITION = "import sys\nprint(sum(int(word) for word in sys.stdin.read().split()))\n"
ADDITION_SPOILT = "import sys\nprint(sum(int(word) for word in sys.stdin.read().split()) + 1)\n"
"""A right and a wrong program for the sample question `sum`, in Python."""


class Refused(Exception):
    """The platform did not do what was asked: one sentence, with its own words where it had some.

    `status` is HTTP's, 0 where there was no answer at all.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NothingThere(Refused):
    """Nobody listens at the address."""


@dataclass(frozen=True)
class Judging:
    """A submission or run as the API tells it; `address` is where it tells it."""

    address: str
    fields: dict[str, Any]

    @property
    def is_final(self) -> bool:
        return self.fields["status"] in ("done", "error")

    @property
    def in_words(self) -> str:
        cases = self.fields["cases"]
        found = self.fields["verdict"] or self.fields["message"] or self.fields["status"]
        return f"{found}, {cases['passed']} of {cases['total']} cases passed"


class Client:
    """`url` is where the platform listens; `host` goes into the Host header where that is not its public name."""

    def __init__(self, url: str, key: str, host: str = "") -> None:
        self.url = url.rstrip("/")
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy stands between us and this machine
        self.session.headers["X-Code-Exec-Key"] = key
        if host:
            self.session.headers["Host"] = host

    def is_alive(self) -> bool:
        try:
            return self.session.get(f"{self.url}/healthz", timeout=TIMEOUT_S).status_code == 200
        except requests.RequestException:
            return False

    def readiness(self) -> tuple[bool, str]:
        """Whether `/readyz` says 200, and its words."""
        answer = self._ask("GET", "/readyz")
        return answer.status_code == 200, answer.text

    def submit(self, question: str, source: str) -> Judging:
        """Have a Python program graded. Raises Refused."""
        return self._hand_in(
            "/api/v1/submissions/", {"question": question, "language": "python", "source": source}
        )

    def run(self, source: str, *, question: str | None = None, text: str | None = None) -> Judging:
        """Run a Python program on the question's public cases, on the input `text`, or on both. Raises Refused."""
        body = {"question": question, "input": text}
        given = {name: value for name, value in body.items() if value is not None}
        return self._hand_in("/api/v1/runs/", {"language": "python", "source": source} | given)

    def look_again(self, judging: Judging) -> Judging:
        """How it stands now. Raises Refused."""
        answer = self._ask("GET", judging.address)
        if answer.status_code != 200:
            raise refusal(answer)
        return Judging(judging.address, answer.json())

    def _hand_in(self, path: str, body: dict[str, Any]) -> Judging:
        answer = self._ask("POST", path, body)
        if answer.status_code != 202:
            raise refusal(answer)
        return Judging(answer.headers["Location"], answer.json())

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        try:
            return self.session.request(
                method, self.url + path, json=body, timeout=TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException as error:
            is_tls = isinstance(error, requests.exceptions.SSLError)  # somebody is there, then
            if isinstance(error, requests.ConnectionError) and not is_tls:
                raise NothingThere(f"nothing answers at {self.url}") from error
            raise Refused(f"{self.url} does not answer ({type(error).__name__}).") from error


def refusal(answer: requests.Response) -> Refused:
    """What an answer that is not the wanted one says."""
    said = "."
    if answer.headers.get("Content-Type", "").startswith("application/problem+json"):
        problem = answer.json()
        said = f": {problem.get('detail') or problem['title']}"
    return Refused(f"{answer.request.path_url} answered {answer.status_code}{said}", answer.status_code)
