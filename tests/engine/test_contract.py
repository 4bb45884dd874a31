"""The engine answers as Judge0 1.13.1 was observed to answer."""

from __future__ import annotations

import json
import re
import time

import pytest

from .conftest import CPP, PYTHON, C, Engine, decoded, encoded, started_engine

CPP_OF_THE_SDK = 52
HELLO = {"source_code": "print('hi')", "language_id": PYTHON}
JSON = {"Accept": "application/json"}
UNKNOWN = "00000000-0000-0000-0000-000000000000"

DEFAULT_FIELDS = ["stdout", "time", "memory", "stderr", "token", "compile_output", "message", "status"]
ALL_FIELDS = [
    "source_code",
    "language_id",
    "stdin",
    "expected_output",
    "stdout",
    "status_id",
    "created_at",
    "finished_at",
    "time",
    "memory",
    "stderr",
    "token",
    "number_of_runs",
    "cpu_time_limit",
    "cpu_extra_time",
    "wall_time_limit",
    "memory_limit",
    "stack_limit",
    "max_processes_and_or_threads",
    "enable_per_process_and_thread_time_limit",
    "enable_per_process_and_thread_memory_limit",
    "max_file_size",
    "compile_output",
    "exit_code",
    "exit_signal",
    "message",
    "wall_time",
    "compiler_options",
    "command_line_arguments",
    "redirect_stderr_to_stdout",
    "callback_url",
    "additional_files",
    "enable_network",
    "status",
    "language",
]


def created(engine: Engine, **parameters: object) -> str:
    answer = engine.post("/submissions", json=HELLO | parameters)
    assert answer.status_code == 201
    token: str = answer.json()["token"]
    return token


def finished(engine: Engine, token: str, query: str = "") -> dict:
    while engine.get(f"/submissions/{token}?fields=status_id").json()["status_id"] < 3:
        time.sleep(0.01)
    answer = engine.get(f"/submissions/{token}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_submission_is_created_with_a_token_and_can_be_followed_to_its_end(engine):
    answer = engine.post("/submissions?base64_encoded=false&fields=*", json=HELLO)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert list(answer.json()) == ["token"]
    token = answer.json()["token"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", token)
    shown = finished(engine, token)
    assert list(shown) == DEFAULT_FIELDS
    assert shown["stdout"] == "hi\n"
    assert shown["status"] == {"id": 3, "description": "Accepted"}
    assert shown["token"] == token
    assert shown["stderr"] is shown["message"] is shown["compile_output"] is None


def test_while_it_runs_there_are_no_results_yet(engine):
    token = created(engine, source_code="import time; time.sleep(0.5); print('done')")
    while (shown := engine.get(f"/submissions/{token}?fields=*,engine").json())["status_id"] == 1:
        time.sleep(0.01)
    assert shown["status"] == {"id": 2, "description": "Processing"}
    for name in ("stdout", "time", "memory", "stderr", "message", "finished_at", "exit_code", "engine"):
        assert shown[name] is None
    assert finished(engine, token)["stdout"] == "done\n"


def test_all_fields_are_judge0s_in_judge0s_order(engine):
    shown = engine.post("/submissions?wait=true&fields=*", json=HELLO).json()
    assert list(shown) == ALL_FIELDS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown["created_at"])
    assert shown["created_at"] <= shown["finished_at"]
    assert re.fullmatch(r"\d+\.\d{1,3}", shown["time"])
    assert re.fullmatch(r"\d+\.\d{1,3}", shown["wall_time"])
    expected = {
        "source_code": "print('hi')",
        "language_id": 71,
        "stdin": None,
        "number_of_runs": 1,
        "cpu_time_limit": "5.0",
        "cpu_extra_time": "1.0",
        "wall_time_limit": "10.0",
        "memory_limit": 128000,
        "stack_limit": 64000,
        "max_processes_and_or_threads": 60,
        "max_file_size": 1024,
        "exit_code": 0,
        "exit_signal": None,
        "redirect_stderr_to_stdout": False,
        "enable_network": False,
    }
    assert {name: shown[name] for name in expected} == expected
    assert shown["language"]["name"].startswith("Python (3.")


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ("token", ["token"]),
        ("time,stdout", ["stdout", "time"]),
        ("stdout,", ["stdout"]),
        ("", DEFAULT_FIELDS),
        ("token,*", ALL_FIELDS),
        ("engine,*", [*ALL_FIELDS, "engine"]),
        ("engine,status_id", ["status_id", "engine"]),
    ],
)
def test_fields_choose_what_is_shown(engine, fields, shown):
    token = created(engine)
    assert list(finished(engine, token, f"fields={fields}")) == shown


