"""Which scope a request needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.credentials import Credential
from accounts.scopes import Scope

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which imports the default permissions, this module


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
