// What both live pages share: the data the server left, the spoken line, the connection's state, copying.

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

/** Buttons with data-copy copy the first text block of their box. */
export function startCopying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.closest(".box").querySelector("pre").textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}
