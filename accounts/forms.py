"""What people type into the pages of accounts."""

import threading
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib.auth import forms as auth_forms

from accounts import keys, names
from accounts.models import Invitation, User
from accounts.scopes import Scope

TAKEN = "Somebody has this name already."
NOT_INVITED = "This invitation is not valid, or no longer."
MAX_KEYS = 50

SCOPES = {
    Scope.SUBMIT: "send programs to be graded or run, and cancel them",
    Scope.READ: "see questions, and your own submissions and runs",
    Scope.JUDGE: "grade programs for other systems, by cases of theirs",
    Scope.TESTS_READ: "see hidden testcases and solutions, too",
    Scope.ADMIN: "all else that you may do as staff",
}


def email_field() -> forms.EmailField:
    """Demanded where messages are sent: without an address, nobody can set a new password alone."""
    return forms.EmailField(
        label="E-mail",
        max_length=254,
        required=settings.HAS_MAIL,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text="For setting a new password, should you forget it."
        if settings.HAS_MAIL
        else "May be left empty.",
    )


class SignInForm(auth_forms.AuthenticationForm):
    error_messages = auth_forms.AuthenticationForm.error_messages | {
        "invalid_login": "Please enter a correct username and password. Capitals count in the password only."
    }


class SignUpForm(auth_forms.BaseUserCreationForm):
    code = forms.CharField(label="Invitation", max_length=40)

    class Meta(auth_forms.BaseUserCreationForm.Meta):
        model = User
        fields = ("username", "email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].help_text = "Letters, digits and @ . + - _"
        self.fields["password2"].label = "The same password again"
        self.fields["password2"].help_text = ""
        self.fields["email"] = email_field()
        if settings.SIGNUP != "invite":
            del self.fields["code"]
        self.order_fields(["code", "username", "email", "password1", "password2"])

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if not Invitation.objects.usable().filter(code=code).exists():
            raise forms.ValidationError(NOT_INVITED, code="not_invited")
        return code

    def validate_unique(self) -> None:
        """Which names there are is told to nobody who is not invited. (Django itself would mind capitals.)"""
        username = self.cleaned_data.get("username")
        if username and "code" not in self.errors and names.taken([username]):
            self.add_error("username", forms.ValidationError(TAKEN, code="taken"))


class UniqueName(forms.ModelForm[User]):
    """For the admin: no new name that is another's in whatever spelling. One that is an old one's may stay."""

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        is_new = "username" in self.changed_data and names.folded(username) != self.instance.folded_name
        if is_new and names.taken([username]):
            raise forms.ValidationError(TAKEN, code="taken")
        return username


class UserAddForm(UniqueName, auth_forms.AdminUserCreationForm[User]):
    pass


class UserEditForm(UniqueName, auth_forms.UserChangeForm[User]):
    pass


class EmailForm(forms.Form):
    """One's own address. Whoever finds a browser signed in must not lead links for new passwords elsewhere."""

    password = forms.CharField(
        strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["email"] = email_field()
        self.order_fields(["email", "password"])

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError("This is not your password.", code="wrong_password")
        return password


class PasswordResetForm(auth_forms.PasswordResetForm):
    """Django's; what is sent leads to PUBLIC_URL, and is sent beside the request.

    So nobody learns from the time of the answer whether an account has the address.
    """

    email = forms.EmailField(
        label="E-mail", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )

    def save(self, **options: Any) -> None:  # type: ignore[override]
        here = urlsplit(settings.PUBLIC_URL)
        super().save(**options | {"domain_override": here.netloc, "use_https": here.scheme == "https"})

    def send_mail(self, *args: Any, **kwargs: Any) -> None:
        threading.Thread(target=super().send_mail, args=args, kwargs=kwargs, name="mail").start()


class KeyForm(forms.Form):
    """A new API key of a user."""

    DAYS = (("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "no end"))

    name = forms.CharField(label="What it is for", max_length=80)
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    days = forms.ChoiceField(label="Works for", choices=DAYS, required=False, initial="90")

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data)
        self.user = user
        allowed = keys.grantable(user)
        scopes = cast(forms.MultipleChoiceField, self.fields["scopes"])
        scopes.choices = [(scope.value, words) for scope, words in SCOPES.items() if scope in allowed]

    def clean(self) -> dict[str, Any]:
        if self.user.api_keys.usable().count() >= MAX_KEYS:
            raise forms.ValidationError(f"You have {MAX_KEYS} keys. Revoke one that is not needed any more.")
        return self.cleaned_data

    @property
    def lasts(self) -> timedelta | None:
        """None: for ever."""
        days = self.cleaned_data["days"]
        return timedelta(days=int(days)) if days else None
