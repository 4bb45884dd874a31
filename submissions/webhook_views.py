"""`/api/v1/webhooks/`: what became of one's own."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import user_of
from accounts.scopes import Scope
from accounts.throttles import ApiView
from questions.cursors import NewestFirst
from submissions.models import Webhook


class WebhookList(ApiView):
    """Newest first."""

    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request) -> Response:
        own = Webhook.objects.filter(submission__user=user_of(request))
        paginator = NewestFirst()
        page = paginator.paginate_queryset(own, request, view=self)
        return paginator.get_paginated_response([_told(one) for one in page or []])


def _told(webhook: Webhook) -> dict[str, Any]:
    """`url` without its query, which may hold a secret that not every key of its owner should read."""
    return {
        "submission": str(webhook.submission_id),
        "url": webhook.address,
        "state": webhook.state,
        "attempts": webhook.attempts,
        "last_status": webhook.last_status,
        "last_error": webhook.last_error,
        "next_try_at": webhook.next_try_at,
        "delivered_at": webhook.delivered_at,
        "created_at": webhook.created_at,
    }
