"""The client of S4's contract, in a browser, as its authors wrote it: only host and token are ours."""

import json
from typing import Any

from playwright.sync_api import Page

from tests.browser.conftest import VERDICT_MS
from tests.browser.elsewhere import Elsewhere

AUTHENTICATION = """
// User must be authenticated with Firebase
const user = getAuth().currentUser;
const token = await user.getIdToken();
"""

SUBMIT = """
const response = await fetch('/api/v1/executions/execute', {
  method: 'POST',
  headers: {
    'Authorization': `Bearer ${token}`,
    'Content-Type': 'application/json'
  },
  body: JSON.stringify({
    code: "print('Hello World')",
    language: "python",
    input_data: ""
  })
});

const { execution_id } = await response.json();
"""

WEBSOCKET = """
const ws = new WebSocket(`ws://localhost:8001/api/v1/executions/ws/${execution_id}?token=${token}`);

ws.onmessage = (event) => {
  const message = JSON.parse(event.data);
  
  if (message.type === 'execution_update') {
    const { status, output, error_output } = message.data;
    
    switch (status) {
      case 'pending': // Show loading...
      case 'running': // Show "Code is running..."
      case 'completed': // Show results
      case 'error': // Show error
    }
  }
};
"""  # noqa: W293 (as it was written)

POLLING = """
// If WebSocket is not available, poll for status
const pollStatus = async () => {
  const response = await fetch(`/api/v1/executions/status/${execution_id}`, {
    headers: { 'Authorization': `Bearer ${token}` }
  });
  
  const data = await response.json();
  return data.status; // 'pending', 'running', 'completed', 'error'
};
"""  # noqa: W293

FIREBASE = "const getAuth = () => ({ currentUser: { getIdToken: async () => %s } });"
EXPORTS = "export { ws, pollStatus, execution_id };"

FOLLOW = """async () => {
  const { ws, pollStatus, execution_id } = await import("/client.js");
  const heard = [], polled = [];
  ws.addEventListener("message", (event) => heard.push(JSON.parse(event.data)));
  const closed = new Promise((resolve) => ws.addEventListener("close", (event) => resolve(event.code)));
  do {
    polled.push(await pollStatus());
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (!["completed", "error"].includes(polled.at(-1)));
  return { execution_id, heard, polled, closed: await closed };
}"""


def client(elsewhere: Elsewhere, token: str) -> str:
    """Its pieces as one module, after each other as its authors had them."""
    url = elsewhere.platform.url
    pieces = [
        FIREBASE % json.dumps(token),
        AUTHENTICATION,
        SUBMIT.replace("'/api/", f"'{url}/api/"),
        WEBSOCKET.replace("ws://localhost:8001/", f"{url.replace('http', 'ws')}/"),
        POLLING.replace("`/api/", f"`{url}/api/"),
        EXPORTS,
    ]
    return "\n".join(pieces)


def test_the_javascript_of_the_contract_submits_follows_and_polls(elsewhere: Elsewhere, foreign_page: Page):
    """S4.8, S4.13, S4.14; S4.2 (in part), S4.4 (in part), S4.10 (in part), S4.12 (in part)"""
    elsewhere.scripts["/client.js"] = client(elsewhere, elsewhere.issuer.token("ada"))
    foreign_page.set_default_timeout(VERDICT_MS)

    seen: dict[str, Any] = foreign_page.evaluate(FOLLOW)

    assert seen["closed"] == 1000
    assert seen["polled"][-1] == "completed"
    assert set(seen["polled"]) <= {"pending", "running", "completed"}
    assert {message["type"] for message in seen["heard"]} == {"execution_update"}
    assert {message["execution_id"] for message in seen["heard"]} == {seen["execution_id"]}
    last = seen["heard"][-1]["data"]
    assert (last["status"], last["output"], last["error_output"]) == ("completed", "Hello World\n", "")
