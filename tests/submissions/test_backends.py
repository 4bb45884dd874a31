"""Backends that are visited and probed, and what staff are told of them."""

import json
import re
import time

import pytest
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse

from execution import languages
from execution.breaker import State as BreakerState
from execution.judge0 import Judge0
from execution.probes import Standing
from submissions import connections, judging
from submissions.backends import Prober, State, probers, statuses, visit
from submissions.connections import pool, redis_client
from submissions.models import Submission
from tests.asking import Api
from tests.factories import make_author, make_question, make_user, service_user
from tests.fakes import FakeJudge0
from tests.liar import LyingEngine
from tests.truth import Wavering, honest, lying

pytestmark = pytest.mark.django_db(transaction=True)

SUM = "a, b = map(int, input().split())\nprint(a + b)\n"
ADDRESS = "/api/v1/backends/"
FAKED = {"python", "cpp", "c"}  # the languages of fake servers


@pytest.fixture(autouse=True)
def _probing(settings):
    """A pair is due again as soon as it was probed."""
    settings.JUDGE0_PROBE_EVERY_S = 0.001


@pytest.fixture
def servers(backends):
    """Starts fake servers that run these programs, and points the platform at them, in this order."""
    started = []

    def start(*programs, **options):
        started.extend(FakeJudge0(program, **options).__enter__() for program in programs)
        backends(*[one.url for one in started])
        return started

    yield start
    for one in started:
        one.stop()


def visit_all(times=1):
    for _ in range(times):
        for server in pool().servers:
            visit(server)


def standings(status):
    return {pair.language.slug: str(pair.standing) for pair in status.pairs if pair.language.slug in FAKED}


def submitted(work) -> Submission:
    submission = judging.submit(
        user=make_user(), question=make_question(), language=languages.get("python"), source=SUM
    )
    work()
    submission.refresh_from_db()
    return submission


def used(submission):
    return set(submission.case_results.values_list("backend", flat=True))


def sources(server):
    return {source for source, stdin in server.runs}


# --- A server that lies --------------------------------------------------------------------------------------


def test_a_lying_server_is_out_of_service_before_the_first_submission_ever_is_judged_by_it(servers, work):
    """Nobody has probed yet: the judging has it done before it uses a server."""
    liar, other = servers(lying, honest)

    submission = submitted(work)

    assert (submission.status, submission.verdict) == ("done", "AC")
    assert used(submission) == {other.url}
    assert SUM.encode() not in sources(liar)


def test_of_two_engines_with_different_answers_the_lying_one_gets_no_learners_program(engine, backends, work):
    """Real engines; also without any visit before."""
    with LyingEngine(engine) as liar:
        backends(liar.url, engine)

        submission = submitted(work)

        assert (submission.status, submission.verdict) == ("done", "AC")
        assert used(submission) == {engine}
        assert liar.sources, "it was probed"
        assert SUM.encode() not in liar.sources
        assert standings(statuses()[0])["python"] == "bad"


def test_a_server_that_begins_to_lie_is_out_of_service_before_the_next_submission_and_comes_back(
    servers, work
):
    first, second = servers(honest, honest)
    visit_all()
    assert used(submitted(work)) == {first.url}

    first.program = Wavering(b"sys.exit", b"print(a + b)")  # in Python
    visit_all(times=3)
    submission = submitted(work)
    assert (submission.verdict, used(submission)) == ("AC", {second.url})
    assert statuses()[0].state is State.LIMITED

    first.program = honest
    visit_all(times=3)
    assert used(submitted(work)) == {first.url}


def test_while_the_only_server_lies_submissions_wait_and_are_judged_once_it_tells_the_truth(servers, work):
    (server,) = servers(lying)
    visit_all()

    submission = submitted(work)
    assert submission.status == "queued"

    server.program = honest
    visit_all(times=3)
    judging.enqueue(submission)
    work()
    submission.refresh_from_db()
    assert (submission.status, submission.verdict) == ("done", "AC")


