"""Limits as clients meet them: what is left, when to come back, and how strangers are slowed down."""

import pytest
from django.conf import settings as configured
from django.core.checks import run_checks
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import limits
from accounts.throttles import ApiView, site_of
from submissions import connections, visitors
from tests.asking import ADD, RUNS, SUBMISSIONS, V1, Api, key
from tests.factories import make_question, make_user, service_user

pytestmark = pytest.mark.django_db(transaction=True)

LIMITS = f"{V1}limits/"


@pytest.fixture
def client():
    return Api(make_user())


def program(**changes) -> dict:
    return {"question": make_question().slug, "language": "python", "source": ADD} | changes


def rate(answer) -> tuple[str, str, bool]:
    """Limit, remaining, and whether the time is one of a minute."""
    reset = int(answer["RateLimit-Reset"])
    return answer["RateLimit-Limit"], answer["RateLimit-Remaining"], 0 < reset <= 60


@pytest.mark.parametrize(("address", "scope"), [(SUBMISSIONS, "submit"), (RUNS, "run")])
def test_each_answer_tells_what_is_left_and_the_one_too_many_when_to_come_back(
    client, settings, address, scope
):
    """S2.41, S1.48, S3.54"""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {scope: "2/minute"}
    body = program()

    first, second, third = (client.send(address, body) for _ in range(3))

    assert [one.status_code for one in (first, second, third)] == [202, 202, 429]
    assert [rate(one) for one in (first, second, third)] == [
        ("2", "1", True),
        ("2", "0", True),
        ("2", "0", True),
    ]
    assert 1 <= int(third["Retry-After"]) <= 60
    assert third.json()["code"] == "rate_limited"


def test_running_submitting_and_ai_have_limits_of_their_own(client, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"run": "1/minute", "submit": "1/minute", "ai": "7/hour"}
    body = program()
    assert client.send(RUNS, body).status_code == 202

    rates = client.get(LIMITS).json()["rates"]

    assert (rates["run"]["remaining"], rates["submit"]["remaining"]) == (0, 1)
    assert rates["ai"] == {"limit": 7, "window_s": 3600, "remaining": 7, "reset_s": 0}
    assert client.send(SUBMISSIONS, body).status_code == 202


def test_asking_for_the_limits_uses_up_nothing_and_tells_every_cap(client, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"run": "3/minute"}
    settings.MAX_SOURCE_BYTES = 1234

    told = [client.get(LIMITS).json() for _ in range(5)][-1]

    assert told["rates"]["run"] == {"limit": 3, "window_s": 60, "remaining": 3, "reset_s": 0}
    assert told["rates"]["sign-in"] == {"limit": 10, "window_s": 60}
    assert set(told["rates"]) == set(settings.RATE_LIMITS)
    assert told["caps"]["source_bytes"] == 1234
    assert told["caps"]["run_time_ms"] == 5000
    assert all(isinstance(value, int | float) for value in told["caps"].values())


def test_what_was_refused_for_another_reason_uses_up_nothing_and_still_tells_what_is_left(client, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"submit": "2/minute"}

    refused = client.send(SUBMISSIONS, program(source=""))

    assert (refused.status_code, refused["RateLimit-Remaining"]) == (400, "2")


STRANGERS = [
    ("anonymous", {}),
    ("bad-credential", key("wrong")),
    ("bad-credential", {"Authorization": "Bearer x.y.z"}),
]


@pytest.mark.parametrize(("scope", "headers"), STRANGERS)
def test_strangers_at_one_address_are_slowed_down(client, settings, scope, headers):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {scope: "3/minute"}

    answers = [Api(**headers).get(LIMITS) for _ in range(5)]

    assert [one.status_code for one in answers] == [401, 401, 401, 429, 429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert client.get(LIMITS).status_code == 200, "somebody signed in is let in nevertheless"
    assert Api(**headers).get(LIMITS, REMOTE_ADDR="10.1.2.3").status_code == 401, "another address"


@pytest.mark.parametrize(("scope", "headers"), STRANGERS)
def test_strangers_keep_nobody_out_who_has_a_good_credential(settings, scope, headers):
    """Whoever is behind the same address: a whole school may be."""
    service_user("code-exec")
    settings.RATE_LIMITS = settings.RATE_LIMITS | {scope: "1/minute"}
    for _ in range(3):
        Api(**headers).get(LIMITS)

    assert Api(**headers).get(LIMITS).status_code == 429
    assert Api(**key()).get(LIMITS).status_code == 200
    by_proxy = Api(make_user(), Authorization="Basic eDp5")
    assert by_proxy.get(LIMITS).status_code == 200


def test_of_ipv6_a_whole_site_counts_as_one_address(settings):
    """Its owner has as many addresses as they like."""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"anonymous": "2/minute"}
    site = ("2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3")

    answers = [Api().get(LIMITS, REMOTE_ADDR=address).status_code for address in site]

    assert answers == [401, 401, 429]
    assert Api().get(LIMITS, REMOTE_ADDR="2001:db8:0:1::1").status_code == 401


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_what_counts_as_one_address(address, site):
    assert site_of(address) == site


