"""What the server tells about itself, and what its administrators may see."""

from __future__ import annotations

import json
import math
import time

import pytest

from .conftest import PYTHON, ROOT, Engine

HELLO = {"source_code": "print('hi')", "language_id": PYTHON}
ADMINISTRATOR = {"X-Auth-User": "adm-b"}


@pytest.mark.parametrize(
    ("path", "beginning"),
    [
        ("/version", "1.13.1"),
        ("/isolate", ""),
        ("/license", (ROOT / "LICENSE").read_text()),
    ],
)
def test_version_isolation_and_license_are_plain_text(engine, path, beginning):
    answer = engine.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith(beginning)
    if path == "/isolate":
        assert answer.text.strip() == engine.get("/engine").json()["isolation"]


def test_the_machine_is_described_in_texts(engine):
    told = engine.get("/system_info").json()
    assert {"Architecture", "CPU(s)", "Model name", "Mem", "Swap"} <= told.keys()
    assert all(isinstance(value, str) for value in told.values())
    assert int(told["CPU(s)"]) >= 1
    assert told["Mem"].endswith(" kB")


def test_statistics_count_what_is_kept(engine):
    def counted() -> tuple[int, int, int]:
        told = engine.get("/statistics?invalidate_cache=true").json()
        by_language = {row["language"]["id"]: row["count"] for row in told["languages"]}
        by_status = {row["status"]["id"]: row["count"] for row in told["statuses"]}
        assert len(told["submissions"]["last_30_days"]) == 30
        return told["submissions"]["total"], by_language.get(PYTHON, 0), by_status.get(3, 0)

    before = counted()
    assert engine.post("/submissions?wait=true", json=HELLO).status_code == 201
    assert counted() == tuple(number + 1 for number in before)


def test_languages_are_sorted_by_name_and_each_is_described(engine):
    offered = engine.get("/languages").json()
    assert [it["name"] for it in offered] == sorted(it["name"] for it in offered)
    everything = engine.get("/languages/all").json()
    assert everything == [it | {"is_archived": False} for it in offered]
    for it in offered:
        described = engine.get(f"/languages/{it['id']}.json").json()
        assert list(described) == ["id", "name", "is_archived", "source_file", "compile_cmd", "run_cmd"]
        assert described["name"] == it["name"]


def test_an_answer_that_has_not_changed_is_not_sent_again(engine):
    first = engine.get("/statuses")
    assert first.headers["etag"].startswith('W/"')
    again = engine.get("/statuses", headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert engine.get("/languages", headers={"If-None-Match": first.headers["etag"]}).status_code == 200
    assert engine.get("/submissions/x", headers={"If-None-Match": first.headers["etag"]}).status_code == 404


def test_addresses_may_end_in_json(engine):
    token = engine.post("/submissions.json?wait=true&fields=token", json=HELLO).json()["token"]
    assert engine.get(f"/submissions/{token}.json?fields=stdout").json() == {"stdout": "hi\n"}
    shown = engine.get(f"/submissions/batch.json?tokens={token}&fields=stdout").json()
    assert shown == {"submissions": [{"stdout": "hi\n"}]}


def created(engine: Engine, **parameters: object) -> str:
    answer = engine.post("/submissions", json=HELLO | parameters)
    assert answer.status_code == 201
    token: str = answer.json()["token"]
    return token


def test_an_administrator_lists_submissions_page_by_page_newest_first(as_judge0):
    tokens = [created(as_judge0) for _ in range(3)]

    def listed(query: str) -> tuple[list[dict], dict]:
        answer = as_judge0.get(f"/submissions?fields=token&{query}", headers=ADMINISTRATOR)
        assert answer.status_code == 200
        assert list(answer.json()) == ["submissions", "meta"]
        return answer.json()["submissions"], answer.json()["meta"]

    shown, meta = listed("per_page=2")
    assert shown == [{"token": tokens[2]}, {"token": tokens[1]}]
    total = meta["total_count"]
    assert meta == {
        "current_page": 1,
        "next_page": 2,
        "prev_page": None,
        "total_pages": math.ceil(total / 2),
        "total_count": total,
    }
    shown, meta = listed("per_page=2&page=2")
    assert shown[0] == {"token": tokens[0]}
    assert meta["prev_page"] == 1
    shown, meta = listed("page=99999999999999999999999")
    assert (shown, meta["next_page"]) == ([], None)
    for query, complaint in (
        ("page=0", "invalid page: 0"),
        ("page=", "invalid page: 0"),
        ("page=x", "invalid page: 0"),
        ("per_page=0", "invalid per_page: 0"),
        ("per_page=-3", "invalid per_page: -3"),
    ):
        answer = as_judge0.get(f"/submissions?{query}", headers=ADMINISTRATOR)
        assert (answer.status_code, answer.json()) == (400, {"error": complaint})


def test_only_administrators_list_and_delete_where_there_are_some(as_judge0):
    token = created(as_judge0)
    while as_judge0.get(f"/submissions/{token}?fields=status_id").json()["status_id"] < 3:
        time.sleep(0.01)
    for headers in ({}, {"X-Auth-User": "tok-a"}, {"X-Auth-User": "adm-a adm-b"}):
        for method, path in (
            ("GET", "/submissions"),
            ("POST", "/authorize"),
            ("DELETE", f"/submissions/{token}"),
        ):
            answer = as_judge0.request(method, path, headers=headers)
            assert (answer.status_code, answer.content) == (403, b"")
    assert as_judge0.post("/authorize?X-Auth-User=adm-a").status_code == 200
    body = {"X-Auth-User": "adm-a"}
    deleted = as_judge0.request("DELETE", f"/submissions/{token}?fields=token,stdout", json=body)
    assert (deleted.status_code, deleted.json()) == (200, {"stdout": "aGkK\n", "token": token})
    assert as_judge0.get(f"/submissions/{token}").status_code == 404


def test_a_list_with_text_beyond_ascii_must_be_asked_for_as_base64(as_judge0):
    as_judge0.post("/submissions?wait=true", json=HELLO | {"source_code": "print('\N{SNOWMAN}')"})
    answer = as_judge0.get("/submissions?per_page=1&fields=stdout", headers=ADMINISTRATOR)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("some attributes for one or more submissions cannot be")
    answer = as_judge0.get("/submissions?per_page=1&fields=stdout&base64_encoded=true", headers=ADMINISTRATOR)
    assert json.loads(answer.text)["submissions"] == [{"stdout": "4piDCg==\n"}]
