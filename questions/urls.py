"""Pages of questions alone: none so far. The list and the solve page join submissions and are found there."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
