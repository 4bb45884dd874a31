"""`/metrics`: what it tells, to whom, and that dashboard, alerts and documents speak of what there is."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import mark_process_dead
from prometheus_client.parser import text_string_to_metric_families

from accounts import limits
from execution import errors, languages
from execution.judge0 import name_of
from hints import answering  # noqa: F401 (its metrics are in the document, too)
from submissions import cluster, ephemeral, judging, leases, lifecycle, recovery, waiting
from submissions.backends import visit
from submissions.cluster import Cluster
from submissions.connections import pool, queue, redis_client
from submissions.dependencies import Asked
from submissions.ephemeral import Trial
from submissions.exposition import OF_DJANGO_RQ, exposition
from submissions.models import Submission
from tests.conftest import METRICS_TOKEN, ROOT
from tests.environment import SCRATCH
from tests.factories import make_author, make_question, make_user
from tests.fakes import FakeJudge0, printed
from tests.platform.running import leashed
from tests.stepwise import Stepwise, run, submit

BEARER = {"Authorization": f"Bearer {METRICS_TOKEN}"}
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/judge-platform.json"


def measured(name: str, text: bytes = b"", **labels: str) -> float:
    """The one sample, or the sum of those that have these labels; 0 where there is none."""
    families = text_string_to_metric_families((text or exposition()[0]).decode())
    found = [one for family in families for one in family.samples if one.name == name]
    return sum(one.value for one in found if labels.items() <= one.labels.items())


def lines(name: str, text: bytes) -> list[str]:
    return [line for line in text.decode().splitlines() if line.startswith(name)]


# --- Who may read it -------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_who_shows_the_token_reads_it_and_to_others_it_is_not_there(settings):
    """S2.16 (in part)"""
    settings.METRICS_TOKEN = METRICS_TOKEN
    told = Client().get("/metrics", headers=BEARER)
    assert (told.status_code, told["Cache-Control"]) == (200, "no-store")
    assert told["Content-Type"].startswith("text/plain; version=")

    for shown in ("", "Bearer", "Bearer wrong", f"Basic {METRICS_TOKEN}", METRICS_TOKEN, "Bearer tökén"):
        assert Client().get("/metrics", headers={"Authorization": shown}).status_code == 404
    learner = Client()
    learner.force_login(make_user())
    assert learner.get("/metrics").status_code == 404


@pytest.mark.django_db
def test_without_a_token_in_the_settings_only_staff_reads_it():
    assert Client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
    for one in (make_author(), make_user(is_superuser=True)):
        staff = Client()
        staff.force_login(one)
        assert staff.get("/metrics").status_code == 200


@pytest.mark.django_db
def test_nothing_that_a_client_chooses_becomes_a_label_or_a_failure():
    client = Client()
    assert client.get("/no/such/path-5f3759df/").status_code == 404
    assert client.get("/questions/", headers={"Content-Length": "many"}).status_code == 200
    client.generic("BREW", "/questions/")

    text = exposition()[0]

    assert b"5f3759df" not in text
    assert b"BREW" not in text
    assert measured("django_http_requests_latency_seconds_by_view_method_count", text, view="questions")


def test_a_backend_is_called_by_its_address_without_what_opens_it():
    assert name_of("https://user:secret@judge.example:2358/base/?key=secret") == "judge.example:2358/base"


# --- What processes count --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_number_of_submissions_that_are_being_judged_is_true_and_returns_to_none():
    """S2.21: however a judging ends, by a verdict or by a failure of ours."""
    user = make_user()
    one, two = [Stepwise(submit(user)) for _ in range(2)]
    one.claim()
    two.claim()
    seen = []
    with suppress(ZeroDivisionError), leases.held(one.claimed):
        seen.append((measured("judge_inflight"), len(leases.in_flight())))
        with leases.held(two.claimed):
            seen.append((measured("judge_inflight"), len(leases.in_flight())))
        raise ZeroDivisionError

    assert seen == [(1, 1), (2, 2)]
    assert measured("judge_inflight") == len(leases.in_flight()) == 0


@pytest.mark.django_db(transaction=True)
def test_what_was_judged_is_counted_and_how_long_each_stage_took(backends, work):
    """S3.50: the histograms have grown by as many as were judged. (S2.21)"""
    judged = {"kind": "graded", "verdict": "AC", "language": "python"}
    runs = (
        "judge_run_cpu_seconds_count",
        "judge_run_memory_bytes_count",
        "judge_run_turnaround_seconds_count",
    )
    before = [measured(name, language="python") for name in runs]
    judgings, attempts = measured("judge_judgings_total", **judged), measured("judge_attempt_seconds_count")
    waited, taken = measured("judge_queue_wait_seconds_count"), measured("judge_submissions_total")
    with FakeJudge0(lambda source, stdin: printed(b"3\n")) as judge0:
        backends(judge0.url)
        question = make_question(cases=[("1 2\n", "3\n", True)])
        for _ in range(3):
            judging.submit(
                user=make_user(), question=question, language=languages.get("python"), source="print(3)"
            )
        work(concurrency=3)

    assert measured("judge_inflight") == 0
    assert [measured(name, language="python") for name in runs] == [count + 3 for count in before]
    assert measured("judge_judgings_total", **judged, backend=name_of(judge0.url)) == 3
    assert measured("judge_judgings_total", **judged) == judgings + 3
    assert measured("judge_attempt_seconds_count") == attempts + 3
    assert measured("judge_queue_wait_seconds_count") == waited + 3
    assert measured("judge_submissions_total") == taken + 3
    calls = {"backend": name_of(judge0.url), "call": "POST /submissions", "outcome": "2xx"}
    assert measured("judge_backend_calls_total", **calls) == 3


@pytest.mark.django_db(transaction=True)
def test_errors_of_ours_and_the_sweepers_repairs_are_counted():
    lost, cancelled = submit(make_user()), submit(make_user())
    repairs = measured("judge_sweeper_repairs_total", repair="taken_back")
    ends = measured("judge_errors_total", kind="graded", code="cancelled")
    Stepwise(lost).claim()
    Submission.objects.filter(pk=lost.pk).update(overdue_at=Now())

    recovery.sweep()
    lifecycle.cancel(cancelled)

    assert measured("judge_sweeper_repairs_total", repair="taken_back") == repairs + 1
    assert measured("judge_errors_total", kind="graded", code="cancelled") == ends + 1


@pytest.mark.django_db
def test_requests_beyond_a_limit_are_counted_by_its_scope(settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"submit": "1/minute"}
    before = measured("judge_rate_limit_hits_total", scope="submit")

    limits.take("submit", "somebody")
    with pytest.raises(limits.Limited):
        limits.take("submit", "somebody")

    assert measured("judge_rate_limit_hits_total", scope="submit") == before + 1


@pytest.mark.django_db
def test_a_run_that_has_outlived_its_time_is_gone_and_counted_once(settings, client):
    """S4.20: no purge job is at work; the row is a second older than EXECUTION_TTL."""
    settings.EXECUTION_TTL_S = 100
    user = make_user()
    old, young = run(user), run(user)
    before = measured("judge_executions_expired_total")
    Submission.objects.filter(pk=old.pk).update(created_at=F("created_at") - timedelta(seconds=101))
    redis_client().zincrby(ephemeral.EXPIRING, -101, str(old.pk))
    client.force_login(user)

    assert client.get(f"/api/v1/executions/status/{old.pk}").status_code == 404
    assert client.get(f"/api/v1/executions/status/{young.pk}").status_code == 200
    assert [ephemeral.count_expired(), ephemeral.count_expired()] == [1, 0]
    assert measured("judge_executions_expired_total") == before + 1


@pytest.mark.django_db
def test_a_run_that_did_not_come_to_be_does_not_expire():
    old = run(make_user())
    ephemeral.forget(old.pk)
    assert redis_client().zcard(ephemeral.EXPIRING) == 0
    ephemeral.store(old.pk, source=b"", trial=Trial())
    assert redis_client().zcard(ephemeral.EXPIRING) == 1


# --- What holds for the installation ---------------------------------------------------------------------------


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_how_deep_and_how_old_the_queue_is_is_known_also_when_redis_was_emptied():
    """S1.41: depth and age come from rows. What no backend can judge stands outside the line."""
    user = make_user()
    first, _, stuck, running = [submit(user) for _ in range(4)]
    Submission.objects.filter(pk=first.pk).update(created_at=F("created_at") - timedelta(seconds=90))
    lifecycle.wait_for_backend(stuck)
    Stepwise(running).claim()
    redis_client().flushall()

    text = exposition()[0]

    assert measured("judge_queue_depth", text, queue="default") == 2
    assert 90 <= measured("judge_queue_oldest_seconds", text, queue="default") < 100
    assert measured("judge_queue_awaiting_backend", text, queue="default") == 1
    assert measured("judge_queue_depth", text, queue="low") == 0
    assert measured("judge_queue_oldest_seconds", text, queue="low") == 0
    assert measured("judge_submissions_unfinished", text, kind="graded", status="running") == 1
    assert measured("judge_queue_jobs", text, queue="default") == 0


@pytest.mark.django_db(transaction=True)
def test_workers_their_slots_and_the_jobs_in_redis_are_counted_by_queue():
    submit(make_user())
    waiting.announce("one", "default", 4)
    waiting.announce("two", "default", 32)

    text = exposition()[0]

    assert [measured(name, text, queue="default") for name in ("judge_workers", "judge_worker_slots")] == [
        2,
        36,
    ]
    assert measured("judge_workers", text, queue="low") == 0
    assert measured("judge_queue_jobs", text, queue="default") == queue("default").count == 1


@pytest.mark.django_db
def test_backends_tell_their_state_their_breaker_and_whether_they_judge_rightly(backends, settings):
    settings.JUDGE0_PROBE_EVERY_S = 30.0
    with FakeJudge0(lambda source, stdin: printed(b"nonsense\n")) as liar:
        backends(liar.url, "http://127.0.0.1:1")
        for server in pool().servers:
            visit(server)
        text = exposition()[0]

    lies, away = name_of(liar.url), "127.0.0.1:1"
    assert measured("judge_backends_usable", text) == 0
    assert measured("judge_backend_state", text, backend=lies, state="out_of_service") == 1
    assert measured("judge_backend_state", text, backend=away, state="down") == 1
    assert measured("judge_backend_breaker_state", text, backend=lies, state="closed") == 1
    assert lines(f'judge_backend_probe_ok{{backend="{lies}",language="python"}} 0.0', text)
    assert measured("judge_probes_total", text, backend=lies, language="python", result="failed") == 1
    assert measured("judge_backend_calls_total", text, backend=away, outcome="unavailable") > 0


@pytest.mark.django_db
def test_it_asks_the_database_as_often_for_many_rows_as_for_none(django_assert_num_queries):
    with django_assert_num_queries(2):
        list(cluster.of_database())
    user = make_user()
    for _ in range(20):
        submit(user)
    with django_assert_num_queries(2):
        list(cluster.of_database())


@pytest.mark.django_db
def test_while_the_database_is_away_what_redis_knows_is_told(monkeypatch):
    waiting.announce("one", "default", 4)
    monkeypatch.setitem(connection.settings_dict, "NAME", "/nowhere/at all")

    text = exposition()[0]

    assert measured("judge_dependency_up", text, dependency="database") == 0
    assert measured("judge_dependency_up", text, dependency="redis") == 1
    assert measured("judge_workers", text, queue="default") == 1
    assert not lines("judge_queue_depth", text)


def test_what_hangs_is_told_to_be_away_and_is_not_asked_again_meanwhile():
    """A database that takes connections and says nothing would else get one more for each scrape."""
    hanging, let_go = [], threading.Event()

    def hang() -> list[Metric]:
        hanging.append(threading.current_thread())
        assert let_go.wait(10)
        return []

    known = cluster.gauge("judge_workers", "Those that are there.")
    known.add_metric([], 3)
    told = CollectorRegistry(auto_describe=False)
    told.register(Cluster({"database": Asked(hang, deadline_s=0.1), "redis": Asked(lambda: [known])}))

    texts = [generate_latest(told) for _ in range(3)]
    let_go.set()
    hanging[0].join(5)

    for text in texts:
        assert measured("judge_dependency_up", text, dependency="database") == 0
        assert measured("judge_dependency_up", text, dependency="redis") == 1
        assert measured("judge_workers", text) == 3
    assert len(hanging) == 1
    assert measured("judge_dependency_up", generate_latest(told), dependency="database") == 1


@pytest.mark.django_db
def test_what_cannot_be_read_does_not_hide_the_rest():
    """Another version's records, say."""
    redis_client().zadd("queue:default:slots", {"one many": time.time() + 60})

    text = exposition()[0]

    assert measured("judge_dependency_up", text, dependency="redis") == 0
    assert measured("judge_dependency_up", text, dependency="database") == 1
    assert lines("judge_inflight ", text)


