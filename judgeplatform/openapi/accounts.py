"""Tickets."""

from rest_framework import serializers

from accounts.api import TicketList
from judgeplatform.openapi.operations import Described, Operation, answer, told


class Ticket(serializers.Serializer):
    ticket = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")


EXAMPLE = {"ticket": "jt_5f0c…", "expires_in": 60}

OPERATIONS: Described = {
    (TicketList, "POST"): Operation(
        id="createTicket",
        tag="Live",
        summary="Get a ticket",
        text="It opens one websocket or one stream, within a minute, where a browser can send neither a header nor a"
        " cookie: as `?token=TICKET`, or for websockets as the subprotocol `ticket.TICKET`.",
        answers={201: answer(Ticket, "Good once.", told("A ticket", EXAMPLE, "201"))},
    ),
}
