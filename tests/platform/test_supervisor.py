"""The supervisor alone, with small processes."""

import time
from pathlib import Path

import pytest

from judgeplatform.supervisor import Died, Service, Supervisor, TookTooLong


class Heard(list[tuple[str, str]]):
    """What was said, as (name, line)."""

    def say(self, name: str, line: str) -> None:
        self.append((name, line))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def supervisor(heard, tmp_path):
    supervisor = Supervisor(heard.say, tmp_path)
    yield supervisor
    supervisor.stop()


def shell(name: str, script: str, *, rank: int = 0, grace_s: float = 5) -> Service:
    return Service(name, ("/bin/sh", "-c", script), {"PATH": "/usr/bin:/bin"}, rank, grace_s)


def test_lines_come_with_their_services_name(supervisor, heard):
    supervisor.start(shell("talker", "echo one; echo two >&2; exec sleep 60"))
    supervisor.wait_until(lambda: len(heard) == 2, timeout_s=5)
    assert heard == [("talker", "one"), ("talker", "two")]


def test_lines_of_a_service_with_a_log_go_there_and_its_last_words_are_told_all_the_same(
    supervisor, heard, tmp_path
):
    log = tmp_path / "chatter.log"
    chatter = Service("chatter", ("/bin/sh", "-c", "echo much; echo a reason; exit 3"), {}, 0, log=log)
    supervisor.start(chatter)
    with pytest.raises(Died) as death:
        supervisor.wait_until(lambda: False, timeout_s=5)
    assert death.value.last_words == "a reason"
    assert log.read_text() == "much\na reason\n"
    assert heard == []


def test_a_death_while_waiting_is_raised_with_the_last_words(supervisor):
    supervisor.start(shell("loser", "echo a reason; exit 3"))
    with pytest.raises(Died, match="loser ended with exit code 3") as death:
        supervisor.wait_until(lambda: False, timeout_s=5)
    assert death.value.last_words == "a reason"


def test_a_program_that_is_not_there_is_a_death_with_a_sentence(supervisor):
    supervisor.start(Service("ghost", ("/no/such/program",), {}, 0))
    with pytest.raises(Died) as death:
        supervisor.wait_until(lambda: False, timeout_s=5)
    assert death.value.last_words == "/no/such/program cannot be started: No such file or directory."


def test_what_takes_too_long_is_given_up(supervisor):
    supervisor.start(shell("sleeper", "exec sleep 60"))
    with pytest.raises(TookTooLong):
        supervisor.wait_until(lambda: False, timeout_s=0.2)


def test_what_dies_again_and_again_is_started_after_ever_longer_pauses(supervisor, heard, monkeypatch):
    class Enough(Exception):
        pass

    def say(name: str, line: str) -> None:
        heard.say(name, line)
        if len([who for who, _ in heard if who == "up"]) == 3:
            raise Enough

    supervisor.say = say
    supervisor.start(shell("loser", "exit 1"))
    with pytest.raises(Enough):
        supervisor.watch()
    pauses = [line.rpartition(" in ")[2] for name, line in heard if name == "up"]
    assert pauses == ["0.5 s", "1 s", "2 s"]


def test_the_end_comes_in_order_and_waits_for_those_who_still_work(supervisor, heard):
    ends_slowly = "trap 'sleep 0.3; echo {0} ends; exit 0' TERM; echo {0} runs; while :; do sleep 0.05; done"
    for rank, name in enumerate(("store", "worker", "web")):
        supervisor.start(shell(name, ends_slowly.format(name), rank=rank))
    supervisor.wait_until(lambda: len(heard) == 3, timeout_s=5)
    supervisor.stop()
    assert [line for _, line in heard[3:]] == ["web ends", "worker ends", "store ends"]


def test_who_does_not_end_in_time_is_killed(supervisor, heard):
    supervisor.start(shell("stubborn", "trap '' TERM; echo runs; while :; do sleep 0.05; done", grace_s=0.2))
    supervisor.wait_until(lambda: len(heard) == 1, timeout_s=5)
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < 3
    assert heard[-1] == ("up", "stubborn did not end in time; killing it")


def test_output_without_a_line_end_is_shown_too(supervisor, heard):
    supervisor.start(shell("mumbler", "printf 'no end'; exit 1"))
    with pytest.raises(Died):
        supervisor.wait_until(lambda: False, timeout_s=5)
    assert heard == [("mumbler", "no end")]


def test_processes_run_in_the_given_directory_with_the_given_environment_only(supervisor, heard, tmp_path):
    service = Service("looker", ("/bin/sh", "-c", "pwd; echo $A $HOME; sleep 60"), {"A": "1"}, 0)
    supervisor.start(service)
    supervisor.wait_until(lambda: len(heard) == 2, timeout_s=5)
    assert [line for _, line in heard] == [str(Path(tmp_path).resolve()), "1"]