def test_unknown_fields_are_named(engine):
    token = created(engine)
    for method, path in (
        ("GET", f"/submissions/{token}"),
        ("GET", "/submissions/batch"),
        ("POST", "/submissions"),
    ):
        answer = engine.request(method, f"{path}?fields=token,nope,bad&tokens={token}", json=HELLO)
        assert answer.status_code == 400
        assert answer.json() == {"error": "invalid fields: [nope, bad]"}


def test_only_the_string_true_waits_or_decodes(engine):
    for wait in ("1", "True", "yes"):
        assert list(engine.post(f"/submissions?wait={wait}", json=HELLO).json()) == ["token"]
    assert list(engine.post("/submissions", json={**HELLO, "wait": True}).json()) == ["token"]
    assert engine.post("/submissions", json={**HELLO, "wait": "true"}).json()["stdout"] == "hi\n"


def test_base64_comes_in_lines_of_sixty_characters(engine):
    body = {"source_code": encoded("print('a' * 100)"), "language_id": PYTHON}
    shown = engine.post("/submissions?base64_encoded=true&wait=true&fields=stdout,stdin", json=body).json()
    lines = shown["stdout"].split("\n")
    assert [len(line) for line in lines] == [60, 60, 16, 0]
    assert decoded(shown["stdout"]) == b"a" * 100 + b"\n"
    assert shown["stdin"] is None


@pytest.mark.parametrize(
    "source",
    [
        "cHJpbn\nQoMTIp\n",
        "cHJpbnQoMTIp",
        "cHJpbnQoMTIpCg",
        "!cHJp bnQo*MTIp@@",
    ],
)
def test_base64_is_read_leniently(engine, source):
    body = {"source_code": source, "language_id": PYTHON}
    shown = engine.post("/submissions?base64_encoded=true&wait=true", json=body).json()
    assert shown["stdout"] == "MTIK\n"


def test_text_beyond_ascii_must_be_asked_for_as_base64(engine):
    body = HELLO | {"source_code": "print('\N{SNOWMAN}')"}
    answer = engine.post("/submissions?wait=true", json=body)
    message = "cannot be converted to UTF-8, use base64_encoded=true query parameter"
    assert answer.status_code == 201
    token = answer.json()["token"]
    assert answer.json() == {"error": f"some attributes for this submission {message}", "token": token}
    single = engine.get(f"/submissions/{token}")
    assert (single.status_code, single.json()["error"]) == (
        400,
        f"some attributes for this submission {message}",
    )
    batch = engine.get(f"/submissions/batch?tokens={token}")
    assert (batch.status_code, batch.json()["error"]) == (
        400,
        f"some attributes for one or more submissions {message}",
    )
    assert engine.get(f"/submissions/{token}?fields=status_id").json() == {"status_id": 3}
    shown = engine.get(f"/submissions/{token}?base64_encoded=true").json()
    assert decoded(shown["stdout"]).decode() == "\N{SNOWMAN}\n"


def test_a_batch_answers_in_order_with_tokens_and_errors(engine):
    items = [HELLO, {**HELLO, "source_code": ""}, {"language_id": 9999, "source_code": "x"}, HELLO]
    answer = engine.post("/submissions/batch?wait=true&fields=nope", json={"submissions": items})
    assert answer.status_code == 201
    first, blank, unknown, last = answer.json()
    assert blank == {"source_code": ["can't be blank"]}
    assert unknown == {"language_id": ["language with id 9999 doesn't exist"]}
    tokens = [last["token"], UNKNOWN, first["token"], first["token"], "junk"]
    query = f"/submissions/batch?fields=token&tokens={','.join(tokens)},"
    shown = engine.get(query).json()["submissions"]
    assert [item and item["token"] for item in shown] == [tokens[0], None, tokens[2], tokens[3], None]
    by_header = engine.get("/submissions/batch?fields=token", headers={"tokens": tokens[0]})
    assert by_header.json() == {"submissions": [{"token": tokens[0]}]}


