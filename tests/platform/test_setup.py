"""`bin/setup` on machines that lack something: the system's tools are fakes in a PATH of the test's own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.platform.running import ROOT

NEEDED = ("dirname", "uname", "cmp", "rm", "cp", "sh", "mkdir", "cat")

pytestmark = pytest.mark.skipif(
    not Path("/usr/include/stdio.h").exists(), reason="a C library's headers are needed"
)


class Machine:
    """A clone with nothing set up, on a machine that has the tools that a test gives it."""

    def __init__(self, directory: Path) -> None:
        self.clone = directory / "clone"
        self.tools = directory / "tools"
        self.tools.mkdir()
        (self.clone / "bin").mkdir(parents=True)
        for name in ("setup", "run"):
            shutil.copy(ROOT / "bin" / name, self.clone / "bin")
        for name in ("requirements.txt", "requirements-ai.txt", "requirements-dev.txt"):
            (self.clone / name).touch()
        for name in NEEDED:
            self.has(name, f'exec {shutil.which(name)} "$@"')
        self.is_used_by(1000)

    def has(self, name: str, script: str = "exit 0") -> None:
        tool = self.tools / name
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)

    def has_python(self, *, without: str = "no_such_module") -> None:
        """This Python, on which `import ensurepip` (say) fails."""
        self.has("python3", f'case "$*" in *"{without}"*) exit 1;; esac\nexec {sys.executable} "$@"')

    def is_used_by(self, uid: int) -> None:
        self.has("id", f"echo {uid}")

    def set_up(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.runs("setup", *arguments)

    def set_up_without_node(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Where the system has no Node.js; what the system has is no matter of the PATH."""
        places = [Path("/usr/bin/node"), Path("/usr/local/bin/node")]
        hidden = [
            word for path in places if path.exists() for word in ("--ro-bind", "/dev/null", path.resolve())
        ]
        bwrap = shutil.which("bwrap")
        assert bwrap
        return self.runs("setup", *arguments, before=(bwrap, "--dev-bind", "/", "/", *map(str, hidden), "--"))

    def runs(
        self, name: str, *arguments: str, before: tuple[str, ...] = ()
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*before, "/bin/sh", str(self.clone / "bin" / name), *arguments],
            env={"PATH": str(self.tools), "HOME": os.environ.get("HOME", "/")},
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_without_a_new_enough_python_it_says_which_is_needed(machine):
    machine.has("python3", "exit 1")
    result = machine.set_up()
    assert result.returncode == 1
    assert result.stderr.startswith("Python 3.11 or newer is needed")


def test_where_there_is_no_python_at_all_root_gets_one(machine):
    """As in a container of Debian's own image."""
    machine.is_used_by(0)
    for tool in ("gcc", "g++", "bwrap"):
        machine.has(tool)
    python = machine.tools / "python3"
    machine.has("apt-get", f"[ $1 = update ] || {{ printf '#!/bin/sh\\n' >{python}; chmod +x {python}; }}")
    machine.has("chmod", f'exec {shutil.which("chmod")} "$@"')
    result = machine.set_up()
    told, made, *_ = result.stderr.splitlines()
    assert told.startswith("Installing with apt-get: python3-venv")
    assert made.startswith("Making a virtual environment")


def test_without_root_it_says_exactly_what_to_install_and_installs_nothing(machine):
    machine.has_python()
    machine.has("gcc")
    machine.has("apt-get", "echo called >&2")
    result = machine.set_up()
    assert result.returncode == 1
    assert "apt-get install bubblewrap g++\n" in result.stderr
    assert "called" not in result.stderr
    assert not (machine.clone / ".venv").exists()


def test_root_is_told_what_will_be_installed_before_apt_is_called(machine):
    machine.is_used_by(0)
    machine.has_python(without="ensurepip")
    for tool in ("gcc", "g++"):
        machine.has(tool)
    machine.has("apt-get", 'echo "apt-get $*" >&2; [ "$1" = update ]')  # what works says nothing
    result = machine.set_up()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    told, installed, failed = result.stderr.splitlines()
    # pip of the machine's own can stand in for ensurepip
    packages = installed.partition("--no-install-recommends ")[2]
    assert packages in ("bubblewrap", f"python{version}-venv bubblewrap")
    assert told == f"Installing with apt-get: {packages}"
    assert failed == f"apt-get could not install: {packages}"
    assert result.returncode == 1


def test_what_only_tests_need_is_named_and_not_fatal(machine):
    machine.has_python(without="-m venv")
    for tool in ("gcc", "g++", "bwrap"):
        machine.has(tool)
    result = machine.set_up("--tests")
    assert (
        "Without chromium the tests that need it cannot run: apt-get install chromium (as root)."
        in result.stderr
    )
    assert "Making a virtual environment" in result.stderr


