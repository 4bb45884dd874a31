"""Signing in and out."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts.views import SignIn, slowed_down

urlpatterns = [
    path("login/", slowed_down(SignIn.as_view()), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]
