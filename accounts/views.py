"""The page to sign in. Signing out is Django's own view."""

import unicodedata
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from accounts import limits


class SignIn(LoginView):
    template_name = "accounts/login.html"
    redirect_authenticated_user = True


View = Callable[..., HttpResponseBase]


def slowed_down(view: View) -> View:
    """Guessing passwords at `view` is slowed down twice: for an address, and for a name whatever addresses are used."""

    @wraps(view)
    def limited_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            try:
                limits.take("sign-in-address", request.META.get("REMOTE_ADDR", ""))
                limits.take("sign-in", _as_it_is_looked_up(request.POST.get("username", "")))
            except limits.Limited as limited:
                return too_many_requests(request, limited)
        return view(request, *args, **kwargs)

    return limited_view


def _as_it_is_looked_up(name: str) -> str:
    """Django strips and normalises names before it looks for them, so different spellings are one name."""
    return unicodedata.normalize("NFKC", name.strip()[:1000]).casefold()[:150]


def too_many_requests(request: HttpRequest, limited: limits.Limited) -> HttpResponse:
    """The page that says when to come back."""
    answer = render(request, "429.html", {"retry_after_s": limited.retry_after_s}, status=429)
    answer["Retry-After"] = str(limited.retry_after_s)
    return answer
