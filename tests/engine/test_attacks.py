"""Programs against the sandbox's own machinery: its PID 1, the kernel behind it, other runs.

What they do to their own limits is in test_programs, what they do without control groups in
test_sandbox.
"""

from __future__ import annotations

import concurrent.futures
import fcntl

from .conftest import C

_HEADERS = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#define IS(expected, call) (errno = 0, (long)(call) < 0 ? errno == (expected) : !(expected))
"""


def answers(engine, body: str, **parameters) -> list[str]:
    """The lines that a C program of `body` prints."""
    result = engine.run(f"{_HEADERS}\nint main(void) {{ {body} }}", C, **parameters)
    assert result["status_id"] == 3, result
    return result["stdout"].decode().split()


def test_a_program_cannot_limit_slow_down_or_move_the_sandboxs_init(engine):
    body = """
    struct rlimit none = {0, 0};
    struct sched_param zero = {0};
    unsigned attributes[14] = {56};
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    printf("%d\\n", IS(EPERM, prlimit(1, RLIMIT_CPU, &none, 0)));
    printf("%d\\n", IS(EPERM, prlimit(1, RLIMIT_NOFILE, &none, 0)));
    printf("%d\\n", IS(EPERM, prlimit(getpid(), RLIMIT_NOFILE, 0, &none)));
    printf("%d\\n", IS(EPERM, sched_setaffinity(1, sizeof cpus, &cpus)));
    printf("%d\\n", IS(EPERM, sched_setscheduler(1, SCHED_IDLE, &zero)));
    printf("%d\\n", IS(EPERM, sched_setparam(1, &zero)));
    printf("%d\\n", IS(EPERM, syscall(SYS_sched_setattr, 1, attributes, 0)));
    printf("%d\\n", IS(EPERM, setpriority(PRIO_PROCESS, 1, 19)));
    printf("%d\\n", IS(EPERM, setpriority(PRIO_USER, getuid(), 19)));
    printf("%d\\n", IS(EPERM, syscall(SYS_ioprio_set, 1, 1, 3 << 13)));
    """
    assert answers(engine, body) == ["1"] * 10


def test_a_program_may_limit_and_move_itself_and_its_threads(engine):
    body = """
    struct rlimit few = {20, 20};
    cpu_set_t cpus;
    sched_getaffinity(0, sizeof cpus, &cpus);
    printf("%d\\n", IS(0, setrlimit(RLIMIT_NOFILE, &few)));
    printf("%d\\n", IS(0, sched_setaffinity(0, sizeof cpus, &cpus)));
    printf("%d\\n", pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus));
    """
    assert answers(engine, body) == ["1", "1", "0"]


def test_a_program_that_tries_to_kill_init_by_its_limits_is_judged_like_any_other(engine):
    """It was an internal error, on demand, with whatever the program wrote as the engine's words."""
    body = """
    struct rlimit none = {0, 0};
    dprintf(2, "box: forged\\n");
    prlimit(1, RLIMIT_CPU, &none, 0);
    for (;;) kill(1, 17);
    """
    source = f"{_HEADERS}\n#include <signal.h>\nint main(void) {{ {body} }}"
    result = engine.run(source, C, cpu_time_limit=0.5, cpu_extra_time=0)
    assert (result["status_id"], result["message"]) == (5, b"Time limit exceeded")


def test_there_are_no_sockets_but_unix_ones(engine):
    """Without a network there is nothing to connect to, and TCP buffers would be memory for free."""
    body = """
    int pair[2];
    printf("%d\\n", IS(EAFNOSUPPORT, socket(AF_INET, SOCK_STREAM, 0)));
    printf("%d\\n", IS(EAFNOSUPPORT, socket(AF_INET6, SOCK_DGRAM, 0)));
    printf("%d\\n", IS(EAFNOSUPPORT, socket(AF_VSOCK, SOCK_STREAM, 0)));
    printf("%d\\n", IS(EAFNOSUPPORT, socketpair(AF_TIPC, SOCK_SEQPACKET, 0, pair)));
    printf("%d\\n", IS(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair)));
    printf("%d\\n", IS(0, socket(AF_UNIX, SOCK_DGRAM, 0)));
    """
    assert answers(engine, body) == ["1"] * 6


