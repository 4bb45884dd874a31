"""Where no namespaces can be made: the reduced walls, and the engine that asks before it uses them.

What hostile programs in general do there is in test_attack_table. Containers are imitated: few rights, a
filter that refuses namespaces and mounts, and no control groups.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from execution.engine import rundir
from execution.engine.jobs import MIB, Job, Killed, Limits, Outcome
from execution.engine.reduced import Reduced, landlock_version
from execution.engine.requirements import find

from .conftest import PYTHON, ROOT, C, Engine, ready, wait_until
from .gaps import listed
from .walls import REDUCED_MODES, Mode, Walls, own_uid, processes_of, what_is_missing, workshop

LIMITS = Limits(cpu_ms=3000, wall_ms=9000, memory_kib=256_000, stack_kib=8000, processes=16, file_bytes=MIB)
UNPRIVILEGED_UID = own_uid() + 7

# Everything that a program could do to others with their own user id, if nothing but that id were in the way.
REACHING = r"""
import ctypes, fcntl, os, resource, signal, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
engine, treasure = int(sys.argv[1]), sys.argv[2]
supervisor, own = os.getppid(), os.getpid()

def tried(name, act):
    try:
        told = act()
        if told is not False and told != -1:
            print("BREACH", name, told, flush=True)
    except (OSError, ValueError):
        pass

for victim in {engine, supervisor} - {1}:
    tried("kill", lambda: os.kill(victim, 0))
    tried("pidfd", lambda: signal.pidfd_send_signal(os.pidfd_open(victim), 0))
    tried("sigqueue", lambda: libc.sigqueue(victim, 0, ctypes.c_void_p(0)))
    tried("tgkill", lambda: libc.syscall({"x86_64": 234, "aarch64": 131}[os.uname().machine], victim, victim, 0))
    tried("owner of a file", lambda: fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, victim))
    tried("limits", lambda: resource.prlimit(victim, resource.RLIMIT_NOFILE))
    tried("priority", lambda: os.setpriority(os.PRIO_PROCESS, victim, 5))
    tried("scheduler", lambda: os.sched_setscheduler(victim, os.SCHED_BATCH, os.sched_param(0)))
    tried("CPUs", lambda: os.sched_setaffinity(victim, {0}))
    for name in ("environ", "mem", "maps", "fd/0", "cwd/manage.py"):
        tried(name, lambda: os.open(f"/proc/{victim}/{name}", os.O_RDONLY))
    tried("oom_score_adj", lambda: os.open(f"/proc/{victim}/oom_score_adj", os.O_WRONLY))
    tried("exe", lambda: os.readlink(f"/proc/{victim}/exe"))
    tried("descriptors", lambda: os.listdir(f"/proc/{victim}/fd"))
for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND):
    tried("open", lambda: os.open(treasure, flags))
for mode in (0, 0o644, 0o777):
    tried("chmod", lambda: os.chmod(treasure, mode))
tried("truncate", lambda: os.truncate(treasure, 0))
tried("chown", lambda: os.chown(treasure, -1, os.getgid()))
tried("utime", lambda: os.utime(treasure))
tried("setxattr", lambda: os.setxattr(treasure, "user.x", b"y"))
tried("link", lambda: os.link(treasure, "taken"))
tried("rename", lambda: os.rename(treasure, "taken"))
tried("unlink", lambda: os.unlink(treasure))
tried("list", lambda: os.listdir(os.path.dirname(treasure)))
tried("neighbour", lambda: os.mkdir(os.path.join(os.path.dirname(treasure), "made")))
for place in ("/tmp", "/var/tmp", "/dev/shm", os.path.dirname(treasure)):
    tried("write", lambda: os.open(f"{place}/reaching-{own}", os.O_WRONLY | os.O_CREAT))
for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
    tried("socket", lambda: socket.socket(family, socket.SOCK_DGRAM))
