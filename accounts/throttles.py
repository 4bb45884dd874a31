"""Limits as requests meet them: strangers are slowed down, and everybody is told what is left.

a bad credential                  takes one of its address's `bad-credential`
none, where one is needed         takes one of its address's `anonymous`
… once these are used up          429 instead of 401. Whoever shows a good one is let in nevertheless: what is drawn
                                  from so many cannot be guessed, and others may sit behind the same address
a view's `throttle_scope`         by method, the limit that its answers tell. Whoever does the work takes it
"""

import ipaddress
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import limits
from accounts.models import User

IPV6_SITE = 64  # as many bits as a provider gives out at least; who has them has all addresses below


class ApiView(APIView):
    """What every view of the API is."""

    throttle_scope: Mapping[str, str] = {}

    def perform_authentication(self, request: Request) -> None:
        if not request.authenticators:
            return  # it is open to everybody
        try:
            is_known = request.user.is_authenticated
        except AuthenticationFailed:
            count_stranger(address_of(request), has_shown_something=True)
            raise
        if not is_known:
            count_stranger(address_of(request), has_shown_something=False)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        scope = self.throttle_scope.get(str(request.method))
        user = getattr(request, "_user", None)  # asked anew, a bad credential would be refused once more
        if scope is not None and isinstance(user, User):
            for name, value in headers(limits.standing(scope, str(user.pk))).items():
                answer[name] = value
        return answer


def headers(standing: limits.Standing) -> dict[str, str]:
    """As in draft-ietf-httpapi-ratelimit-headers-03: seconds, not a time of day."""
    return {
        "RateLimit-Limit": str(standing.limit),
        "RateLimit-Remaining": str(standing.remaining),
        "RateLimit-Reset": str(standing.reset_s),
    }


def count_stranger(address: str, *, has_shown_something: bool) -> None:
    """Somebody there is about to be refused. Raises Limited where that was so too often."""
    limits.take("bad-credential" if has_shown_something else "anonymous", address)


def address_of(request: Request | HttpRequest) -> str:
    """For limits. Behind a proxy it is the client's where TRUST_PROXY is on: the server that listens sees to that."""
    return site_of(str(request.META.get("REMOTE_ADDR", "")))


def site_of(address: str) -> str:
    """The address itself, of IPv6 the network that it is in: one client has many."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found), IPV6_SITE), strict=False))