def test_a_batch_of_nothing_but_mistakes_is_unprocessable(engine):
    answer = engine.post("/submissions/batch", json={"submissions": [{}, {**HELLO, "source_code": " "}]})
    assert answer.status_code == 422
    assert len(answer.json()) == 2


def test_batches_hold_one_to_twenty(engine):
    none = {"error": "there should be at least one submission in a batch"}
    many = {"error": "number of submissions in a batch should be less than or equal to 20"}
    bodies: tuple[object, ...] = (
        {},
        [],
        {"submissions": []},
        {"submissions": "abc"},
        {"submissions": {"0": HELLO}},
        [HELLO],
    )
    for body in bodies:
        answer = engine.post("/submissions/batch", json=body)
        assert (answer.status_code, answer.json()) == (400, none), body
    answer = engine.post("/submissions/batch", json={"submissions": [HELLO] * 21})
    assert (answer.status_code, answer.json()) == (400, many)
    for tokens in ("", ",,,"):
        answer = engine.get(f"/submissions/batch?tokens={tokens}")
        assert (answer.status_code, answer.json()) == (400, none)
    answer = engine.get("/submissions/batch?tokens=" + ",".join("x" * 21))
    assert (answer.status_code, answer.json()) == (400, many)


def test_a_finished_submission_can_be_deleted_and_is_gone(engine):
    token = created(engine)
    finished(engine, token)
    answer = engine.request("DELETE", f"/submissions/{token}?fields=stdout,token")
    assert answer.status_code == 200
    assert answer.json() == {"stdout": "aGkK\n", "token": token}
    assert engine.get(f"/submissions/{token}").status_code == 404
    assert engine.request("DELETE", f"/submissions/{token}").status_code == 404


def test_an_unfinished_submission_cannot_be_deleted(engine):
    token = created(engine, source_code="import time; time.sleep(0.4)")
    answer = engine.request("DELETE", f"/submissions/{token}")
    assert answer.status_code == 400
    assert re.fullmatch(
        r"submission cannot be deleted because its status is (1 \(In Queue\)|2 \(Processing\))",
        answer.json()["error"],
    )
    finished(engine, token)


def test_unknown_things_are_empty_unless_json_is_asked_for(engine):
    for method, path in (
        ("GET", f"/submissions/{UNKNOWN}"),
        ("GET", "/nope"),
        ("GET", "/languages/9999"),
        ("GET", "/languages/abc"),
        ("PUT", "/submissions"),
        ("DELETE", "/languages"),
    ):
        answer = engine.request(method, path)
        assert (answer.status_code, answer.text) == (404, ""), path
        assert answer.headers["content-type"].startswith("text/html")
        answer = engine.request(method, path, headers=JSON)
        assert (answer.status_code, answer.json()) == (404, {"status": 404, "error": "Not Found"})
    answer = engine.get(f"/submissions/{UNKNOWN}.json")
    assert answer.json() == {"status": 404, "error": "Not Found"}


def test_languages_are_listed_by_name_with_judge0s_ids(engine):
    listed = engine.get("/languages").json()
    names = {item["id"]: item["name"] for item in listed}
    assert set(names) == {C, CPP, CPP_OF_THE_SDK, PYTHON}
    assert names[CPP_OF_THE_SDK] == names[CPP]
    assert re.fullmatch(r"C \((GCC|Clang) \d+\.\d+\.\d+\)", names[C])
    assert re.fullmatch(r"C\+\+ \((GCC|Clang) \d+\.\d+\.\d+\)", names[CPP])
    assert re.fullmatch(r"Python \(3\.\d+\.\d+\+?\)", names[PYTHON])
    assert [item["name"] for item in listed] == sorted(names.values())
    assert engine.get("/languages/all").json() == [{**item, "is_archived": False} for item in listed]


def test_a_language_says_how_it_is_compiled_and_run(engine):
    shown = engine.get(f"/languages/{CPP}").json()
    assert list(shown) == ["id", "name", "is_archived", "source_file", "compile_cmd", "run_cmd"]
    assert shown["source_file"] == "main.cpp"
    assert "-O2 -std=gnu++17 %s main.cpp" in shown["compile_cmd"]
    assert shown["run_cmd"] == "./a.out"
    shown = engine.get(f"/languages/{PYTHON}").json()
    assert shown["compile_cmd"] is None
    assert shown["run_cmd"].endswith("python3 script.py")