tried("datagrams", lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
tried("connect", lambda: socket.socketpair()[0].connect("\0x"))
tried("inotify", lambda: libc.inotify_init())
print("done")
"""

ORDINARY = r"""
import asyncio, os, signal, socket, sqlite3, subprocess, sys, tempfile, threading
print(sys.stdin.read(), open("/dev/stdin").read() == "in", open("/dev/null").read() == "")
print(subprocess.run(["/bin/echo", "child"], capture_output=True, text=True).stdout.strip())
left, right = socket.socketpair()
left.send(b"pair")
print(right.recv(9).decode())
print(asyncio.run(asyncio.sleep(0, "loop")))
with tempfile.NamedTemporaryFile() as file:
    file.write(b"temporary")
    print(os.path.dirname(file.name) == os.getcwd() == os.environ["HOME"], os.getcwd().startswith("/"))
base = sqlite3.connect("base")
base.execute("create table t (n)")
base.commit()
if os.fork() == 0:
    os.abort()
print(os.WTERMSIG(os.wait()[1]) in (signal.SIGABRT, signal.SIGSEGV))
os.kill(os.getpid(), 0)
os.makedirs("tree/below")
open("tree/data", "w").write("kept")
os.symlink("/etc/passwd", "tree/link")
print(sorted(os.listdir()), len(open("/proc/self/status").read()) > 100)
"""
EXPECTED = """in True True
child
pair
loop
True True
True
['base', 'main.py', 'tool', 'tree'] True
"""


def python_job(source: str, *arguments: str, **more: object) -> Job:
    files = (("/box/main.py", source.encode()),)
    job = Job((find("python3")[0], "main.py", *arguments), LIMITS, files=files)
    return replace(job, **more)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Place:
    """Reduced walls of a mode, with something beside them that is no program's business."""

    mode: Mode
    walls: Walls
    box: Path
    engine: int
    treasure: Path

    def run(self, **jobs: Job) -> dict[str, Outcome]:
        seen = self.walls.run(jobs).result()
        for it in seen.values():
            assert it.left == ()
            assert isinstance(it.outcomes[0], Outcome), it.outcomes[0]
        return {name: it.outcomes[0] for name, it in seen.items() if isinstance(it.outcomes[0], Outcome)}


@pytest.fixture(
    scope="module",
    params=[
        *REDUCED_MODES[:2],
        *(pytest.param(mode, marks=pytest.mark.full) for mode in REDUCED_MODES[2:]),
    ],
    ids=str,
)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    mode: Mode = request.param
    if missing := what_is_missing(mode):
        pytest.skip(missing)
    with workshop() as directory, contextlib.closing(Walls(mode, directory / "box")) as walls:
        engine = walls.pid()
        (uid,) = {os.stat(f"/proc/{engine}").st_uid}
        own = next(directory.glob("of-*"), directory)
        treasure = own / "treasure"
        treasure.write_text("secret")
        treasure.chmod(0o600)
        os.chown(treasure, uid, uid)
        yield Place(mode, walls, own / "box", engine, treasure)


def test_a_program_reaches_neither_the_engine_nor_its_files_nor_a_socket(place):
    before = place.treasure.stat()
    outcome = place.run(reaching=python_job(REACHING, str(place.engine), str(place.treasure)))["reaching"]
    lines = outcome.stdout.decode().splitlines()
    if not place.mode.landlock:  # the only thing that gets through then, and listed
        lines = [line for line in lines if not line.startswith("BREACH write")]
    assert (lines, outcome.stderr) == (["done"], b"")
    after = place.treasure.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_size) == (
        before.st_mode,
        before.st_mtime_ns,
        before.st_size,
    )
    assert sorted(path.name for path in place.treasure.parent.iterdir() if path.name != "treasure") == ["box"]


