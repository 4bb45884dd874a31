"""Lists in pages, newest first: each page tells the address of the next, and nothing is missed or told twice."""

from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.fields import IntegerField
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

MOST_A_PAGE = 100


class NewestFirst(CursorPagination):
    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = MOST_A_PAGE
    ordering = ("-created_at", "-id")

    def get_page_size(self, request: Request) -> int:
        """What is no size is refused: who is sent fewer than were asked for takes them for all there are."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        try:
            return int(IntegerField(min_value=1, max_value=self.max_page_size).run_validation(asked))
        except ValidationError as error:
            raise ValidationError({self.page_size_query_param: error.detail}) from error

    def decode_cursor(self, request: Request) -> Cursor | None:
        """DRF hands a position on unseen; ours is a time, and what is none must not reach the database."""
        cursor = super().decode_cursor(request)
        if cursor is None or cursor.position is None:
            return cursor
        try:
            position = parse_datetime(str(cursor.position))
            in_range = position is not None and is_aware(position) and 1 < position.year < 9999
        except ValueError:
            in_range = False
        if not in_range:
            raise NotFound(self.invalid_cursor_message)
        return cursor
