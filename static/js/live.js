// Follows one submission: websocket first, polling while it is down, then websocket again.
//
//   onEvent(event)  each event once, in order of its seq
//   onQueue(place)  where it stands in the queue, while it is queued: {position, estimated_wait_s}
//   onLink(state)   "live" | "polling" | "offline" | "idle" (nothing to follow any more)
//
// An event that was seen is dropped; a missing one is asked for. It stops by itself at the final event, and when
// the server says that this is not ours to see.

const REFUSED = new Set([4401, 4403, 4404]);
const POLL_MS = 2000;
const BACKOFF_MS = 500;
const BACKOFF_MAX_MS = 15000;
const OPEN_MS = 4000;

export function follow(id, { after = 0, onEvent, onQueue = () => {}, onLink }) {
  let last = after;
  let done = false;
  let socket = null;
  let tries = 0;
  let reconnect = 0;
  let polling = false;
  let pollTimer = 0;
  let asking = null;

  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socketUrl = () => `${scheme}//${location.host}/ws/submissions/${id}/?after=${last}`;
  const eventsUrl = () => `/api/v1/submissions/${id}/events/?after=${last}`;

  function stop(state = "idle") {
    if (done) return;
    done = true;
    clearTimeout(reconnect);
    clearTimeout(pollTimer);
    removeEventListener("online", retryNow);
    document.removeEventListener("visibilitychange", whenShown);
    if (socket && socket.readyState < WebSocket.CLOSING) socket.close(1000);
    onLink(state);
  }

  function take(event) {
    if (done || event.seq <= last) return;
    last = event.seq;
    onEvent(event);
    if (event.final) stop();
  }

  async function ask() {
    const answer = await fetch(eventsUrl(), { headers: { Accept: "application/json" } });
    if ([401, 403, 404].includes(answer.status)) return stop();
    if (!answer.ok) throw new Error(`events: ${answer.status}`);
    const { events, queue } = await answer.json();
    events.forEach(take);
    if (queue && !done) onQueue(queue);
    return undefined;
  }

  // One question at a time: whoever asks meanwhile waits for the same answer.
  function catchUp() {
    asking ??= ask().finally(() => { asking = null; });
    return asking;
  }

  async function poll() {
    if (done || !polling) return;
    try {
      await catchUp();
      if (!done && polling) onLink("polling");
    } catch {
      if (!done) onLink("offline");
    }
    clearTimeout(pollTimer);
    if (!done && polling) pollTimer = setTimeout(poll, POLL_MS);
  }

  function startPolling() {
    if (polling || done) return;
    polling = true;
    onLink(navigator.onLine ? "polling" : "offline");
    poll();
  }

  function receive(message) {
    const event = JSON.parse(message.data);
    if (event.type === "queue") { onQueue(event.queue); return; }
    const isGap = event.seq > last + 1 && event.type !== "snapshot";
    // What is missing comes with the answer, this event included; failing that, at the next event or poll.
    if (isGap) catchUp().catch(() => startPolling());
    else take(event);
  }

  function connect() {
    if (done) return;
    socket = new WebSocket(socketUrl());
    const current = socket;
    const opening = setTimeout(() => current.close(), OPEN_MS);
    socket.onopen = () => {
      clearTimeout(opening);
      tries = 0;
      polling = false;
      clearTimeout(pollTimer);
      onLink("live");
    };
    socket.onmessage = receive;
    socket.onclose = (event) => {
      clearTimeout(opening);
      if (done) return;
      if (REFUSED.has(event.code)) { stop(); return; }
      startPolling();
      const wait = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** tries) * (0.5 + Math.random() / 2);
      tries += 1;
      reconnect = setTimeout(connect, wait);
    };
  }

  function retryNow() {
    if (done || (socket && socket.readyState < WebSocket.CLOSING)) return;
    clearTimeout(reconnect);
    connect();
  }

  function whenShown() {
    if (!document.hidden && polling) poll();
  }

  addEventListener("online", retryNow);
  document.addEventListener("visibilitychange", whenShown);
  connect();
  return { stop: () => stop(), get seq() { return last; } };
}
