"""Why somebody is not let in, named for what the caller should do.

    Refused
     ├── InvalidCredential   what was shown is not valid: 401, or close 4401
     └── ForeignOrigin       a page of another site uses a browser's cookie: 403, or close 4403
    CannotVerify             nobody can tell just now, and it is our fault: 503, or close 4503; try again

None of their words contain what was shown.
"""


class Refused(Exception):
    """`code` is stable, for machines; the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class InvalidCredential(Refused):
    """A credential was given, and it is not valid: unknown, forged, expired, revoked, or of a blocked user."""


class ForeignOrigin(Refused):
    """Only a cookie would let it in, and the page that asks is not ours."""

    def __init__(self) -> None:
        super().__init__("foreign_origin", "Pages of other sites need a token or a ticket.")


class CannotVerify(Exception):
    """Whether the credential is valid cannot be found out just now."""
