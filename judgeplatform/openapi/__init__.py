"""The API's description in OpenAPI 3.1: `/api/v1/schema/`, and to be read at `/api/v1/docs/`.

What a view tells by itself is taken from there: addresses, the serializer that validates a body, scopes, limits. The
rest is said here, in one `Operation` for each method of each view; a view without one fails the tests.

    operations    what an operation is described with
    problems      the answers that are problem documents, with their codes
    accounts, questions, submissions, streams, dialects, hints
                  the operations of each part, and serializers that do nothing but describe what is answered
    around        what is no view of the API: health and websockets
    schema        the inspector that drf-spectacular asks, and what it needs to know of our fields and credentials
    views         the description as documents, and the page

Nothing imports this package but the settings and the addresses.
"""
