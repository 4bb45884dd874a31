"""What programs do to an engine, and what the engine says about them: right ones and hostile ones.

After each hostile one, an ordinary program must run as if nothing had happened.
"""

from __future__ import annotations

import socket
import time

import pytest

from .conftest import CPP, PYTHON, C, Engine, encoded

HELLO = 'print("hello", input())'


@pytest.fixture
def afterwards(engine: Engine):
    """The engine; when the test is over, an ordinary run must work in each of its slots."""
    yield engine
    for _ in range(2):
        result = engine.run(HELLO, stdin="again")
        assert (result["status_id"], result["stdout"]) == (3, b"hello again\n")


@pytest.mark.parametrize(
    ("language", "source"),
    [
        (C, '#include <stdio.h>\nint main(void){int a,b;scanf("%d%d",&a,&b);printf("%d\\n",a+b);}'),
        (CPP, "#include <iostream>\nint main(){int a,b;std::cin>>a>>b;std::cout<<a+b<<std::endl;}"),
        (PYTHON, "print(sum(map(int, input().split())))"),
    ],
)
def test_a_right_program_is_accepted_with_its_output_time_and_memory(engine, language, source):
    result = engine.run(source, language, stdin="20 22\n", expected_output="NDIK")
    assert result["status"] == {"id": 3, "description": "Accepted"}
    assert result["stdout"] == b"42\n"
    assert result["stderr"] == result["message"] == result["compile_output"] == b""
    assert (result["exit_code"], result["exit_signal"]) == (0, None)
    assert 0 <= float(result["time"]) < 1
    assert 0 < result["memory"] < 64_000
    assert result["engine"] == {
        "killed": None,
        "signal": None,
        "oom": False,
        "stdout_truncated": False,
        "stderr_truncated": False,
    }


def test_another_output_than_the_expected_one_is_a_wrong_answer(engine):
    assert engine.run("print(41)", expected_output="NDIK")["status_id"] == 4


def test_trailing_blanks_do_not_make_a_wrong_answer_but_missing_output_does(engine):
    assert engine.run("print('42  '); print()", expected_output="NDIK")["status_id"] == 3
    assert engine.run("pass", expected_output="Cg==")["status_id"] == 4


@pytest.mark.parametrize(
    ("expected", "output", "status"),
    [
        ("x", "\n \n", 4),
        ("\n \n", "x", 4),
        ("\n", " \t\n", 3),
        ("", "\n", 3),
        ("a\nb", "a \t\nb\n\n", 3),
        ("a\0\r\nb\n", "a\nb", 3),
        ("a\nb", "a\n\nb", 4),
        ("a\nb", "a\nc", 4),
        ("a\nb", "a", 4),
        ("a", "a\nb", 4),
        (" a", "a", 4),
        ("a b", "a  b", 4),
    ],
)
def test_outputs_are_compared_line_by_line_without_trailing_blanks(engine, expected, output, status):
    echo = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    assert engine.run(echo, stdin=output, expected_output=encoded(expected))["status_id"] == status


def test_s1_50_an_endless_loop_exceeds_the_time_limit_within_a_margin(afterwards):
    before = time.monotonic()
    result = afterwards.run(
        "int main(void){for(;;);}", C, cpu_time_limit=1, cpu_extra_time=0, wall_time_limit=10
    )
    assert result["status"] == {"id": 5, "description": "Time Limit Exceeded"}
    assert result["message"] == b"Time limit exceeded"
    assert (result["exit_code"], result["engine"]["killed"]) == (0, "cpu")
    assert result["engine"]["signal"] is None
    assert 1.0 <= float(result["time"]) < 1.3  # Judge0 tells milliseconds: 1.0004 is 1.0
    assert time.monotonic() - before < 6


def test_s1_50_the_time_of_all_threads_and_children_counts(afterwards):
    source = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        while True: pass