def test_a_second_call_changes_nothing(machine):
    """Nothing is installed unless a list has changed: a start takes seconds."""
    for tool in ("gcc", "g++", "bwrap"):
        machine.has(tool)
    python = machine.clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    calls = machine.clone / "calls"
    python.write_text(f'#!/bin/sh\necho "$*" >>{calls}\n')
    python.chmod(0o755)
    machine.set_up()
    assert "-m pip install" in calls.read_text()
    calls.write_text("")
    second = machine.set_up()
    assert (second.returncode, second.stderr) == (0, "")
    assert "-m pip install" not in calls.read_text()
    (machine.clone / "requirements.txt").write_text("something==1\n")
    machine.set_up()
    assert "-m pip install" in calls.read_text()


def test_what_language_models_need_is_installed_where_it_is_wanted_and_kept_up_to_date(machine):
    for tool in ("gcc", "g++", "bwrap"):
        machine.has(tool)
    python = machine.clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    calls = machine.clone / "calls"
    python.write_text(f'#!/bin/sh\necho "$*" >>{calls}\n')
    python.chmod(0o755)
    machine.set_up()
    assert "requirements-ai.txt" not in calls.read_text()
    machine.set_up("--ai")
    assert "-r requirements-ai.txt" in calls.read_text()
    calls.write_text("")
    machine.set_up()
    assert "-m pip install" not in calls.read_text()
    (machine.clone / "requirements.txt").write_text("something==1\n")
    machine.set_up()
    assert "-r requirements-ai.txt" in calls.read_text()


@pytest.fixture
def complete(machine):
    """A machine that has all that is needed."""
    for tool in ("gcc", "g++", "bwrap"):
        machine.has(tool)
    python = machine.clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    (machine.clone / ".venv" / "installed-requirements.txt").touch()
    return machine


def test_more_languages_are_installed_where_that_works(complete):
    complete.is_used_by(0)
    complete.has("apt-get", f'echo "$*" >>{complete.clone}/asked')
    result = complete.set_up_without_node()
    assert result.returncode == 0
    assert re.fullmatch(r"Installing with apt-get: .*\bnodejs\b.*\n", result.stderr)
    asked = (complete.clone / "asked").read_text()
    assert re.search(r"^install -y .*\bnodejs\b", asked, re.M)
    assert "golang-go" not in asked


@pytest.mark.parametrize("uid", [0, 1000])
def test_a_language_that_cannot_be_installed_is_one_line_once_and_stops_nothing(complete, uid):
    complete.is_used_by(uid)
    complete.has(
        "apt-get",
        f'echo noise; echo noise >&2; [ "$1" = update ] && exit; echo >>{complete.clone}/asked; exit 1',
    )
    result = complete.set_up_without_node()
    assert result.returncode == 0
    *installing, told = result.stderr.splitlines()
    assert re.match(
        r"Some languages are not offered without these packages: apt-get install .*\bnodejs\b", told
    )
    assert [line.partition(":")[0] for line in installing] == ([] if uid else ["Installing with apt-get"])
    assert (complete.clone / "asked").exists() == (uid == 0)
    again = complete.set_up_without_node()
    assert (again.returncode, again.stderr) == (0, "")


@pytest.mark.parametrize("fails", [True, False])
def test_what_pip_says_is_shown_only_if_it_fails(machine, fails):
    for tool in ("gcc", "g++", "bwrap"):
        machine.has(tool)
    python = machine.clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *install*) echo "WARNING: as you like" >&2; exit {int(fails)};; esac\n'
    )
    python.chmod(0o755)
    result = machine.set_up()
    assert result.returncode == int(fails)
    assert ("WARNING: as you like" in result.stderr) == fails
    assert ("The packages of requirements.txt could not be installed." in result.stderr) == fails


@pytest.mark.parametrize("asked", ["-h", "--help"])
def test_help_for_the_start_sets_nothing_up(machine, asked):
    machine.has("python3", "echo called >&2; exit 1")
    result = machine.runs("run", asked)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("usage: bin/run [--port N] [--check]")


@pytest.mark.parametrize(
    "arguments", [["--prot", "1"], ["--port"], ["--port", "http"], ["--port=x"], ["8001"]]
)
def test_a_slip_in_the_start_is_refused_before_anything_is_set_up(machine, arguments):
    result = machine.runs("run", *arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("bin/run: ")
    assert not (machine.clone / "var").exists()


def test_an_unknown_argument_is_refused(machine):
    result = machine.set_up("--help-me")
    assert (result.returncode, result.stdout) == (2, "")


def test_a_place_for_data_that_cannot_be_written_is_one_sentence(machine):
    """Even root cannot make a directory inside a file."""
    (machine.clone / "var").touch()
    result = machine.runs("run")
    assert result.returncode == 1
    assert result.stderr.startswith("var cannot be written")
    assert result.stderr.count("\n") == 1
