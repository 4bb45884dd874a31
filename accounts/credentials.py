"""By what somebody is let in, whatever carries it: requests, websockets and streams ask the same functions."""

from dataclasses import dataclass
from enum import StrEnum

from accounts.models import User
from accounts.scopes import EVERYTHING, LEARNER, Scope


class Kind(StrEnum):
    SESSION = "session"
    KEY = "key"
    SERVICE = "service"  # of CODE_EXEC_KEY
    TOKEN = "token"  # noqa: S105 (of an OIDC issuer)
    TICKET = "ticket"


@dataclass(frozen=True)
class Credential:
    """`subject` is what the issuer calls the user of a token; empty otherwise."""

    user: User
    scopes: frozenset[Scope]
    kind: Kind
    subject: str = ""

    def has(self, scope: Scope) -> bool:
        return scope in self.scopes


def of_session(user: User) -> Credential:
    """Somebody who has signed in in a browser."""
    return Credential(user, EVERYTHING if user.is_staff else LEARNER, Kind.SESSION)