def test_statuses_are_judge0s_fourteen(engine):
    statuses = engine.get("/statuses").json()
    assert [item["id"] for item in statuses] == list(range(1, 15))
    assert statuses[10] == {"id": 11, "description": "Runtime Error (NZEC)"}


def test_config_info_tells_the_bounds_and_what_is_switched_off(engine):
    info = engine.get("/config_info").json()
    expected = {
        "maintenance_mode": False,
        "enable_wait_result": True,
        "enable_callbacks": False,
        "enable_additional_files": True,
        "enable_submission_delete": True,
        "enable_batched_submissions": True,
        "max_submission_batch_size": 20,
        "max_queue_size": 1000,
        "cpu_time_limit": 5.0,
        "max_cpu_time_limit": 60.0,
        "max_wall_time_limit": 125.0,
        "max_memory_limit": 2097152,
        "max_max_file_size": 16384,
        "allow_enable_network": False,
        "allow_enable_per_process_and_thread_time_limit": True,
        "allow_enable_per_process_and_thread_memory_limit": True,
    }
    assert {name: info[name] for name in expected} == expected


def test_the_version_is_plain_text_and_workers_count_slots(engine):
    version = engine.get("/version")
    assert version.text == engine.get("/about").json()["version"] == "1.13.1"
    assert version.headers["content-type"].startswith("text/plain")
    (queue,) = engine.get("/workers").json()
    assert list(queue) == ["queue", "size", "available", "idle", "working", "paused", "failed"]
    assert queue["available"] == queue["idle"] + queue["working"] == 2


def test_forms_and_query_strings_are_understood_too(engine):
    form = {"source_code": "print(1)", "language_id": "71", "wait": "true"}
    assert engine.post("/submissions", data=form).json()["stdout"] == "1\n"
    assert engine.post("/submissions", params=form).json()["stdout"] == "1\n"


def test_a_token_is_demanded_where_one_is_configured():
    with started_engine(ENGINE_AUTH_TOKEN="first second", ENGINE_SLOTS="1") as engine:
        for headers in (
            {},
            {"X-Auth-Token": "bad"},
            {"X-Auth-Token": "first second"},
            {"Authorization": "Bearer first"},
        ):
            for method, path in (("GET", "/languages"), ("POST", "/submissions"), ("POST", "/authenticate")):
                answer = engine.request(method, path, headers=headers, json=HELLO)
                assert (answer.status_code, answer.text) == (401, "")
        assert engine.get("/").status_code == 200
        right = {"X-Auth-Token": "second"}
        assert engine.post("/authenticate", headers=right).status_code == 200
        assert engine.get("/languages?X-Auth-Token=first").status_code == 200
        assert engine.post("/submissions", json={**HELLO, "X-Auth-Token": "first"}).status_code == 201
        source = {"source_code": "int main(void){return 0;}", "language_id": C}
        for token, compiled in (("first", 1), ("first", 1), ("second", 2)):
            answer = engine.post("/submissions?wait=true", json=source, headers={"X-Auth-Token": token})
            assert answer.json()["status"]["id"] == 3
            said = engine.get("/engine", headers=right).json()
            assert said["artefacts"]["compilations"] == compiled


def test_when_the_queue_is_full_more_is_refused_even_before_it_is_looked_at():
    with started_engine(JUDGE0_AUTH_TOKEN="", ENGINE_SLOTS="1", ENGINE_MAX_QUEUE="3") as engine:
        slow = HELLO | {"source_code": "import time; time.sleep(20)"}
        running = created(engine, **slow)
        while engine.get(f"/submissions/{running}?fields=status_id").json()["status_id"] != 2:
            time.sleep(0.01)
        assert engine.post("/submissions/batch", json={"submissions": [slow] * 4}).status_code == 503
        for _ in range(3):
            created(engine, **slow)
        for body in (HELLO, {}):
            answer = engine.post("/submissions", json=body)
            assert (answer.status_code, answer.json()) == (503, {"error": "queue is full"})
        assert engine.get("/workers").json()[0]["size"] == 3


def test_answers_are_compact_ascii_json(engine):
    text = engine.get("/languages").text
    assert text == json.dumps(json.loads(text), separators=(",", ":"))
