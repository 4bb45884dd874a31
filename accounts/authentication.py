"""Credentials of machines: the service key in the header `X-Code-Exec-Key`."""

import hmac

from django.conf import settings
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import credentials, scopes
from accounts.credentials import Credential
from accounts.models import CODE_EXEC, User


class CodeExecKeyAuthentication(authentication.BaseAuthentication):
    """A key of CODE_EXEC_KEY acts as the service user `code-exec`; any other key is refused with 401."""

    def authenticate(self, request: Request) -> tuple[User, Credential] | None:
        given = request.headers.get("X-Code-Exec-Key")
        if given is None:
            return None
        # Every key is compared, each in constant time: the time taken says nothing about which one was close.
        matches = [hmac.compare_digest(given.encode(), key.encode()) for key in settings.CODE_EXEC_KEYS]
        if not any(matches):
            raise AuthenticationFailed("This X-Code-Exec-Key is not valid.", code="invalid_key")
        user = User.objects.get(username=CODE_EXEC)
        return user, Credential(user, scopes.SERVICE, credentials.Kind.SERVICE)

    def authenticate_header(self, request: Request) -> str:
        return "Api-Key"


class SessionAuthentication(authentication.SessionAuthentication):
    """DRF's, with its CSRF check; what a view finds as `request.auth` is a Credential with every authenticator."""

    def authenticate(self, request: Request) -> tuple[User, Credential] | None:
        found = super().authenticate(request)
        return None if found is None else (found[0], credentials.of_session(found[0]))
