// What live pages share: the data the server left, the spoken line, the connection's state, keys.

export const pageData = () => JSON.parse(document.getElementById("page-data").textContent);

export function say(text) {
  document.getElementById("say").textContent = text;
}

const LINKS = { live: "Live", polling: "Reconnecting… polling", offline: "Offline", idle: "" };

/** The state of `follow`; without anything to follow only being offline is told. */
export function showLink(state) {
  const live = document.getElementById("live");
  const shown = state === "idle" && !navigator.onLine ? "offline" : state;
  live.dataset.link = shown;
  live.dataset.followed = String(state !== "idle");
  live.querySelector("span").textContent = LINKS[shown];
}

for (const type of ["online", "offline"]) {
  addEventListener(type, () => {
    if (document.getElementById("live").dataset.followed !== "true") showLink("idle");
  });
}

/** `actFor(what was pressed)` is what to do then, or null: the key is left to whom it belongs. An open dialog has all. */
export function startKeys(actFor) {
  // In the capture phase, so that the editor does not take them first.
  document.addEventListener("keydown", (event) => {
    const { ctrlKey, metaKey, altKey, shiftKey } = event;
    const isTyping = Boolean(event.target.closest?.("input, textarea, select, [contenteditable]"));
    const pressed = { key: event.key.toLowerCase(), isCommand: ctrlKey || metaKey, isTyping, ctrlKey, altKey, shiftKey };
    const act = actFor(pressed);
    if (!act || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }, true);
}