# --- A visit -------------------------------------------------------------------------------------------------


def test_the_first_visit_probes_all_languages_and_later_ones_one_at_a_time(servers):
    (server,) = servers(honest)

    visit_all()
    assert len(sources(server)) == 3
    visit_all()
    assert len(sources(server)) == 4
    visit_all(times=2)

    (status,) = statuses()
    assert (status.state, set(standings(status).values())) == (State.UP, {"good"})
    probed = [pair.last for pair in status.pairs if pair.offered]
    assert all(one.at > one.since for one in probed), "each of them was probed twice"


def test_pairs_that_were_probed_lately_are_left_alone(servers, settings):
    settings.JUDGE0_PROBE_EVERY_S = 30
    (server,) = servers(honest)
    visit_all()

    visit_all(times=3)

    assert len(sources(server)) == 3


def test_with_probes_switched_off_servers_are_only_asked(servers, settings):
    settings.JUDGE0_PROBE_EVERY_S = 0
    (server,) = servers(lying)

    visit_all()

    assert server.runs == []
    assert statuses()[0].state is State.UP


def test_a_language_that_is_not_offered_is_not_probed(servers):
    servers(honest, languages={71: "Python (3.8.1)"})

    visit_all()

    pairs = statuses()[0].pairs
    assert {pair.language.slug for pair in pairs if pair.offered} == {"python"}
    assert {pair.language.slug for pair in pairs if pair.last} == {"python"}
    assert statuses()[0].state is State.UP


def test_a_server_without_any_of_our_languages_is_out_of_service(servers):
    servers(honest, languages={44: "Executable"})

    visit_all()

    assert statuses()[0].state is State.OUT_OF_SERVICE
    assert statuses()[0].report.detail == "It offers none of our languages."


def test_visits_alone_open_the_breaker_of_a_server_that_is_away_and_close_it_when_a_run_comes_back(servers):
    (server,) = servers(honest)
    visit_all()
    server.fail("500")

    visit_all(times=3)

    assert (statuses()[0].state, statuses()[0].breaker) == (State.DOWN, BreakerState.OPEN)
    assert not pool().is_available("python")

    server.mend()
    visit_all()
    assert (statuses()[0].state, statuses()[0].breaker) == (State.UP, BreakerState.CLOSED)


def test_a_server_that_answers_but_takes_no_programs_is_down_and_one_is_told_since_when(servers):
    """A Judge0 that has lost its Redis answers /languages."""
    (server,) = servers(honest)
    visit_all()
    server.fail("500", method="POST")
    visit_all()
    since = statuses()[0].since

    visit_all()

    assert statuses()[0].state is State.DOWN
    assert statuses()[0].since == since
    assert "500" in statuses()[0].report.detail


def test_a_server_that_refuses_us_is_not_used_and_comes_back_when_it_lets_us_in(servers):
    """Its token was changed, say."""
    (server,) = servers(honest)
    visit_all()
    server.auth_token = "new"

    visit_all(times=2)

    assert (statuses()[0].state, statuses()[0].breaker) == (State.DOWN, BreakerState.OPEN)
    assert "401" in statuses()[0].report.detail

    server.auth_token = ""
    visit_all()
    assert statuses()[0].state is State.UP


def test_a_server_that_is_full_stays_as_it_was(servers):
    (server,) = servers(honest)
    visit_all()
    server.fail("queue_full", method="POST")

    visit_all(times=3)

    assert (statuses()[0].state, statuses()[0].breaker) == (State.UP, BreakerState.CLOSED)
    assert set(standings(statuses()[0]).values()) == {"good"}


SIDE_TROUBLE = [
    ("/workers", "500"),
    ("/workers", "404"),
    ("/workers", "wrong_shape"),
    ("/workers", "broken"),
    ("/workers", "hang"),
    ("/languages", "500"),
    ("/languages", "wrong_shape"),
    ("/languages", "hang"),
]


