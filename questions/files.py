"""A question's pictures and attachments, at addresses of their own, for whoever sees the question.

Its checker and what is kept of its package have no address. What is served here was written by somebody else: a
picture has a type from a short list and runs no script even when it is opened by itself; all others are downloads.
"""

from pathlib import PurePosixPath
from urllib.parse import quote
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from questions.models import Blob, Question, QuestionFile
from questions.packages.values import PICTURE_TYPES

DOWNLOADED = "application/octet-stream"
HARMLESS = "default-src 'none'; style-src 'unsafe-inline'; sandbox"  # an SVG's own styles are inline


@require_safe
def picture(request: HttpRequest, pk: UUID, path: str) -> HttpResponse:
    return _answer(request, _file(request, pk, path, QuestionFile.Kind.PICTURE))


@require_safe
def attachment(request: HttpRequest, pk: UUID, path: str) -> HttpResponse:
    file = _file(request, pk, path, QuestionFile.Kind.ATTACHMENT)
    return _answer(request, file, as_download=True)


def _file(request: HttpRequest, pk: UUID, path: str, kind: QuestionFile.Kind) -> QuestionFile:
    """Or 404, also where the question is not to be seen."""
    question = get_object_or_404(Question.objects.visible_to(request.user), pk=pk)
    return get_object_or_404(question.files, kind=kind, path=path)


def _answer(request: HttpRequest, file: QuestionFile, *, as_download: bool = False) -> HttpResponse:
    name = PurePosixPath(file.path)
    kind = DOWNLOADED if as_download else PICTURE_TYPES.get(name.suffix.lower(), DOWNLOADED)
    headers = {
        "Content-Security-Policy": HARMLESS,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
        "ETag": quote_etag(file.blob_id),
    }
    if kind == DOWNLOADED:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name.name)}"
    answer = HttpResponse(content_type=kind, headers=headers)
    seen = get_conditional_response(request, etag=headers["ETag"], response=answer)
    if isinstance(seen, HttpResponseNotModified):
        answer.status_code = 304  # Django's own would be kept without what makes it harmless
    else:
        answer.content = bytes(Blob.objects.values_list("data", flat=True).get(pk=file.blob_id))
    return answer