@pytest.mark.parametrize("query", ["token=jt_0", "%74oken=jt_0", "token=a.b.c"])
def test_guessing_at_sockets_is_slowed_down_however_it_is_spelt(settings, query):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"bad-credential": "2/minute"}
    connection = {
        "type": "websocket",
        "path": "/",
        "headers": [],
        "query_string": query.encode(),
        "client": ["10.1.2.3", 5000],
    }

    def close_code() -> int:
        with pytest.raises(visitors.Refused) as refused:
            visitors.identify(connection)
        return refused.value.close_code

    codes = [close_code() for _ in range(3)]

    assert codes == [visitors.UNAUTHENTICATED, visitors.UNAUTHENTICATED, visitors.LIMITED]


def test_a_good_credential_uses_up_nothing_of_the_strangers_limit(client, settings):
    service_user("code-exec")
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"anonymous": "1/minute"}

    answers = [one.get(LIMITS).status_code for one in (client, Api(**key())) for _ in range(3)]

    assert answers == [200] * 6


def test_asking_at_an_address_where_there_is_nothing_uses_up_nothing(settings):
    service_user("code-exec")
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"anonymous": "1/minute"}

    assert [Api(**key()).get(f"{V1}nowhere/").status_code for _ in range(3)] == [404] * 3
    assert Api(**key()).get(LIMITS).status_code == 200


def test_in_memory_limits_hold_without_any_redis(client, settings):
    """S2.9: submitting works, and is limited, while nothing listens where Redis should be."""
    settings.RATE_LIMIT_BACKEND = "locmem"
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"submit": "2/minute"}
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    body = program()
    for kept in (connections.redis_client, connections.queue, connections.pool):
        kept.cache_clear()
    try:
        answers = [client.send(SUBMISSIONS, body) for _ in range(3)]
    finally:
        for kept in (connections.redis_client, connections.queue, connections.pool):
            kept.cache_clear()

    assert [one.status_code for one in answers] == [202, 202, 429]
    assert answers[1]["RateLimit-Remaining"] == "0"


def test_a_limit_is_shared_by_all_replicas_and_exact(settings):
    """S2.10: two that know nothing of each other but the address of Redis."""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"submit": "25/minute"}
    addresses = [configured.REDIS_URL, f"{configured.REDIS_URL}?client_name=another"]

    def admitted(_: int) -> bool:
        try:
            limits.take("submit", "somebody")
        except limits.Limited:
            return False
        return True

    found = []
    for n in range(40):
        settings.REDIS_URL = addresses[n % 2]
        found.append(admitted(n))

    assert found == [True] * 25 + [False] * 15


@pytest.mark.parametrize(
    ("backend", "debug", "found"),
    [("locmem", False, ["accounts.E010"]), ("locmem", True, []), ("redis", False, [])],
)
def test_limits_in_memory_are_refused_in_production(settings, backend, debug, found):
    """C16"""
    settings.RATE_LIMIT_BACKEND, settings.DEBUG = backend, debug

    assert [one.id for one in run_checks() if one.id == "accounts.E010"] == found


def test_every_view_of_the_api_slows_strangers_down():
    """And counts for one of the limits that there are, if it counts for any."""
    views = list(_api_views(get_resolver().url_patterns))

    assert len(views) > 10
    assert [view for view in views if not issubclass(view, ApiView)] == []
    scopes = {scope for view in views for scope in view.throttle_scope.values()}
    assert scopes <= set(configured.RATE_LIMITS)


def _api_views(patterns):
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _api_views(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and hasattr(pattern.callback, "cls"):
            yield pattern.callback.cls
