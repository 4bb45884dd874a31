"""docker-compose.yml, Dockerfile and .env.example agree with each other and with the code. (Nothing is built here.)"""

import os
import re
import shlex

import pytest
import yaml
from django.conf import settings
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
    usual = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert {name.removesuffix("-low") for name in usual} == {
        "web",
        "worker",
        "hints",
        "redis",
        "postgres",
        "engine",
        "migrate",
    }


def test_judge0_is_a_profile_of_four_services_that_reach_nothing_of_ours():
    """S1.40, S2.27 (in part)"""
    judge0 = {name: service for name, service in SERVICES.items() if service.get("profiles") == ["judge0"]}
    assert {name: service["networks"] for name, service in judge0.items()} == {
        "judge0-server": ["judging", "judge0"],
        "judge0-workers": ["judge0"],
        "judge0-db": ["judge0"],
        "judge0-redis": ["judge0"],
    }
    assert COMPOSE["networks"]["judge0"] == {"internal": True}
    assert [name for name, service in SERVICES.items() if service.get("privileged")] == ["judge0-workers"]


def test_one_job_brings_the_database_up_to_date_before_web_and_workers_start():
    assert SERVICES["migrate"]["command"][:3] == ["python", "manage.py", "migrate"]
    assert SERVICES["migrate"]["restart"] == "on-failure"
    for name in ("web", "worker", "worker-low", "hints"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert "migrate" not in read("deploy/start-web").partition("\nset -eu")[2]


def test_web_and_workers_are_services_of_their_own_from_one_image():
    """S1.37, S0.34"""
    assert len({SERVICES[name]["image"] for name in ("web", "worker", "worker-low", "hints")}) == 1
    assert "command" not in SERVICES["web"]
    assert [SERVICES[name]["command"][3:5] for name in ("worker", "worker-low")] == [
        ["--queue", "default"],
        ["--queue", "low"],
    ]


def test_only_workers_share_a_network_with_the_judge_and_it_leads_nowhere_else():
    judged_at = {name for name, service in SERVICES.items() if "judging" in service["networks"]}
    assert judged_at == {"worker", "worker-low", "hints", "engine", "judge0-server"}
    assert SERVICES["engine"]["networks"] == ["judging"]
    assert COMPOSE["networks"]["judging"] == {"internal": True}


def test_only_the_web_is_published_and_only_on_loopback():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:8000:8000"]}


def test_a_worker_gets_longer_to_stop_than_it_gives_its_jobs():
    for name in ("worker", "worker-low", "hints"):
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
    assert named == {"judge_worker", "hints_worker", "runengine", "collectstatic", "migrate"}
    assert named <= set(get_commands())


def test_the_web_containers_script_can_be_started():
    (command,) = [yaml.safe_load(rest) for word, rest in stages()["app"] if word == "CMD"]
    assert os.access(ROOT / command[0], os.X_OK)


def test_the_app_does_not_run_as_root():
    """By number: Kubernetes cannot tell of a name."""
    (user,) = [rest for word, rest in stages()["app"] if word == "USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert user.partition(":")[0] in str(stages()["app"])


def test_all_that_is_copied_into_an_image_is_there_and_not_ignored():
    ignored = read(".dockerignore").splitlines()
    sources = [
        source
        for instructions in stages().values()
        for word, rest in instructions
        if word == "COPY" and not rest.startswith("--from=")
        for source in rest.split()[:-1]
    ]
    assert sources == ["requirements.txt", "requirements-ai.txt", "."]
    assert "!requirements.txt" in ignored
    kept = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert [name for name in kept if not (ROOT / name).exists()] == []
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert packages | {"manage.py", "templates", "static", "deploy"} <= set(kept)


def test_signals_reach_the_process_that_they_are_meant_for():
    """No shell stands between a container and what it runs."""
    commands = [rest for instructions in stages().values() for word, rest in instructions if word == "CMD"]
    assert all(isinstance(yaml.safe_load(rest), list) for rest in commands)
    assert read("deploy/start-web").splitlines()[-1].startswith("exec ")


def test_every_variable_that_compose_demands_is_in_the_example():
    demanded = set(re.findall(r"\$\{(\w+):\?", read("docker-compose.yml")))
    offered = set(re.findall(r"^(\w+)=", read(".env.example"), re.MULTILINE))
    assert demanded <= offered


def are_settings(names: set[str]) -> bool:
    """All of them; what is none is shown."""
    assert [name for name in sorted(names) if settings.CONFIGURATION.setting_of(name) is None] == []
    return True


@pytest.mark.parametrize("path", ["Dockerfile", ".env.example"])
def test_every_variable_of_ours_is_one_that_the_settings_read(path):
    theirs = {
        "POSTGRES_PASSWORD",
        "JUDGE0_STORE_PASSWORD",
        "PATH",
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
    }
    named = re.findall(r"^\s*(?:# |ENV )?([A-Z][A-Z0-9_]{3,})[=:] ?\S*", read(path), re.MULTILINE)

    assert are_settings(set(named) - theirs)


def test_every_variable_of_our_containers_is_one_that_the_settings_read():
    ours = [service for service in SERVICES.values() if "build" in service]

    assert are_settings({name for service in ours for name in service["environment"]})


OF_HINTS = {
    "HINTS_PROVIDER",
    "HINTS_TIMEOUT_S",
    "HINTS_MAX_TOKENS",
    "HINTS_CONCURRENCY",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_MODEL",
    "ANTHROPIC_BASE_URL",
    "OPENAI_API_KEY",
    "OPENAI_MODEL",
    "OPENAI_BASE_URL",
}


def passed_on(service: str) -> set[str]:
    """The settings that reach a container as .env says them, or not at all."""
    return {name for name, value in SERVICES[service]["environment"].items() if value is None}


@pytest.mark.parametrize("service", ["web", "worker", "worker-low"])
def test_whatever_can_be_set_can_be_set_in_a_container(service):
    of_the_container = {
        "VAR_DIR",
        "HOST",
        "PORT",
        "WORKER_HTTP_HOST",
        "WORKER_HTTP_PORT",
        "JUDGE_GRACE_S",
    }
    of_this_file = {"SECRET_KEY", "PUBLIC_URL", "DATABASE_URL", "REDIS_URL", "CODE_EXEC_KEY", "JUDGE0_URLS"}
    of_one_server = {"CODE_EXECUTOR_HOST", "CODE_EXECUTOR_PORT"}
    of_manifests = {"CODE_EXECUTOR_MAX_CPU", "CODE_EXECUTOR_DOCKER_IMAGE", "PROMETHEUS_MULTIPROC_DIR"}
    of_development = {"DEBUG", "RATE_LIMIT_BACKEND", "REQUIRE_CODE_EXEC_KEY"}
    of_workers = {"JUDGE0_AUTH_TOKEN", "JUDGE0_AUTHZ_TOKEN", "JUDGE0_HEADERS_<n>", "JUDGE_CONCURRENCY"}
    elsewhere = of_the_container | of_this_file | of_one_server | of_manifests | of_development | of_workers
    elsewhere |= OF_HINTS

    wanted = {name for name in settings.CONFIGURATION.settings if not name.startswith("ENGINE_")}

    assert wanted - elsewhere - passed_on(service) == set()


@pytest.mark.parametrize("service", ["web", "worker", "worker-low", "hints"])
def test_what_opens_the_judges_is_for_workers_alone(service):
    held = {
        name
        for name in SERVICES[service]["environment"]
        if name.startswith(("JUDGE0_AUTH", "JUDGE0_HEADERS_"))
    }

    assert bool(held) == (service != "web")
    if held:
        assert {"JUDGE0_AUTH_TOKEN", "JUDGE0_AUTHZ_TOKEN", "JUDGE0_HEADERS_1", "JUDGE0_HEADERS_2"} <= held


def test_what_opens_language_models_is_for_the_worker_of_hints_alone():
    """S3.23 (in part)"""
    holding = {name for name, service in SERVICES.items() if OF_HINTS & set(service.get("environment") or ())}
    assert holding == {"hints"}
    assert passed_on("hints") >= OF_HINTS | passed_on("worker")


def test_what_the_example_offers_gets_into_the_containers():
    offered = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", read(".env.example"), re.MULTILINE))
    compose = read("docker-compose.yml")
    inside = {"DATABASE_URL", "REDIS_URL"}  # the stack has its own
    assert [
        name for name in offered - inside if f"${{{name}" not in compose and f" {name}:\n" not in compose
    ] == []


def test_the_readme_names_no_setting_that_there_is_not_and_only_the_few_that_everybody_meets():
    table = read("README.md").partition("## Settings")[2].partition("## In containers")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = {name for names in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)", names)}

    assert are_settings(named)
    assert len(named) <= 15