def test_without_walls_the_same_user_would_reach_all_of_it():
    """So that the test above could fail."""
    if os.geteuid() != 0:
        pytest.skip("not root: cannot run a program as another user")
    with tempfile.TemporaryDirectory(dir="/tmp") as name, contextlib.ExitStack() as stack:
        os.chown(name, UNPRIVILEGED_UID, UNPRIVILEGED_UID)
        treasure = Path(name, "treasure")
        treasure.write_text("secret")
        os.chown(treasure, UNPRIVILEGED_UID, UNPRIVILEGED_UID)
        as_user = ["setpriv", f"--reuid={UNPRIVILEGED_UID}", f"--regid={UNPRIVILEGED_UID}", "--clear-groups"]
        victim = subprocess.Popen([*as_user, "sleep", "60"])
        stack.callback(victim.wait)
        stack.callback(victim.kill)
        wait_until(lambda: victim.pid in processes_of(UNPRIVILEGED_UID))
        command = [*as_user, find("python3")[0], "-c", REACHING, str(victim.pid), str(treasure)]
        done = subprocess.run(command, cwd=name, capture_output=True, text=True, timeout=30, check=False)
        for place in ("/tmp", "/var/tmp", "/dev/shm"):
            for path in Path(place).glob("reaching-*"):
                path.unlink()
    assert done.stderr == ""
    found = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("BREACH")}
    assert found >= {
        "kill", "pidfd", "sigqueue", "tgkill", "owner", "limits", "priority", "CPUs", "environ", "exe", "descriptors",
        "open", "chmod", "truncate", "utime", "link", "rename", "list", "write", "socket", "datagrams", "inotify",
    }  # fmt: skip


def test_what_ordinary_programs_do_works_and_what_they_made_comes_out(place):
    tool = (place.box, "/box/tool")
    jobs = {
        "ordinary": python_job(ORDINARY, stdin=b"in", binds=(tool,), collect="/box/tree/"),
        "file": python_job("open('out', 'wb').write(b'made')", collect="/box/out"),
        "link": python_job(
            "import os; os.symlink(os.sys.argv[1], 'out')", str(place.treasure), collect="/box/out"
        ),
        "linked": python_job("import os; os.symlink('/etc', 'out')", collect="/box/out/"),
        "elsewhere": python_job("", collect="/etc/hostname"),
        "bound": Job(("./tool",), LIMITS, binds=(tool,)),
    }
    found = place.run(**jobs)
    assert (found["ordinary"].stdout.decode(), found["ordinary"].stderr) == (EXPECTED, b"")
    assert found["file"].collected == b"made"
    assert found["link"].collected is None
    assert found["linked"].collected is None
    assert found["elsewhere"].collected is None
    assert found["bound"].exit_code == 120  # box, which wants to be told what to do
    assert found["ordinary"].collected is not None
    tree = place.box.with_name("tree")
    tree.write_bytes(found["ordinary"].collected)
    look = "import os; print(open('data').read(), os.readlink('link'), os.listdir('below'))"
    assert place.run(again=python_job(look, tree=tree))["again"].stdout == b"kept /etc/passwd []\n"
    tree.unlink()


def test_a_program_has_no_right_of_roots_left_to_give_on(place):
    outcome = place.run(looking=python_job("print(open('/proc/self/status').read())"))["looking"]
    sets = dict(re.findall(r"^Cap(...):\s*(\w+)$", outcome.stdout.decode(), re.MULTILINE))
    if not place.mode.is_root:
        sets.pop("Bnd")  # only root may change it
    assert sets
    assert {int(it, 16) for it in sets.values()} == {0}, sets


def test_programs_are_compiled_and_what_was_made_can_be_run(place):
    source = b'#include <stdio.h>\nint main(void) { puts("compiled"); }\n'
    script = "import os\nos.system('gcc main.c -o made && ./made')"
    files = (("/box/main.c", source), ("/box/main.py", script.encode()))
    outcome = place.run(compiled=python_job(script, files=files))["compiled"]
    assert (outcome.stdout, outcome.stderr) == (b"compiled\n", b"")


