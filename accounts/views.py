"""The page to sign in. Signing out is Django's own view."""

from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts import limits


class SignIn(LoginView):
    """Guessing passwords is slowed down twice: for an address, and for a name whatever addresses are used."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        name = request.POST.get("username", "").casefold()[:150]
        try:
            limits.take("sign-in-address", request.META.get("REMOTE_ADDR", ""))
            limits.take("sign-in", name)
        except limits.Limited as limited:
            return too_many_requests(request, limited)
        return super().post(request, *args, **kwargs)


def too_many_requests(request: HttpRequest, limited: limits.Limited) -> HttpResponse:
    """The page that says when to come back."""
    answer = render(request, "429.html", {"retry_after_s": limited.retry_after_s}, status=429)
    answer["Retry-After"] = str(limited.retry_after_s)
    return answer