@pytest.mark.django_db(transaction=True)
def test_while_redis_is_away_what_the_database_knows_is_told(settings):
    submit(make_user())
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    connections = (redis_client, queue, pool)
    for one in connections:
        one.cache_clear()
    try:
        text = exposition()[0]
    finally:
        for one in connections:
            one.cache_clear()

    assert measured("judge_dependency_up", text, dependency="redis") == 0
    assert measured("judge_queue_depth", text, queue="default") == 1
    assert not lines("judge_workers{", text)


# --- Several processes behind one address ------------------------------------------------------------------------


COUNTS = """
import django; django.setup()
from submissions.visitors import SOCKETS
from accounts.limits import HITS
HITS.labels("submit").inc(int({hits})); SOCKETS.inc()
print("counted", flush=True); input()
"""
TELLS = """
import sys, django; django.setup()
from submissions.exposition import exposition
sys.stdout.buffer.write(exposition()[0])
"""


def test_several_processes_behind_one_address_count_together_and_tell_the_installation_once(tmp_path: Path):
    """What each counts is summed, whoever is asked. What one counted that has ended still counts; what it had open
    does until somebody says that it is dead."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "judgeplatform.settings",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{SCRATCH}/nothing.sqlite3",
    }

    def start(program: str) -> "subprocess.Popen[bytes]":
        command = leashed(sys.executable, "-c", program)
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe)

    started = [start(COUNTS.format(hits=hits)) for hits in (3, 4)]
    try:
        for one in started:
            assert one.stdout.readline() == b"counted\n"
        ended = started.pop()
        ended.communicate(b"\n", timeout=30)
        mark_process_dead(ended.pid, str(tmp_path))
        text, _ = start(TELLS).communicate(timeout=30)
    finally:
        for one in started:
            one.communicate(b"\n", timeout=30)

    assert measured("judge_rate_limit_hits_total", text, scope="submit") == 7
    assert measured("judge_connections_open", text, kind="websocket") == 1
    assert len(lines('judge_dependency_up{dependency="redis"}', text)) == 1
    assert len(lines('judge_workers{queue="default"}', text)) == 1
    assert OF_DJANGO_RQ.encode() not in text


# --- What others say of it -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def live(stack) -> dict[str, bytes]:
    """What web and workers of a running platform tell after it has judged a sample, as it does at its start."""
    worker = f"http://127.0.0.1:{stack.watched_at}"
    return {
        "web": requests.get(f"{stack.url}/metrics", headers=BEARER, timeout=10).content,
        "worker": requests.get(f"{worker}/metrics", timeout=10).content,
        "hints": requests.get(f"http://127.0.0.1:{stack.watched_at + 2}/metrics", timeout=10).content,
    }


@pytest.fixture(scope="session")
def promtool() -> str:
    found = shutil.which("promtool", path=f"{ROOT}/var/tools{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip("promtool is missing: bin/setup --tests unpacks it where apt-get can download prometheus")
    return found


@pytest.mark.parametrize("process", ["web", "worker", "hints"])
def test_promtool_finds_nothing_wrong_with_what_is_told(live, promtool, process):
    """S2.16"""
    checked = subprocess.run([promtool, "check", "metrics"], input=live[process], capture_output=True)
    assert (checked.returncode, checked.stderr.decode()) == (0, "")


def test_what_alerts_watch_for_bursts_is_there_before_the_first_one(live):
    """A series that begins at 500 shows no increase."""
    for kind, code in itertools.product(Submission.Kind.values, lifecycle.CODES):
        assert lines(f'judge_errors_total{{code="{code}",kind="{kind}"}}', live["worker"])
        assert lines(f'judge_attempt_seconds_count{{kind="{kind}",status="done"}}', live["worker"])
    assert lines("judge_runs_repeated_total{backend=", live["worker"])
    assert lines('django_http_responses_total_by_status_total{status="500"} 0.0', live["web"])


def test_alerts_fire_when_they_should_and_only_then(promtool):
    for what in (["check", "rules", ALERTS.name], ["test", "rules", "alerts.test.yml"]):
        checked = subprocess.run([promtool, *what], cwd=ALERTS.parent, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def rules() -> list[dict]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def test_every_alert_says_how_grave_it_is_and_where_its_page_is():
    for rule in rules():
        page = re.sub(r"(?<!^)(?=[A-Z])", "-", rule["alert"]).lower()
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{page}"
    pages = {one["annotations"]["runbook_url"].partition("#")[2] for one in rules()}
    handbook = (ROOT / "docs/operations.md").read_text()
    chapter = handbook.partition("## When an alert fires\n")[2].partition("\n## ")[0]
    headings = re.findall("^### (.+)$", chapter, re.MULTILINE)
    assert sorted(pages) == sorted(heading.lower().replace(" ", "-") for heading in headings)


def test_the_page_of_judging_errors_has_all_codes_and_says_which_the_alert_leaves_out():
    """The codes of submissions' errors are those of `lifecycle`; `errors` lists all of its tree."""
    handbook = (ROOT / "docs/operations.md").read_text()
    page = handbook.partition("\n### Judging errors\n")[2].partition("\n### ")[0]
    ours, left_out = (
        re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) for part in page.split("leaves them out")
    )
    [expression] = [rule["expr"] for rule in rules() if rule["alert"] == "JudgingErrors"]

    assert sorted(ours + left_out) == sorted(lifecycle.CODES)
    for excluded in re.findall(r'code!~"(.*?)"', expression):
        assert sorted(excluded.split("|")) == sorted(left_out)
    assert set(errors.CODES) == codes_below(errors.JudgingError)


