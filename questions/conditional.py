"""`If-None-Match`: whoever has an answer already, and names it by its ETag, is told so with 304."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.http import ConditionalGetMiddleware
from django.utils.cache import get_conditional_response, set_response_etag
from django.utils.decorators import decorator_from_middleware


class _Conditional(ConditionalGetMiddleware):
    """Django's, which leaves HEAD alone; but here the same view answers it, and its body is there until it is sent."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.method != "HEAD" or not isinstance(response, HttpResponse):
            return super().process_response(request, response)
        set_response_etag(response)
        return get_conditional_response(request, etag=response["ETag"], response=response) or response


conditional_page = decorator_from_middleware(_Conditional)
