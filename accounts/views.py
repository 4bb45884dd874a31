"""Pages to sign in and up, for passwords, and of one's own account. Signing out is Django's own view."""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import forms as auth_forms
from django.contrib.auth import login
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe
from django.views.generic import FormView, View

from accounts import keys, limits, names, signing_up, webhook_secrets
from accounts.forms import (
    NOT_INVITED,
    TAKEN,
    EmailForm,
    KeyForm,
    PasswordResetForm,
    SignInForm,
    SignUpForm,
)
from accounts.models import User
from accounts.throttles import address_of

AnyView = Callable[..., HttpResponseBase]


# --- How often -----------------------------------------------------------------------------------------------


def too_many_requests(request: HttpRequest, limited: limits.Limited) -> HttpResponse:
    """The page that says when to come back."""
    wait_s = limited.retry_after_s
    context = {"retry_after_s": wait_s, "retry_after_min": math.ceil(wait_s / 60)}
    answer = render(request, "429.html", context, status=429)
    answer["Retry-After"] = str(wait_s)
    return answer


def typed_name(request: HttpRequest) -> str:
    return request.POST.get("username", "")


def own_name(request: HttpRequest) -> str:
    return request.user.get_username()


def slowed_down(view: AnyView, whose: Callable[[HttpRequest], str] = typed_name) -> AnyView:
    """Guessing passwords at `view` is slowed down twice: for an address, and for a name whatever addresses are used."""

    @wraps(view)
    def limited_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            try:
                limits.take("sign-in-address", address_of(request))
                limits.take("sign-in", names.folded(whose(request)))
            except limits.Limited as limited:
                return too_many_requests(request, limited)
        return view(request, *args, **kwargs)

    return limited_view


class SlowedDown(View):
    """Its methods may raise `limits.Limited`."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except limits.Limited as limited:
            return too_many_requests(request, limited)


# --- Signing in and up ---------------------------------------------------------------------------------------


class SignIn(auth_views.LoginView):
    authentication_form = SignInForm
    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(signup=settings.SIGNUP, **kwargs)


@method_decorator(sensitive_post_parameters(), name="dispatch")
@method_decorator(never_cache, name="dispatch")
class SignUp(SlowedDown, auth_views.RedirectURLMixin, FormView[SignUpForm]):
    """Where SIGNUP is `invite`, a link may bring the code along: `?code=…`."""

    form_class = SignUpForm
    template_name = "accounts/sign_up.html"
    next_page = settings.LOGIN_REDIRECT_URL

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if settings.SIGNUP == "closed":
            raise Http404("Nobody can sign up here.")
        if request.user.is_authenticated:
            return HttpResponseRedirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def get_initial(self) -> dict[str, Any]:
        return {"code": self.request.GET.get("code", "")}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(next=self.get_redirect_url(), **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        limits.take("sign-in-address", address_of(request))  # as many as may try passwords may try names
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        limits.take("sign-up", address_of(self.request))
        user = form.save(commit=False)
        try:
            signing_up.sign_up(user, code=form.cleaned_data.get("code"))
        except signing_up.NotInvited:
            form.add_error("code", NOT_INVITED)
        except signing_up.NameTaken:
            form.add_error("username", TAKEN)
        else:
            login(self.request, user)
            return HttpResponseRedirect(self.get_success_url())
        return self.form_invalid(form)


# --- Passwords -----------------------------------------------------------------------------------------------


class PasswordReset(SlowedDown, auth_views.PasswordResetView):
    """The answer is the same whether or not an account has the address."""

    form_class = PasswordResetForm
    template_name = "accounts/password_reset.html"
    email_template_name = "accounts/password_reset_message.txt"
    subject_template_name = "accounts/password_reset_subject.txt"
    success_url = reverse_lazy("password_reset_done")
    extra_context = {"has_mail": settings.HAS_MAIL}

    def form_valid(self, form: auth_forms.PasswordResetForm) -> HttpResponse:
        limits.take("password-reset-address", address_of(self.request))
        limits.take("password-reset", names.folded(form.cleaned_data["email"]))
        return super().form_valid(form)


class PasswordSetting(auth_views.PasswordResetConfirmView):
    """Where the link in the message leads; it works once, for PASSWORD_RESET_TIMEOUT."""

    template_name = "accounts/password_new.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password is set. You can sign in with it now.")
        return super().form_valid(form)


class PasswordChange(SlowedDown, auth_views.PasswordChangeView):
    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("account")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        limits.take("sign-in", names.folded(request.user.get_username()))
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password is changed. Everywhere else you are signed out.")
        return super().form_valid(form)


# --- One's own account ---------------------------------------------------------------------------------------


def of_account(view: AnyView) -> AnyView:
    """What a form of the account page sends to; whoever comes without one is sent to the page."""

    @wraps(view)
    @never_cache
    @login_required
    def posted_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return view(request, *args, **kwargs) if request.method == "POST" else redirect("account")

    return posted_view


@never_cache
@login_required
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    return _account_page(request)


@method_decorator(sensitive_post_parameters(), name="dispatch")
@method_decorator(never_cache, name="dispatch")
class EmailChange(SlowedDown, LoginRequiredMixin, FormView[EmailForm]):
    form_class = EmailForm
    template_name = "accounts/email_change.html"
    success_url = reverse_lazy("account")

    def get_initial(self) -> dict[str, Any]:
        return {"email": _user(self.request).email}

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"user": _user(self.request)}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        limits.take("sign-in", names.folded(request.user.get_username()))
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: EmailForm) -> HttpResponse:
        user = _user(self.request)
        user.email = User.objects.normalize_email(form.cleaned_data["email"])
        user.save(update_fields=["email"])
        messages.success(self.request, "Your e-mail address is changed.")
        return super().form_valid(form)


@of_account
def make_key(request: HttpRequest) -> HttpResponse:
    """The page, this once with the key itself."""
    user = _user(request)
    form = KeyForm(request.POST, user=user)
    if not form.is_valid():
        return _account_page(request, form=form)
    given = form.cleaned_data
    key, text = keys.make(user=user, name=given["name"], scopes=given["scopes"], lasts=form.lasts)
    return _account_page(request, new_key=key, new_key_text=text)


@of_account
def revoke_key(request: HttpRequest, pk: int) -> HttpResponse:
    key = get_object_or_404(_user(request).api_keys, pk=pk)
    keys.revoke(key)
    messages.success(request, f"The key “{key.name}” is revoked: it opens nothing any more.")
    return redirect("account")


@of_account
def show_webhook_secret(request: HttpRequest) -> HttpResponse:
    """The page with the secret; a new one where that is asked for."""
    user = _user(request)
    if "renew" in request.POST:
        webhook_secrets.renew(user)
    return _account_page(request, webhook_secret=webhook_secrets.secret_of(user))


def _account_page(request: HttpRequest, *, form: KeyForm | None = None, **more: Any) -> HttpResponse:
    user = _user(request)
    context = {
        "form": form or KeyForm(user=user),
        "keys": user.api_keys.filter(revoked_at=None),
        "now": timezone.now(),
    }
    return render(request, "accounts/account.html", context | more)


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)  # who comes here has signed in
