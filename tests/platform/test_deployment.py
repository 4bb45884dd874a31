"""docker-compose.yml, Dockerfile and .env.example agree with each other and with the code. (Nothing is built here.)"""

import os
import re
import shlex

import pytest
import yaml
from django.core.management import get_commands

from tests.platform.running import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]


def read(name: str) -> str:
    return (ROOT / name).read_text()


def stages() -> dict[str, list[tuple[str, str]]]:
    """Dockerfile: name of a stage → its instructions, as (word, rest)."""
    text = re.sub(r"\\\n\s*", " ", read("Dockerfile"))
    found: dict[str, list[tuple[str, str]]] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            current = found.setdefault(rest.rpartition(" AS ")[2], [])
        current.append((word, rest))
    return found


def test_the_stack_has_only_web_worker_redis_postgres_and_a_judge():
    """S0.33, S1.6"""
    roles = {name.removesuffix("-low") for name in SERVICES}
    assert roles == {"web", "worker", "redis", "postgres", "engine"}


def test_web_and_workers_are_services_of_their_own_from_one_image():
    """S1.37"""
    assert SERVICES["web"]["image"] == SERVICES["worker"]["image"] == SERVICES["worker-low"]["image"]
    assert "command" not in SERVICES["web"]
    assert [SERVICES[name]["command"][3:5] for name in ("worker", "worker-low")] == [
        ["--queue", "default"],
        ["--queue", "low"],
    ]


def test_only_workers_share_a_network_with_the_judge_and_it_leads_nowhere_else():
    judged_at = {name for name, service in SERVICES.items() if "judging" in service["networks"]}
    assert judged_at == {"worker", "worker-low", "engine"}
    assert SERVICES["engine"]["networks"] == ["judging"]
    assert COMPOSE["networks"]["judging"] == {"internal": True}


def test_only_the_web_is_published_and_only_on_loopback():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:8000:8000"]}


def test_a_worker_gets_longer_to_stop_than_it_gives_its_jobs():
    for name in ("worker", "worker-low"):
        grace_s = int(SERVICES[name]["environment"]["JUDGE_GRACE_S"])
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= grace_s + 10


def test_what_is_built_has_its_stage():
    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert targets == {"app", "engine"}
    assert targets <= set(stages())


def test_every_command_of_manage_py_that_a_container_runs_exists():
    commands = [
        service["command"] for service in SERVICES.values() if "manage.py" in service.get("command", [])
    ]
    for instructions in stages().values():
        for word, rest in instructions:
            if word == "CMD":
                commands.append(yaml.safe_load(rest))
            elif word == "RUN":
                commands += [shlex.split(part) for part in rest.split("&&")]
    named = {command[command.index("manage.py") + 1] for command in commands if "manage.py" in command}
    assert named == {"judge_worker", "runengine", "collectstatic"}
    assert named <= set(get_commands())


def test_the_web_containers_script_can_be_started():
    (command,) = [yaml.safe_load(rest) for word, rest in stages()["app"] if word == "CMD"]
    assert os.access(ROOT / command[0], os.X_OK)


def test_the_app_does_not_run_as_root():
    assert ("USER", "judge") in stages()["app"]


def test_every_variable_that_compose_demands_is_in_the_example():
    demanded = set(re.findall(r"\$\{(\w+):\?", read("docker-compose.yml")))
    offered = set(re.findall(r"^(\w+)=", read(".env.example"), re.MULTILINE))
    assert demanded <= offered


@pytest.mark.parametrize("path", ["Dockerfile", "docker-compose.yml", ".env.example"])
def test_every_variable_of_ours_is_one_that_the_settings_read(path):
    settings = read("judgeplatform/settings.py")
    theirs = {
        "POSTGRES_USER",
        "POSTGRES_DB",
        "POSTGRES_PASSWORD",
        "PATH",
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
    }
    named = (
        set(re.findall(r"^\s*(?:# |ENV )?([A-Z][A-Z0-9_]{3,})[=:] ?\S*", read(path), re.MULTILINE)) - theirs
    )
    known = {re.sub(r"^JUDGE0_HEADERS_\d$", "JUDGE0_HEADERS_{n}", name) for name in named}
    assert [name for name in known if f'"{name}"' not in settings] == []


def passed_on(service: str) -> set[str]:
    """The settings that reach a container as .env says them, or not at all."""
    return {name for name, value in SERVICES[service]["environment"].items() if value is None}


def settings_of_readme() -> set[str]:
    table = read("README.md").partition("## Settings")[2].partition("## In containers")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    return {name for names in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)", names)}


@pytest.mark.parametrize("service", ["web", "worker", "worker-low"])
def test_whatever_the_readme_says_of_judges_and_limits_can_be_set_in_a_container(service):
    secret = {"JUDGE0_AUTH_TOKEN", "JUDGE0_AUTHZ_TOKEN", "JUDGE0_HEADERS_"}  # for workers alone
    wanted = {
        name
        for name in settings_of_readme()
        if name.startswith(("JUDGE0_", "MAX_QUEUE_", "RATE_LIMIT_", "SYNC_", "REJUDGE_"))
    } - {"JUDGE0_URLS", "RATE_LIMIT_BACKEND"}

    assert wanted - secret <= passed_on(service)
    held = {name for name in SERVICES[service]["environment"] if name.startswith(tuple(secret))}
    assert bool(held) == (service != "web")
    if held:
        assert {"JUDGE0_AUTH_TOKEN", "JUDGE0_AUTHZ_TOKEN", "JUDGE0_HEADERS_1", "JUDGE0_HEADERS_2"} <= held


def test_what_the_example_offers_gets_into_the_containers():
    offered = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", read(".env.example"), re.MULTILINE))
    compose = read("docker-compose.yml")
    inside = {"DATABASE_URL", "REDIS_URL"}  # the stack has its own
    assert [
        name for name in offered - inside if f"${{{name}" not in compose and f" {name}:\n" not in compose
    ] == []


def test_the_readme_lists_every_setting_and_no_other():
    readers = r"(?:env\.\w+|number|choice|rate|networks|algorithms)"
    read_by_settings = set(
        re.findall(rf"""{readers}\(\s*f?["']([A-Z0-9_]+)""", read("judgeplatform/settings.py"))
    )
    assert read_by_settings == settings_of_readme()