time.sleep(60)
"""
    result = afterwards.run(source, cpu_time_limit=0.6, cpu_extra_time=0)
    assert (result["status_id"], result["engine"]["killed"]) == (5, "cpu")
    assert float(result["wall_time"]) < 2


def test_a_program_that_is_over_the_limit_when_it_ends_by_itself_is_too_slow(engine):
    source = "import time\nwhile time.process_time() < 0.3: pass\nprint('done')"
    result = engine.run(source, cpu_time_limit=0.2, cpu_extra_time=1)
    assert result["status_id"] == 5
    assert result["stdout"] == b"done\n"


def test_less_than_a_millisecond_is_a_limit_too(engine):
    result = engine.run("while True: pass", cpu_time_limit=0.0001, cpu_extra_time=0)
    assert (result["status_id"], result["engine"]["killed"]) == (5, "cpu")


def test_output_before_a_time_limit_is_kept(engine):
    source = "print('so far', flush=True)\nwhile True: pass"
    result = engine.run(source, cpu_time_limit=0.3, cpu_extra_time=0)
    assert (result["status_id"], result["stdout"]) == (5, b"so far\n")


def test_sleeping_is_ended_by_the_wall_clock(afterwards):
    result = afterwards.run("import time; time.sleep(60)", wall_time_limit=1)
    assert result["status_id"] == 5
    assert result["message"] == b"Time limit exceeded (wall clock)"
    assert result["engine"]["killed"] == "wall"
    assert float(result["time"]) < 0.5


def test_s1_51_touching_two_gigabytes_exceeds_the_memory_limit(afterwards):
    """With a memory cgroup this is a kill that is flagged; without one, malloc fails."""
    source = """
#include <stdlib.h>
#include <string.h>
int main(void) {
    for (int i = 0; i < 2048; i++) { char *p = malloc(1 << 20); if (!p) return 5; memset(p, 1, 1 << 20); }
}
"""
    result = afterwards.run(source, C, memory_limit=128_000)
    assert result["status_id"] == 11
    if "cgroup v" in afterwards.announcement:
        assert result["exit_code"] == 137
        assert result["message"].startswith(b"Exited with error status 137 (memory limit")
        assert result["engine"]["killed"] == "memory"
        assert result["engine"]["oom"] is True
        assert result["memory"] == 128_000
    else:
        assert result["exit_code"] in (5, 137)


@pytest.mark.parametrize(
    ("exit_code", "status", "message", "killed"),
    [(0, 3, b"", None), (3, 11, b"Exited with error status 3 (memory limit exceeded)", "memory")],
)
def test_a_child_that_ran_out_of_memory_is_told_beside_what_its_program_makes_of_it(
    engine, exit_code, status, message, killed
):
    if "cgroup v" not in engine.announcement:
        pytest.skip("only control groups tell that the kernel killed for want of memory")
    source = f"""
import os
if os.fork() == 0:
    x = b"x" * (300 << 20)
    os._exit(0)
os.wait()
os._exit({exit_code})
"""
    result = engine.run(source, memory_limit=64_000)
    assert (result["status_id"], result["message"], result["memory"]) == (status, message, 64_000)
    assert (result["engine"]["killed"], result["engine"]["oom"]) == (killed, True)
    assert result["engine"]["signal"] is None


def test_a_compile_error_shows_what_the_compiler_said_and_nothing_else(afterwards):
    result = afterwards.run("int main(void){ retrun 0; }", C)
    assert result["status"] == {"id": 6, "description": "Compilation Error"}
    assert b"main.c:1:" in result["compile_output"]
    assert b"retrun" in result["compile_output"]
    for name in ("time", "wall_time", "memory", "exit_code", "exit_signal"):
        assert result[name] is None


def test_warnings_stay_in_compile_output_when_the_program_runs(engine):
    result = engine.run("#warning look here\nint main(void){return 0;}", C)
    assert result["status_id"] == 3
    assert b"look here" in result["compile_output"]


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("int main(void){ *(volatile int*)0 = 1; }", 11),
        ("#include <stdlib.h>\nint main(void){ abort(); }", 6),
        ("#include <signal.h>\nint main(void){ raise(SIGFPE); }", 8),
        ("#include <signal.h>\nint main(void){ raise(SIGKILL); }", 9),
        ("#include <signal.h>\nint main(void){ raise(SIGTERM); }", 15),
    ],
)
def test_a_signal_is_told_as_bash_tells_it(afterwards, source, number):
    result = afterwards.run(source, C)
    assert result["status"] == {"id": 11, "description": "Runtime Error (NZEC)"}
    assert (result["exit_code"], result["exit_signal"]) == (128 + number, None)
    assert result["message"] == f"Exited with error status {128 + number}".encode()
    assert result["engine"]["signal"] == number
    assert result["engine"]["killed"] is None
    assert result["engine"]["oom"] is False


def test_exit_code_139_is_not_mistaken_for_a_signal(engine):
    result = engine.run("import sys; sys.exit(139)")
    assert (result["exit_code"], result["engine"]["signal"]) == (139, None)


def test_exit_code_3_is_a_runtime_error(afterwards):
    result = afterwards.run("import sys; print('x'); sys.exit(3)", expected_output="eA==")
    assert (result["status_id"], result["exit_code"]) == (11, 3)
    assert result["message"] == b"Exited with error status 3"
    assert result["stdout"] == b"x\n"


def test_a_hundred_megabytes_of_output_are_kept_up_to_the_cap_and_flagged(afterwards):
    source = """