def test_whatever_a_program_starts_ends_with_it_and_its_directory_is_emptied(place):
    escape = r"""
import os, signal, time
for number in range(1, 32):
    if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
for _ in range(6):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(300)
        os._exit(0)
time.sleep(0.1)
"""
    deep = "import os\nfor _ in range(40):\n    os.mkdir('d', 0o300)\n    os.chdir('d')\n    open('f', 'w').close()"
    closed = "import os\nos.mkdir('d')\nopen('d/f', 'w').close()\nos.mkdir('e', 0)"
    place.run(escape=python_job(escape), deep=python_job(deep), closed=python_job(closed))
    assert [path.name for path in place.box.parent.iterdir() if path.name.startswith("slot-")] == []


def test_too_much_on_disk_is_killed(place):
    limits = replace(LIMITS, scratch_bytes=8 * MIB)
    flood = "n = 0\nwhile True:\n    open(str(n), 'wb').write(b'x' * 900_000); n += 1"
    deep = "import os, time\nfor _ in range(100):\n    os.mkdir('d')\n    os.chdir('d')\ntime.sleep(5)"
    found = place.run(flood=python_job(flood, limits=limits), deep=python_job(deep))
    assert {name: it.killed for name, it in found.items()} == {"flood": Killed.DISK, "deep": Killed.INODES}


def test_what_lies_outside_cannot_be_named_in_a_job(place):
    for job in (
        python_job("", binds=((place.box, "/etc/box"),)),
        python_job("", binds=((Path("/not/there"), "/box/x"),)),
        python_job("", files=(("/tmp/x", b""),)),
    ):
        (seen,) = place.walls.run({"job": job}).result().values()
        assert isinstance(seen.outcomes[0], str)
    assert place.run(after=python_job("print(1)"))["after"].stdout == b"1\n"


def test_what_a_program_left_is_removed_by_the_next_engine_too():
    """After a restart of its container, say, that nobody could clean up before."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        check_removal(Path(name))


def check_removal(place: Path) -> None:
    victim = place / "elsewhere"
    victim.mkdir()
    (victim / "kept").touch()
    left = place / "left"
    left.mkdir()
    here = os.open(left, os.O_RDONLY)
    for _ in range(3 * sys.getrecursionlimit()):
        os.mkdir("d", dir_fd=here)
        os.symlink(victim, "link", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    rundir.remove(left)
    assert not left.exists()
    assert (victim / "kept").exists()


def test_nothing_outside_is_removed_when_a_directory_is_moved_while_it_is_emptied():
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        place, left, moved = Path(name), Path(name, "left"), Path(name, "inner")
        (place / "elsewhere").touch()
        inner = left / "inner"
        inner.mkdir(parents=True)
        files = [inner / str(number) for number in range(5000)]
        for file in files:
            file.touch()
        removing = threading.Thread(target=rundir.remove, args=(left,))
        removing.start()
        while all(file.exists() for file in files[::500]):
            pass
        inner.rename(moved)
        removing.join()
        assert (place / "elsewhere").exists()
        assert left.exists()


def test_where_box_did_not_live_a_slot_is_cleared_with_the_rights_of_its_user_only():
    if os.geteuid() != 0:
        pytest.skip("not root: slots have no user ids of their own")
    uid = own_uid() + 6
    with workshop() as directory, tempfile.TemporaryDirectory(prefix="left-", dir="/tmp") as name:
        left = Path(name)
        (left / "deep/deeper").mkdir(parents=True)
        (left / "deep/deeper/file").touch()
        (left / "deep/link").symlink_to(directory)
        for path in (left, *left.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)
        (left / "deep/deeper").chmod(0)
        others = left / "of-another"
        others.mkdir(mode=0o755)
        (others / "kept").touch()
        survivor = subprocess.Popen(["setpriv", f"--reuid={uid}", "--clear-groups", "sleep", "60"])
        wait_until(lambda: survivor.pid in processes_of(uid))
        (directory / "slot-0").mkdir(mode=0o700)
        walls = Reduced(directory / "box", uid, landlock=0, memory_is_counted=False)
        asyncio.run(walls.clear(0, is_tidied=False))
        assert survivor.wait(timeout=10) == -signal.SIGKILL
        assert sorted(path.name for path in directory.iterdir()) == ["box"]
        assert (others / "kept").exists()
        (others / "kept").unlink()
        others.rmdir()
        asyncio.run(walls.clear(0, is_tidied=False))
        assert not left.exists()
        left.mkdir()  # for who made it


# --- The engine ---------------------------------------------------------------------------------------------------

# In a mount namespace of its own: no control groups, perhaps no bubblewrap, and an interpreter below a closed directory
# can be reached.
CONTAINER = """
mount -t tmpfs -o ro none /sys/fs/cgroup
[ -z "$WITHOUT_BWRAP" ] || mount --bind /dev/null "$(command -v bwrap)"
if [ -n "$CLOSED" ]; then
    reach=$(mktemp -d) && mount --bind "$PYTHON" "$reach" && mount -t tmpfs -o mode=0711 none "$CLOSED" &&
    mkdir -p "$PYTHON" && mount --move "$reach" "$PYTHON" && rmdir "$reach"
