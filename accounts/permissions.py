"""Which scope a request needs, and what is open to machines only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import Http404
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts import keys
from accounts.credentials import Credential
from accounts.models import User
from accounts.scopes import Scope

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which imports the default permissions, this module

    _View = APIView
else:
    _View = object


class HasScope(BasePermission):
    """The view's `required_scopes` says by method which scope is needed; HEAD is asked for as GET.

    A method without an entry is let in by nobody.
    """

    message = "This credential does not have the scope that is needed."
    code = "missing_scope"

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, Credential):
            return False  # anonymous: DRF makes it 401
        required: Mapping[str, Scope] = getattr(view, "required_scopes", {})
        method = "GET" if request.method == "HEAD" else str(request.method)
        if method not in required:
            # OPTIONS and methods that the view does not have: DRF answers them.
            return method not in view.allowed_methods or method == "OPTIONS"
        self.message = f"The scope {required[method]!s} is needed."
        return request.auth.has(required[method])


class IsMachine(BasePermission):
    """The scope `judge`; in development (REQUIRE_CODE_EXEC_KEY off) whoever is signed in, by whatever means."""

    message = f"The scope {Scope.JUDGE!s} is needed."
    code = "missing_scope"

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, Credential):
            return False
        return request.auth.has(Scope.JUDGE) or not is_key_required()


class MachineEndpoint(_View):
    """Put before APIView: for machines only. Where nobody has a key for it, there is nothing at its address (404)."""

    permission_classes = (IsMachine,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Before anybody is asked for a credential: 401 would say that there is something to be opened.
        if is_key_required() and not keys.is_any_for_machines():
            raise Http404
        super().initial(request, *args, **kwargs)


def user_of(request: Request) -> User:
    """Who asks; the permission class has let nobody else in."""
    assert isinstance(request.user, User)
    return request.user


def is_key_required() -> bool:
    """Always in production, whatever REQUIRE_CODE_EXEC_KEY says; a system check refuses it there as well."""
    return bool(settings.REQUIRE_CODE_EXEC_KEY or not settings.DEBUG)
