"""`/api/v1/`: where everything is."""

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.throttles import ApiView

LINKS = ("questions", "submissions", "runs", "languages", "limits", "docs", "schema")


class Contents(ApiView):
    """For everybody."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request) -> Response:
        return Response({name: reverse(f"api-{name}") for name in LINKS})
