"""`/api/v1/schema/`, the description as JSON or YAML, and `/api/v1/docs/`, the page that shows it."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.throttles import ApiView
from questions.conditional import conditional_page


@cache
def description(file_format: str) -> bytes:
    """As `json` or `yaml`. It depends on nothing but the code, and takes a while."""
    renderer = OpenApiYamlRenderer() if file_format == "yaml" else OpenApiJsonRenderer()
    return bytes(renderer.render(SchemaGenerator().get_schema(public=True)))


class DescriptionAsJson(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, media_type: str | None = None, context: Any = None) -> bytes:
        """Problems are documents, whatever was asked for."""
        return data if isinstance(data, bytes) else bytes(JSONRenderer().render(data))


class DescriptionAsYaml(DescriptionAsJson):
    media_type = "application/yaml"
    format = "yaml"


@method_decorator(conditional_page, name="dispatch")
class Schema(ApiView):
    """For everybody."""

    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (DescriptionAsJson, DescriptionAsYaml)

    def get(self, request: Request) -> Response:
        headers = {"Cache-Control": "public, no-cache"}
        return Response(description(request.accepted_renderer.format), headers=headers)


@require_safe
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "api_docs.html")
