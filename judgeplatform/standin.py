"""Redis and an engine for the lifetime of one command, in a clone where nothing runs and no other servers are named.

Settings are read once, so the command is started anew, in an environment that names both. They lie in a directory of
their own: in nobody's way, not even in that of an `up` that starts meanwhile.
"""

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from django.conf import settings

from judgeplatform import stack
from judgeplatform.stack import CannotStart, Stack
from judgeplatform.supervisor import LEASH, Died, Supervisor, TookTooLong

START_S = 60.0


def is_needed() -> bool:
    """Nobody has named servers that judge, and no `up` of this clone runs."""
    operators = _operators()
    is_named = any(name in operators for name in stack.NAMES_OF_BACKENDS)
    return not is_named and not stack.is_running(settings.VAR_DIR)


def run(arguments: Sequence[str], *, at_once: int) -> int:
    """`manage.py arguments…` with servers of its own, that judge so many submissions at once; its exit code.

    Raises CannotStart, also where a server dies meanwhile.
    """
    supervisor = Supervisor(_say_nothing, settings.BASE_DIR)
    with tempfile.TemporaryDirectory(prefix="judgeplatform-standin-", ignore_cleanup_errors=True) as var:
        servers = _servers(Path(var))
        try:
            _start(servers, supervisor)
            environment = _operators() | _found_at(servers) | {"REJUDGE_CONCURRENCY": str(at_once)}
            return _run(arguments, environment, supervisor)
        except Died as death:
            raise CannotStart(f"The process “{death.name}” {death.how}: {death.last_words}") from death
        finally:
            supervisor.stop()
            servers.withdraw()


def _servers(var: Path) -> Stack:
    return Stack(
        var=var,
        base=settings.BASE_DIR,
        host=settings.HOST,
        port=stack.free_port(),
        grace_s=0,
        trusts_proxy=False,
        operators=_operators(),
    )


def _start(servers: Stack, supervisor: Supervisor) -> None:
    """Both, until they answer."""
    awaited: list[tuple[str, Callable[[], bool]]] = [("The engine", servers.engine_is_ready)]
    supervisor.start(servers.engine())
    if servers.brings_redis:
        supervisor.start(servers.redis())
        awaited.append(("Redis", servers.redis_is_ready))
    for name, is_ready in awaited:
        try:
            supervisor.wait_until(is_ready, timeout_s=START_S)
        except TookTooLong as error:
            raise CannotStart(f"{name} did not get ready within {START_S:g} s.") from error


def _found_at(servers: Stack) -> dict[str, str]:
    names = ("REDIS_URL", "JUDGE0_URLS", "JUDGE0_AUTH_TOKEN")
    return {name: servers.started[name] for name in names if name in servers.started}


def _run(arguments: Sequence[str], environment: dict[str, str], supervisor: Supervisor) -> int:
    """What the servers print is read meanwhile: one whose lines nobody reads stops in the end.

    Whatever ends this process ends the command, too, as it does the servers.
    """
    leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid())]
    command = [*leash, sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
    with subprocess.Popen(command, env=environment) as process:
        try:
            supervisor.wait_until(lambda: process.poll() is not None, timeout_s=math.inf)
        except BaseException:
            process.terminate()
            raise
        return process.returncode


def _operators() -> dict[str, str]:
    operators = stack.operators_environment(settings.VAR_DIR, settings.BASE_DIR / ".env")
    return settings.CONFIGURATION.without_files(operators)


def _say_nothing(name: str, line: str) -> None:
    """What went wrong is told by the error that is raised."""