#include <stdio.h>
#include <string.h>
int main(void) {
    static char block[1 << 16];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 1600; i++) fwrite(block, 1, sizeof block, stdout);
}
"""
    result = afterwards.run(source, C, max_file_size=1024)
    assert (result["status_id"], result["exit_code"]) == (11, 153)
    assert result["stdout"] == b"x" * 1024 * 1024
    assert result["engine"]["stdout_truncated"] is True
    assert result["engine"]["killed"] == "output"


def test_output_of_exactly_the_cap_is_not_flagged(engine):
    source = "import sys; sys.stdout.write('x' * (64 * 1024)); sys.stdout.flush()"
    result = engine.run(source, max_file_size=64)
    assert (result["status_id"], len(result["stdout"])) == (3, 65536)
    assert result["engine"]["stdout_truncated"] is False
    one_more = engine.run(source.replace("(64 * 1024)", "(64 * 1024 + 1)"), max_file_size=64)
    assert (one_more["status_id"], one_more["exit_code"]) == (11, 153)
    assert len(one_more["stdout"]) == 65536
    assert one_more["engine"]["stdout_truncated"] is True


def test_too_much_on_standard_error_is_flagged_there(engine):
    result = engine.run("import sys; sys.stderr.write('x' * 100_000)", max_file_size=64)
    assert result["engine"]["stderr_truncated"] is True
    assert result["engine"]["stdout_truncated"] is False
    assert len(result["stderr"]) == 65536


@pytest.mark.parametrize(
    ("language", "source"),
    [
        (C, "#include <unistd.h>\nint main(void){ for(;;) fork(); }"),
        (PYTHON, "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"),
    ],
)
def test_a_fork_bomb_ends_within_its_limits(afterwards, language, source):
    before = time.monotonic()
    result = afterwards.run(source, language, cpu_time_limit=1, cpu_extra_time=0, wall_time_limit=5)
    assert result["status_id"] in (5, 11)
    assert time.monotonic() - before < 9


def test_the_number_of_processes_is_limited(engine):
    source = """
import os, time
made = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except OSError:
    print(made)
"""
    result = engine.run(source, max_processes_and_or_threads=10)
    assert result["status_id"] == 3
    assert int(result["stdout"]) == 9


def test_what_a_program_leaves_behind_is_killed(afterwards):
    source = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
print("parent done")
"""
    result = afterwards.run(source, wall_time_limit=5)
    assert (result["status_id"], result["stdout"]) == (3, b"parent done\n")
    assert float(result["wall_time"]) < 2


@pytest.mark.parametrize("path", ["/etc/shadow", "/root", "/home", "/proc/1/environ", "/work", "/run"])
def test_reading_the_host_is_an_uncaught_error(afterwards, path):
    source = f"import os\nprint(os.listdir({path!r}) if os.path.isdir({path!r}) else open({path!r}).read())"
    result = afterwards.run(source)
    assert (result["status_id"], result["exit_code"]) == (11, 1)
    assert b"Error" in result["stderr"]
    assert result["stdout"] == b""


def test_a_program_sees_neither_the_engines_environment_nor_its_processes(engine):
    source = """
import os
print(sorted(os.environ))
print(sorted(int(p) for p in os.listdir("/proc") if p.isdigit()))
print(open("/proc/1/cmdline", "rb").read().strip(bytes(1)))
print(sorted(int(f) for f in os.listdir("/proc/self/fd"))[:3], os.getuid())
"""
    lines = engine.run(source)["stdout"].decode().splitlines()
    assert lines[0] == "['ASAN_OPTIONS', 'HOME', 'LANG', 'PATH', 'PWD', 'PYTHONDONTWRITEBYTECODE', 'TMPDIR']"
    assert lines[1] == "[1, 2]"
    assert "/.init" in lines[2]
    assert "script.py" not in lines[2]
    assert lines[3] == "[0, 1, 2] 65534"


