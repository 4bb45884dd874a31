"""Signing in, up and out, passwords, and one's own account."""

from django.conf import settings
from django.contrib.auth import views as auth_views
from django.urls import path

from accounts import views

urlpatterns = [
    path("login/", views.slowed_down(views.SignIn.as_view()), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("signup/", views.SignUp.as_view(), name="signup"),
    path("password/forgotten/", views.PasswordReset.as_view(), name="password_reset"),
    path(
        "password/forgotten/sent/",
        auth_views.PasswordResetDoneView.as_view(
            template_name="accounts/password_reset_done.html", extra_context={"has_mail": settings.HAS_MAIL}
        ),
        name="password_reset_done",
    ),
    path("password/new/<uidb64>/<token>/", views.PasswordSetting.as_view(), name="password_reset_confirm"),
    path("account/", views.account, name="account"),
    path("account/email/", views.EmailChange.as_view(), name="email_change"),
    path("account/password/", views.PasswordChange.as_view(), name="password_change"),
    path("account/keys/", views.make_key, name="account-keys"),
    path("account/keys/<int:pk>/revoke/", views.revoke_key, name="account-key-revoke"),
    path("account/webhook-secret/", views.show_webhook_secret, name="account-webhook-secret"),
]