fi
exec "$@"
"""


@dataclass(frozen=True)
class Container:
    """Where an engine is started as in a plain container, as root or as `uid`."""

    run_dir: Path
    uid: int | None

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        options = (
            ["--like-a-container"] if self.uid is None else ["--like-a-container", "--uid", str(self.uid)]
        )
        confined = [sys.executable, "-m", "tests.engine.confined", *options, "--"]
        engine = [sys.executable, "manage.py", "runengine", "--port", "0"]
        python = Path(os.path.realpath(sys.base_prefix))
        closed = next((str(it) for it in reversed(python.parents) if not it.stat().st_mode & 0o001), "")
        own = {
            "CLOSED": closed, "PYTHON": str(python), "VAR_DIR": str(self.run_dir / "var"), "JUDGE0_AUTH_TOKEN": "",
            "WITHOUT_BWRAP": "", "ENGINE_RUN_DIR": str(self.run_dir),
            "ENGINE_LANGUAGES": "c,python", "ENGINE_SLOTS": "2",
        }  # fmt: skip
        return subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", CONTAINER, "sh", *confined, *engine],
            cwd=ROOT,
            env=os.environ | own | environment,
            stderr=subprocess.PIPE,
        )

    def left(self) -> list[Path]:
        """What is in the directories of slots."""
        return list(self.run_dir.glob("judge-engine-*/slot-*/*"))


@pytest.fixture(scope="module", params=[None, UNPRIVILEGED_UID], ids=["root", "unprivileged"])
def container(request: pytest.FixtureRequest) -> Iterator[Container]:
    if os.geteuid() != 0:
        pytest.skip("not root: cannot imitate a container")
    if request.param is not None and not landlock_version():
        pytest.skip("this kernel has no Landlock")
    closed = [str(it) for it in (ROOT, *ROOT.parents) if not it.stat().st_mode & stat.S_IXOTH]
    if request.param is not None and closed:
        pytest.skip(f"other users may not enter {closed[-1]}, where this clone lies")
    run_dir = Path(tempfile.mkdtemp(prefix="judge-engine-tests-", dir="/tmp"))
    run_dir.chmod(0o711)
    if request.param is not None:
        os.chown(run_dir, request.param, request.param)
    yield Container(run_dir, request.param)
    shutil.rmtree(run_dir)


@pytest.fixture(scope="module")
def reduced_engine(container: Container) -> Iterator[Engine]:
    with ready(container.start(ENGINE_ALLOW_REDUCED="1", WITHOUT_BWRAP="1")) as engine:
        yield engine


def test_nobody_gets_less_isolation_without_asking_for_it_nor_at_a_public_address(container):
    at_a_public_address = {"ENGINE_ALLOW_REDUCED": "1", "PUBLIC_URL": "https://judge.example.org"}
    process = container.start(**({} if container.uid is None else at_a_public_address))
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert b"bubblewrap cannot isolate programs here" in said
    assert b"ENGINE_ALLOW_REDUCED=1" in said
    assert b"--security-opt" in said
    assert b"Traceback" not in said


def test_it_says_loudly_what_it_does_not_keep_apart(container, reduced_engine):
    said = reduced_engine.announcement
    assert re.search(r"\*{9,} REDUCED ISOLATION \*{9,}", said)
    assert "isolation: REDUCED WALLS without namespaces" in said
    assert "machine's disk" in said
    assert ("engine's own user" in said) == (container.uid is not None)
    assert "Allow unprivileged user namespaces" in said
    told = reduced_engine.get("/engine").json()
    assert told["reduced"] is True
    assert reduced_engine.get("/config_info").json()["engine"]["reduced"] is True


def test_it_judges_as_any_other(container, reduced_engine):
    hello = '#include <stdio.h>\nint main(void) { int n; scanf("%d", &n); printf("%d\\n", n + 1); }\n'
    result = reduced_engine.run(hello, C, stdin="41")
    assert (result["status_id"], result["stdout"]) == (3, b"42\n"), result
    assert reduced_engine.run("print(open('/etc/passwd').read())")["status_id"] == 11
    assert reduced_engine.run("while True: pass", cpu_time_limit=0.3, cpu_extra_time=0)["status_id"] == 5
    assert reduced_engine.run("int main(void) { return x; }", C)["status_id"] == 6


def sleep_in(engine: Engine) -> set[int]:
    """Submit a program that sleeps with a child; its processes."""
    before = set(programs())
    source = "import os, time\nos.setsid() if os.fork() == 0 else 0\ntime.sleep(300)"
    assert engine.post("/submissions", json={"source_code": source, "language_id": PYTHON}).status_code == 201
    wait_until(lambda: len(set(programs()) - before) == 2)
    return set(programs()) - before


def programs() -> Iterator[int]:
    """Processes that run a script in the directory of a slot of these tests."""
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            is_ours = path.name.isdigit() and "/judge-engine-tests-" in os.readlink(path / "cwd")
            if is_ours and b"script.py" in (path / "cmdline").read_bytes().split(b"\0"):
                yield int(path.name)


def end_while_a_program_sleeps(engine: Engine, container: Container, number: signal.Signals) -> None:
    sleeping = sleep_in(engine)
    engine.process.send_signal(number)
    engine.process.wait(timeout=10)
    wait_until(lambda: not sleeping & set(programs()), seconds=1)
    wait_until(lambda: not container.left(), seconds=1)


def test_killed_without_warning_it_takes_its_programs_along(container):
    with ready(container.start(ENGINE_ALLOW_REDUCED="1")) as engine:
        end_while_a_program_sleeps(engine, container, signal.SIGKILL)
    for slot in container.run_dir.glob("judge-engine-*/slot-*"):
        shutil.rmtree(slot.parent)  # as the next engine in its seat would


def test_asked_to_stop_it_ends_its_programs_and_leaves_nothing(container, reduced_engine):
    end_while_a_program_sleeps(reduced_engine, container, signal.SIGTERM)
    assert reduced_engine.process.returncode == 0
    assert list(container.run_dir.glob("judge-engine-*")) == []


def test_what_gets_through_is_listed_for_people():
    manual = (ROOT / "docs/engine.md").read_text()
    section = manual.partition("## Reduced mode")[2].partition("\n## ")[0]
    assert {name for name in listed() if f"`{name}`" not in section} == set()