def codes_below(error: type[errors.JudgingError]) -> set[str]:
    return {error.code}.union(*map(codes_below, error.__subclasses__()))


def named_in(promql: str) -> set[str]:
    """The metrics that an expression names; words in braces and quotes are labels and their values."""
    bare = re.sub(r"\{[^}]*\}|\"[^\"]*\"", "", promql)
    return set(re.findall(r"\b(?:judge|django|process|python)_\w+", bare))


def asked_for() -> set[str]:
    """By dashboard, alerts and autoscalers."""
    panels = [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    expressions += [str(rule["expr"]) for rule in rules()]
    manifests = sorted((ROOT / "deploy/k8s").rglob("*.yaml"))
    expressions += [
        found for one in manifests for found in re.findall(r"\bname: (judge_\w+)", one.read_text())
    ]
    return set().union(*map(named_in, expressions))


def test_a_metric_is_told_from_labels_functions_and_words_in_quotes():
    words = 'sum by (judge_label) (rate(judge_a_total{judge_b="judge_c"}[5m])) / judge_d'
    assert named_in(words) - {"judge_label"} == {"judge_a_total", "judge_d"}


def test_every_metric_that_dashboard_alerts_and_autoscalers_name_is_there(live):
    told = b"\n".join(live.values()).decode()
    families = {name for name, _ in re.findall(r"^# TYPE (\S+) (\S+)", told, re.MULTILINE)}
    histograms = set(re.findall(r"^# TYPE (\S+) histogram", told, re.MULTILINE))
    there = families | {f"{name}_{part}" for name in histograms for part in ("bucket", "count", "sum")}

    assert len(asked_for()) > 40
    assert asked_for() - there == set()


def described() -> str:
    """The table of docs/metrics.md as the code has it."""
    own = [one for one in REGISTRY.collect() if one.name.startswith("judge_")]
    found = {one.name: (one, _labels(one.name)) for one in own}
    of_all: list[Any] = list(Cluster().collect())
    found |= {one.name: (one, one._labelnames) for one in of_all}
    rows = [
        f"| `{name}{'_total' if one.type == 'counter' else ''}` | {one.type} "
        f"| {', '.join(f'`{label}`' for label in labels)} | {one.documentation} |"
        for name, (one, labels) in sorted(found.items())
    ]
    return "\n".join(["| Name | Type | Labels | Meaning |", "|---|---|---|---|", *rows])


def _labels(name: str) -> tuple[str, ...]:
    collector: Any = REGISTRY._names_to_collectors[name]
    return collector._labelnames


@pytest.mark.django_db
def test_the_document_tells_all_metrics_as_they_are():
    """Where it fails: put the table that it prints into docs/metrics.md."""
    assert described() in (ROOT / "docs/metrics.md").read_text(), described()