def test_connecting_to_the_host_is_an_uncaught_error_and_the_host_sees_nothing(afterwards):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.3)
        port = listener.getsockname()[1]
        source = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=2)"
        result = afterwards.run(source)
        assert (result["status_id"], result["exit_code"]) == (11, 1)
        assert b"Error" in result["stderr"]
        with pytest.raises(TimeoutError):
            listener.accept()


def test_abstract_sockets_of_the_host_are_out_of_reach(afterwards):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind("\0judge-engine-test-canary")
        listener.listen()
        source = r"import socket; socket.socket(socket.AF_UNIX).connect('\0judge-engine-test-canary')"
        assert b"ConnectionRefusedError" in afterwards.run(source)["stderr"]


def test_files_of_one_run_are_gone_in_the_next(afterwards):
    source = """
import os
for place in ("/box", "/tmp", "/dev/shm"):
    assert sorted(os.listdir(place)) in ([], ["script.py"]), os.listdir(place)
    open(place + "/left", "w").write("x")
print("clean")
"""
    for _ in range(3):
        assert afterwards.run(source)["stdout"] == b"clean\n"


def test_nothing_outside_of_the_scratch_directories_can_be_written(afterwards):
    source = """
import os
for place in ("/", "/usr", "/usr/bin", "/etc", "/dev", "/proc/sys/kernel"):
    try:
        open(place + "/canary", "w")
    except OSError:
        continue
    print("wrote to", place)
for path in ("/box/script.py", "/.init", "/etc/passwd"):
    try:
        open(path, "r+")
    except OSError:
        continue
    print("may change", path)
"""
    assert afterwards.run(source)["stdout"] == b""


def test_filling_the_disk_and_flooding_inodes_stay_inside(afterwards):
    filling = """
written = 0
try:
    for i in range(1000):
        with open(f"/tmp/{i}", "wb") as f:
            written += f.write(b"x" * 4_000_000)
except OSError as error:
    print(error.errno, written // 1_000_000)
"""
    result = afterwards.run(filling, max_file_size=4096, memory_limit=512_000)
    assert (result["status_id"], result["stdout"].split()[0]) == (3, b"28")
    flooding = "i = 0\nwhile True:\n    open(f'/tmp/{i}', 'w').close()\n    i += 1"
    result = afterwards.run(flooding, cpu_time_limit=10, memory_limit=512_000)
    assert result["engine"]["killed"] in ("inodes", "memory")


def test_forbidden_system_calls_fail(afterwards):
    source = """
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    printf("%d\\n", unshare(CLONE_NEWUSER) == -1 && errno == EPERM);
    printf("%d\\n", ptrace(PTRACE_TRACEME, 0, 0, 0) == -1 && errno == EPERM);
    printf("%d\\n", socket(AF_NETLINK, SOCK_RAW, 0) == -1 && errno == EAFNOSUPPORT);
    printf("%d\\n", syscall(SYS_keyctl, 0, 0) == -1 && errno == EPERM);
    printf("%d\\n", syscall(SYS_io_uring_setup, 1, 0) == -1 && errno == EPERM);
    printf("%d\\n", syscall(SYS_clone, CLONE_NEWNET | 17, 0, 0, 0, 0) == -1 && errno == EPERM);
    printf("%d\\n", setuid(0) == -1);
}
"""
    assert afterwards.run(source, C)["stdout"] == b"1\n" * 7


def test_killing_everything_it_can_kills_only_itself(afterwards):
    source = """
import os, signal
for pid in (1, -1):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError as error:
        print("refused", error.errno)
print("alive")
"""
    result = afterwards.run(source)
    assert (result["status_id"], result["stdout"].split()[-1]) == (3, b"alive")


def test_the_compiler_can_read_no_more_of_the_host_than_a_program(afterwards):
    result = afterwards.run('__asm__(".incbin \\"/etc/shadow\\"");\nint main(void){return 0;}', C)
    assert result["status_id"] == 6
    assert b"/etc/shadow" in result["compile_output"]


def test_a_compilation_that_does_not_end_is_a_compile_error(afterwards):
    source = "template<int n> struct S { S<n+1> a; S<n+2> b; };\nS<0> s;\nint main(){}"
    result = afterwards.run(source, CPP, compiler_options="-ftemplate-depth=100000000")
    assert result["status_id"] == 6
    assert result["compile_output"]


def test_input_can_be_read_by_its_device_name_as_well(engine):
    result = engine.run("print(open('/dev/stdin').read().upper())", stdin="abc")
    assert result["stdout"] == b"ABC\n"


