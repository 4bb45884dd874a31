"""How requests to the API say who they are: by keys and tokens in headers, else by a session with CSRF protection.

Whatever a view finds as `request.auth` is a Credential. The first class says how to ask for one, so that 401 stays 401.
"""

from rest_framework import authentication, status
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request

from accounts import credentials, tokens
from accounts.credentials import CannotVerify, Credential, InvalidCredential
from accounts.models import User


class Unavailable(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"


class HeaderAuthentication(authentication.BaseAuthentication):
    """Keys (`X-Code-Exec-Key`, `Authorization: Api-Key …`) before tokens (`Authorization: Bearer …`)."""

    def authenticate(self, request: Request) -> tuple[User, Credential] | None:
        try:
            found = credentials.of_headers(request.headers)
        except InvalidCredential as error:
            raise AuthenticationFailed(str(error), code=error.code) from error
        except CannotVerify as error:
            raise Unavailable(str(error)) from error
        return None if found is None else (found.user, found)

    def authenticate_header(self, request: Request) -> str:
        return "Api-Key, Bearer" if tokens.is_configured() else "Api-Key"


class SessionAuthentication(authentication.SessionAuthentication):
    """DRF's, with its CSRF check."""

    def authenticate(self, request: Request) -> tuple[User, Credential] | None:
        found = super().authenticate(request)
        return None if found is None else (found[0], credentials.of_session(found[0]))