def test_calls_that_reach_beyond_the_sandbox_are_refused(engine):
    body = """
    unsigned long context = 0;
    printf("%d\\n", IS(EPERM, syscall(SYS_io_setup, 1000, &context)));
    printf("%d\\n", IS(EPERM, syscall(SYS_sync)));
    printf("%d\\n", IS(EPERM, syncfs(0)));
    printf("%d\\n", IS(EPERM, syscall(467 /* open_tree_attr */, -1, "", 0, 0, 0)));
    printf("%d\\n", IS(EPERM, syscall(SYS_inotify_init1, 0)));
    """
    assert answers(engine, body) == ["1"] * 5


def test_no_run_can_lock_what_all_runs_and_the_host_share(engine):
    source = """
import fcntl, time
for path in ("/dev/null", "/usr/bin/python3"):
    try:
        fcntl.flock(open(path), fcntl.LOCK_EX | fcntl.LOCK_NB)
        print("locked", path)
    except PermissionError:
        pass
time.sleep(0.5)
"""
    with concurrent.futures.ThreadPoolExecutor() as threads, open("/dev/null") as null:
        running = threads.submit(engine.run, source)
        while not running.done():
            fcntl.flock(null, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(null, fcntl.LOCK_UN)
        assert (running.result()["status_id"], running.result()["stdout"]) == (3, b"")


def test_a_crash_dumps_no_core_and_the_limit_that_forbids_it_cannot_be_changed(engine):
    """The limit is 1: to 0 the kernel does not hold itself where core_pattern is a pipe."""
    source = """
import os, resource, signal
print(*open("/proc/self/limits").read().split("core file size")[1].split()[:2])
for change in (0, 1):
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (change, change))
        print("changed")
    except ValueError:  # what Python makes of EPERM
        pass
before = sorted(os.listdir())
if os.fork() == 0:
    os.abort()
_, status = os.wait()
print(os.WTERMSIG(status), os.WCOREDUMP(status), sorted(os.listdir()) == before)
"""
    lines = engine.run(source)["stdout"].decode().splitlines()
    assert lines[0] in ("1 1", "0 0")  # none where the engine itself is not allowed more
    assert lines[1:] == ["6 False True"]


def test_what_ordinary_programs_use_still_works(engine):
    source = """
import asyncio, multiprocessing, os, resource, socket, sqlite3, subprocess, tempfile
from concurrent.futures import ThreadPoolExecutor

def double(n):
    return 2 * n

async def echo():
    process = await asyncio.create_subprocess_exec("/bin/echo", "child", stdout=subprocess.PIPE)
    return (await process.communicate())[0].decode().strip()

print(asyncio.run(echo()))
with multiprocessing.Pool(2) as pool:
    print(pool.map(double, [1, 2]))
with ThreadPoolExecutor(4) as threads:
    print(list(threads.map(double, [3, 4])))
left, right = socket.socketpair()
left.send(b"unix")
print(right.recv(9).decode())
base = sqlite3.connect("/tmp/base")
base.execute("create table t (n)")
base.execute("insert into t values (5)")
base.commit()
print(base.execute("select n from t").fetchone()[0])
os.sched_setaffinity(0, os.sched_getaffinity(0))
soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))
with tempfile.TemporaryFile() as file:
    os.fsync(file.fileno())
print("done")
"""
    result = engine.run(source)
    expected = ["child", "[2, 4]", "[6, 8]", "unix", "5", "done"]
    assert (result["stdout"].decode().splitlines(), result["stderr"]) == (expected, b"")