def test_input_with_any_bytes_arrives_as_it_was_sent(engine):
    data = bytes(range(256)) * 50
    source = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])"
    assert engine.run(source, stdin=data)["stdout"] == data[::-1]


def test_arguments_are_split_as_words_and_never_run_by_a_shell(engine):
    source = "import sys; print(sys.argv[1:])"
    result = engine.run(source, command_line_arguments="a 'b c' $(id); echo `x` > y\nz")
    assert result["stdout"] == b"['a', 'b c', '(id)', 'echo', 'x', 'y', 'z']\n"


def test_standard_error_can_be_sent_where_standard_output_goes(engine):
    source = "import sys\nprint('out', flush=True)\nprint('err', file=sys.stderr, flush=True)\nprint('out')"
    result = engine.run(source, redirect_stderr_to_stdout=True)
    assert (result["stdout"], result["stderr"]) == (b"out\nerr\nout\n", b"")


def test_several_runs_of_one_submission_stop_at_the_first_that_fails(engine):
    assert engine.run("print(1)", number_of_runs=3)["status_id"] == 3
    assert engine.run("import sys; sys.exit(1)", number_of_runs=3)["exit_code"] == 1


def test_half_a_second_of_work_is_measured_as_such(engine):
    source = """
#include <time.h>
int main(void) { while (clock() < CLOCKS_PER_SEC / 2); }
"""
    assert 0.4 < float(engine.run(source, C)["time"]) < 0.8


def test_a_hundred_megabytes_are_measured_as_such(engine):
    source = """
#include <stdlib.h>
#include <string.h>
int main(void) { memset(malloc(100 << 20), 1, 100 << 20); }
"""
    memory_kib = engine.run(source, C, compiler_options="-O0", memory_limit=256_000)["memory"]
    assert 90 * 1024 < memory_kib < 130 * 1024


def test_twenty_runs_of_one_program_compile_it_once(engine):
    marker = time.monotonic_ns()
    source = f'#include <stdio.h>\n/* {marker} */ int main(void){{ puts("x"); }}'
    before = engine.compilations()
    body = {"submissions": [{"source_code": source, "language_id": C}] * 20}
    tokens = [item["token"] for item in engine.post("/submissions/batch", json=body).json()]
    for token in tokens:
        while (status := engine.get(f"/submissions/{token}?fields=status_id").json()["status_id"]) < 3:
            time.sleep(0.01)
        assert status == 3
    assert engine.compilations() == before + 1


def test_a_compile_error_is_compiled_once_too(engine):
    source = f"int main(void) {{ return x{time.monotonic_ns()}; }}"
    before = engine.compilations()
    said = {engine.run(source, C)["compile_output"] for _ in range(3)}
    assert len(said) == 1
    assert engine.compilations() == before + 1


@pytest.mark.parametrize(("index", "exit_code", "words"), [(0, 0, b""), (10, 1, b"heap-buffer-overflow")])
def test_the_address_sanitizer_works(engine, index, exit_code, words):
    if not engine.get("/engine").json()["isolation"].count("by cgroup"):
        pytest.skip("no control groups: it reserves more memory than RLIMIT_DATA gives")
    source = f"#include <stdlib.h>\nint main(void) {{ char *volatile a = calloc(10, 1); return a[{index}]; }}"
    result = engine.run(source, C, compiler_options="-fsanitize=address")
    assert result["exit_code"] == exit_code, result
    assert words in result["stderr"]
    assert bool(result["stderr"]) == bool(words)


def test_a_program_may_ask_for_its_core_limit_but_not_change_it(engine):
    source = """
import resource
print(resource.getrlimit(resource.RLIMIT_CORE), resource.prlimit(0, resource.RLIMIT_CORE))
for change in (resource.setrlimit, lambda *what: resource.prlimit(0, *what)):
    try:
        change(resource.RLIMIT_CORE, (0, 0))
    except OSError as error:
        print(error.errno)
    except ValueError:
        print("refused")
"""
    lines = engine.run(source)["stdout"].decode().splitlines()
    assert lines == ["(1, 1) (1, 1)", "refused", "1"]


def test_other_options_are_another_compilation(engine):
    source = '#include <stdio.h>\nint main(void){ printf("%d\\n", N); }'
    assert engine.run(source, C, compiler_options="-DN=1")["stdout"] == b"1\n"
    assert engine.run(source, C, compiler_options="-DN=2")["stdout"] == b"2\n"