@pytest.mark.parametrize(("path", "fault"), SIDE_TROUBLE)
def test_a_server_that_judges_well_stays_in_use_whatever_else_it_does_not_say(servers, settings, path, fault):
    """S1.17 (in part)"""
    settings.JUDGE0_BREAKER_FAILURES = 1
    (server,) = servers(honest)
    visit_all()
    server.fail(fault, path=path)

    visit_all(times=1 if fault == "hang" else 3)

    (status,) = statuses()
    assert (status.state, status.breaker) == (State.UP, BreakerState.CLOSED)
    assert {pair.language.slug for pair in status.pairs if pair.offered} == FAKED
    if path == "/workers":
        assert (status.report.waiting, status.report.workers) == (None, None)
    else:
        assert status.report.detail


def test_a_server_that_nobody_knows_and_that_says_nothing_of_itself_is_not_used(servers):
    (server,) = servers(honest)
    server.fail("500", path="/languages")

    visit_all()

    assert statuses()[0].state is State.DOWN


def test_with_probes_switched_off_a_server_that_does_not_say_how_it_is_is_down(servers, settings):
    """There is nothing else to go by."""
    settings.JUDGE0_PROBE_EVERY_S = 0
    (server,) = servers(honest)
    visit_all()
    server.fail("500", path="/languages")

    visit_all(times=3)

    assert (statuses()[0].state, statuses()[0].breaker) == (State.DOWN, BreakerState.OPEN)


def test_a_lying_server_is_found_out_though_it_says_nothing_of_itself(servers):
    (server,) = servers(honest)
    visit_all()
    server.program = lying
    server.fail("500", path="/languages")

    visit_all(times=3)

    assert set(standings(statuses()[0]).values()) == {"bad"}
    assert statuses()[0].state is State.OUT_OF_SERVICE


@pytest.mark.parametrize(
    "config",
    [
        {"max_cpu_time_limit": float("nan")},
        {"max_memory_limit": float("inf")},
        {"max_submission_batch_size": 10**400},
    ],
)
def test_a_server_with_absurd_limits_is_out_of_service(servers, config):
    """S1.18 (in part): nothing else comes of it."""
    servers(honest, config=config)

    visit_all()

    assert not statuses()[0].is_usable


@pytest.mark.parametrize(
    ("options", "keeps"),
    [
        ({}, True),
        ({"config": {"enable_submission_delete": True}}, True),
        ({"config": {"enable_submission_delete": True}, "authz_token": "operator"}, False),
        ({"engine": True}, False),
    ],
)
def test_a_server_is_known_to_keep_what_it_is_sent_unless_it_forgets_or_lets_us_delete(
    servers, settings, options, keeps
):
    if "authz_token" in options:
        settings.JUDGE0_HEADERS = [{"X-Auth-User": options["authz_token"]}]
    settings.JUDGE0_PROBE_EVERY_S = 0
    servers(honest, **options)

    visit_all()

    assert statuses()[0].report.keeps_data is keeps


def test_staff_are_told_of_an_engine_that_isolates_less_than_fully(servers, settings):
    settings.JUDGE0_PROBE_EVERY_S = 0
    servers(honest, engine=True, config={"engine": {"fields": ["engine"], "reduced": True}})

    visit_all()

    assert statuses()[0].state is State.UP
    assert statuses()[0].report.detail.startswith("REDUCED ISOLATION")


def test_what_nobody_has_visited_is_unknown(servers):
    servers(honest)

    assert statuses()[0].state is State.UNKNOWN


def test_what_another_version_reported_is_as_if_nobody_had_visited(servers, author):
    """While versions change over, the web must not fall out of service."""
    (server,) = servers(honest)
    redis_client().set(f"backend:report:{server.url}", '{"answers": true, "mood": "good"}')

    assert statuses()[0].state is State.UNKNOWN
    assert Client().get("/readyz?role=web").status_code == 200
    assert author.get(ADDRESS).json()[0]["state"] == "unknown"


# --- Who visits ----------------------------------------------------------------------------------------------


