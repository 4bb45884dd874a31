"""`live.js` before a server that is as unkind as networks are: events lost, doubled, late, sockets closed."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute

from tests.browser.conftest import Visit

FOLLOW = """async (address) => {
  const { follow } = await import(address);
  window.seqs = [];
  window.links = [];
  window.places = [];
  window.follower = follow("x", {
    after: 1,
    onEvent: (event) => window.seqs.push(event.seq),
    onQueue: (place) => window.places.push(place.position),
    onLink: (state) => { if (window.links.at(-1) !== state) window.links.push(state); },
  });
}"""


def event(seq: int, **fields: Any) -> dict[str, Any]:
    return {"seq": seq, "type": "case", "final": False} | fields


class Server:
    """What is behind the page's socket and its polling. `history` is all that has happened so far."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.history: list[dict[str, Any]] = []
        self.sockets: list[WebSocketRoute] = []
        self.place: dict[str, Any] | None = None
        self.is_down = False
        page.route_web_socket("**/ws/**", self._connect)
        page.route("**/events/?after=*", self._events)

    def _connect(self, socket: WebSocketRoute) -> None:
        if self.is_down:
            socket.close()
        else:
            self.sockets.append(socket)

    def _events(self, route: Route) -> None:
        after = int(route.request.url.rsplit("=", 1)[1])
        missed = [one for one in self.history if one["seq"] > after]
        route.fulfill(json={"events": missed, "final": False, "queue": self.place})

    def happen(self, *events: dict[str, Any]) -> None:
        self.history.extend(events)

    def send(self, *events: dict[str, Any]) -> None:
        for one in events:
            self.sockets[-1].send(json.dumps(one))

    def await_socket(self, number: int) -> None:
        for _ in range(200):
            if len(self.sockets) >= number:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError("the page did not connect")

    def await_seqs(self, *seqs: int) -> None:
        for _ in range(200):
            if self.page.evaluate("() => window.seqs") == list(seqs):
                return
            self.page.wait_for_timeout(50)
        assert self.page.evaluate("() => window.seqs") == list(seqs)


@pytest.fixture
def server(visit: Visit) -> Server:
    page = visit("/questions/sum/")
    server = Server(page)
    name = page.locator('script[type="module"]').get_attribute("src") or ""
    solve = page.evaluate("async (address) => (await fetch(address)).text()", name)
    live = solve.split('from "./live')[1].split('"')[0]
    page.evaluate(FOLLOW, f"/static/js/live{live}")
    server.await_socket(1)
    return server


def test_an_event_seen_before_is_dropped(server: Server):
    server.send(event(1), event(2), event(2), event(3), event(2))

    server.await_seqs(2, 3)


def test_a_missing_event_is_asked_for(server: Server):
    server.happen(event(2), event(3), event(4))
    server.send(event(2), event(4))

    server.await_seqs(2, 3, 4)


def test_a_snapshot_may_skip_what_is_no_longer_known(server: Server):
    server.send(event(9, type="snapshot"), event(10))

    server.await_seqs(9, 10)


def test_a_place_in_the_queue_is_no_event_and_comes_by_either_way(server: Server):
    server.send({"type": "queue", "queue": {"position": 3, "estimated_wait_s": None}}, event(2))
    server.await_seqs(2)
    server.place = {"position": 2, "estimated_wait_s": 4}
    server.is_down = True
    server.sockets[-1].close()
    server.happen(event(3))
    server.await_seqs(2, 3)

    assert server.page.evaluate("() => window.places.slice(0, 2)") == [3, 2]


def test_it_polls_while_the_socket_is_down_and_returns_to_it(server: Server):
    server.send(event(2))
    server.await_seqs(2)
    server.is_down = True
    server.sockets[-1].close()
    server.happen(event(2), event(3), event(4))
    server.await_seqs(2, 3, 4)

    server.is_down = False
    server.await_socket(2)
    server.send(event(4), event(5, final=True, type="status"))

    server.await_seqs(2, 3, 4, 5)
    assert server.page.evaluate("() => window.links") == ["live", "polling", "live", "idle"]


def test_it_ends_with_the_final_event(server: Server):
    server.send(event(2, final=True, type="status"))
    server.await_seqs(2)
    server.sockets[-1].close()
    server.page.wait_for_timeout(1200)

    assert len(server.sockets) == 1


@pytest.mark.parametrize("code", [4401, 4403, 4404])
def test_it_does_not_come_back_where_it_is_refused(server: Server, code: int):
    server.sockets[-1].close(code=code)
    server.page.wait_for_timeout(1200)

    assert len(server.sockets) == 1
    assert server.page.evaluate("() => window.links.at(-1)") == "idle"
