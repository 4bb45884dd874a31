"""Request bodies of bounded size."""

import io
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from submissions.serializers import TooLarge


class BoundedJSONParser(JSONParser):
    """JSON of at most MAX_BODY_BYTES; DRF itself would read a body of any size."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        cap = settings.MAX_BODY_BYTES
        body = stream.read(cap + 1)
        if len(body) > cap:
            raise TooLarge("body", f"The request body is too large; at most {cap} bytes are allowed.")
        try:
            return super().parse(io.BytesIO(body), media_type, parser_context)
        except RecursionError as error:
            raise ParseError("JSON parse error - it is nested too deeply.") from error
