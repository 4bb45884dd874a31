"""`/api/v1/tickets/`: what opens a websocket or a stream where a client can send neither header nor cookie."""

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import limits, tickets
from accounts.authentication import Unavailable
from accounts.credentials import CannotVerify, Credential
from accounts.scopes import Scope
from accounts.throttles import ApiView


class TicketList(ApiView):
    required_scopes = {"POST": Scope.READ}
    throttle_scope = {"POST": "ticket"}

    def post(self, request: Request) -> Response:
        assert isinstance(request.auth, Credential)
        limits.take("ticket", str(request.auth.user.pk))
        try:
            ticket = tickets.issue(
                user_id=request.auth.user.pk, scopes=request.auth.scopes, subject=request.auth.subject
            )
        except CannotVerify as error:
            raise Unavailable(str(error)) from error
        return Response(
            {"ticket": ticket, "expires_in": tickets.LASTS_S},
            status=status.HTTP_201_CREATED,
            headers={"Cache-Control": "no-store"},
        )