@pytest.fixture
def start_probers():
    started = []

    def start(workers=1):
        started.extend(prober for _ in range(workers) for prober in probers())
        for prober in started:
            prober.start()

    yield start
    for prober in started:
        prober.stop()
    for prober in started:
        prober.join(5)


def _await(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_server_that_hangs_does_not_keep_others_from_being_visited(servers, start_probers):
    hanging, _ = servers(honest, honest)
    hanging.fail("hang")

    start_probers()

    _await(lambda: statuses()[1].state is State.UP)
    assert statuses()[0].state is State.UNKNOWN
    hanging.stop()


class Odd(Judge0):
    """A server that is so odd that its client fails, too."""

    def offered(self, timeout_s: float) -> tuple[str, ...]:
        raise ZeroDivisionError


def test_a_server_that_is_odd_in_a_way_nobody_has_thought_of_does_not_end_its_prober(servers, caplog):
    """Which would end the worker: one such server would end all workers."""
    (server,) = servers(honest)
    prober = Prober(Odd(server.url))
    prober.start()

    _await(lambda: "nobody has thought of" in caplog.text)

    assert "ZeroDivisionError" in caplog.text
    _await(lambda: redis_client().get(f"backend:failures:{server.url}") == b"1")
    assert prober.is_alive()
    prober.stop()
    prober.join(5)


def test_of_all_workers_one_visits_a_server_at_a_time(servers, start_probers):
    (server,) = servers(honest)

    start_probers(workers=8)

    _await(lambda: statuses()[0].state is State.UP)
    assert len(server.asked("GET", "/config_info")) == 1


def test_the_web_asks_no_server_when_it_tells_how_they_are(servers):
    (server,) = servers(honest)

    statuses()

    assert server.requests == []


# --- What staff are told -------------------------------------------------------------------------------------


@pytest.fixture
def author():
    client = Client()
    client.force_login(make_author())
    return client


def test_the_api_tells_staff_how_each_server_is_in_the_order_in_which_they_are_tried(servers, author):
    """S2.18 (in part): what workers share of a server can be seen."""
    first, second = servers(Wavering(b"#include <cstdio>"), honest)
    visit_all()
    pool().runs.take(first.url, 3)
    second.fail("500")
    visit_all(times=3)

    told = author.get(ADDRESS).json()

    assert [(one["url"], one["state"], one["breaker"]) for one in told] == [
        (first.url, "limited", "closed"),
        (second.url, "down", "open"),
    ]
    assert (told[0]["in_flight"], told[0]["max_in_flight"]) == (3, configured.JUDGE0_MAX_INFLIGHT)
    assert told[0]["queue"] == {"waiting": 0, "workers": 2}
    assert told[0]["keeps_data"] is True
    by_slug = {one["slug"]: one for one in told[0]["languages"]}
    assert {slug for slug, one in by_slug.items() if one["offered"]} == {"python", "cpp", "c"}
    python, cpp, c = (by_slug[slug] for slug in ("python", "cpp", "c"))
    assert (cpp["slug"], cpp["offered"], cpp["standing"]) == ("cpp", True, "bad")
    assert "it shows" in cpp["detail"]
    assert (python["standing"], c["standing"], c["detail"]) == ("good", "good", "")
    assert cpp["since"] <= cpp["checked_at"]
    assert isinstance(c["took_ms"], int)
    assert "500" in told[1]["detail"]


def test_the_api_tells_of_servers_that_nobody_has_visited(servers, author):
    servers(honest)

    (told,) = author.get(ADDRESS).json()

    assert (told["state"], told["queue"], told["checked_at"]) == ("unknown", None, None)
    assert told["languages"][0]["standing"] == Standing.UNKNOWN


def test_only_staff_who_may_see_submissions_are_told():
    learner, other_staff = Client(), Client()
    learner.force_login(make_user())
    other_staff.force_login(make_user(is_staff=True))
    service_user("code-exec")

    assert Client().get(ADDRESS).status_code == 401
    assert learner.get(ADDRESS).status_code == 403
    assert other_staff.get(ADDRESS).status_code == 403
    assert Client().get(ADDRESS, headers={"X-Code-Exec-Key": "key-one"}).status_code == 403
    assert other_staff.get(reverse("admin-backends")).status_code == 403
    assert learner.get(reverse("admin-backends")).status_code == 302
    assert Client().get(reverse("admin-backends")).status_code == 302


@pytest.fixture
def without_redis(settings):
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    connections.redis_client.cache_clear()
    pool.cache_clear()
    yield
    connections.redis_client.cache_clear()
    pool.cache_clear()


def test_without_redis_nothing_is_known_and_that_is_said(author, without_redis):
    answer = author.get(ADDRESS)

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer["Retry-After"] == "5"
    page = author.get(reverse("admin-backends"))
    assert page.status_code == 200
    assert "Redis does not answer" in page.content.decode()


def _words(page) -> str:
    return " ".join(page.content.decode().split())


def test_the_page_says_what_is_wrong_and_what_happens_meanwhile(servers, author):
    first, second = servers(Wavering(b"#include <cstdio>"), honest)
    visit_all()
    second.fail("500")
    visit_all(times=3)

    words = _words(author.get(reverse("admin-backends")))

    assert "in use, with exceptions" in words
    assert "no, since" in words
    assert "it shows" in words
    assert "No server can judge C++ at present." in words
    assert "It has been down since" in words
    assert "Programs and outputs stay stored at this server" in words
    assert first.url in words
    assert second.url in words


def test_the_page_says_when_no_worker_looks_after_the_servers(servers, author):
    servers(honest)

    assert "No worker has looked at the servers lately" in _words(author.get(reverse("admin-backends")))


def test_a_language_that_no_server_has_is_not_waited_for(servers, author):
    servers(honest, languages={71: "Python (3.8.1)"})
    visit_all()

    assert "No server can judge" not in _words(author.get(reverse("admin-backends")))


def test_a_page_without_trouble_reports_none(servers, author):
    servers(honest, engine=True)
    visit_all()

    page = author.get(reverse("admin-backends")).content.decode()

    assert 'class="trouble"' not in page
    assert "stay stored" not in page
    assert page.count("<td>yes</td>") == 3


def test_every_page_of_the_admin_leads_there(author):
    link = f'<a href="{reverse("admin-backends")}">Judge servers</a>'

    assert link in author.get(reverse("admin:index")).content.decode()
    assert link in author.get(reverse("admin:submissions_submission_changelist")).content.decode()


# --- Languages that no server has ----------------------------------------------------------------------------


def languages_on(page) -> set[str]:
    """Those that one may choose, with and without scripts."""
    html = page.content.decode()
    chosen_from = html.partition('<select id="language"')[2].partition("</select>")[0]
    found = set(re.findall(r'<option value="(\w+)"', chosen_from))
    data = re.search(r'<script id="page-data" type="application/json">(.*?)</script>', html)
    assert data
    assert set(json.loads(data[1])["languages"]) == found
    return found


def test_what_no_server_has_is_not_offered_where_one_writes(servers):
    servers(honest, honest)  # which have three languages
    visit_all()
    learner, question = make_user(), make_question()
    client = Client()
    client.force_login(learner)
    java = judging.submit(
        user=learner, question=question, language=languages.get("java"), source="class Main {}"
    )

    assert languages_on(client.get("/run/")) == FAKED
    assert languages_on(client.get(f"/questions/{question.slug}/")) == FAKED
    again = client.get(f"/questions/{question.slug}/?from={java.pk}")
    assert languages_on(again) == FAKED | {"java"}
    told = Api(learner).get("/api/v1/languages/").json()
    assert {one["slug"] for one in told if one["available"]} == FAKED


def test_while_a_server_has_not_told_what_it_has_everything_is_offered(servers):
    servers(honest, honest)
    visit(pool().servers[0])
    client = Client()
    client.force_login(make_user())

    assert languages_on(client.get("/run/")) == {one.slug for one in languages.LANGUAGES}
