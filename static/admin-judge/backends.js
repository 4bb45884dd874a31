// Keeps “Judge servers” up to date. Without this script the page is as it was when it was loaded.

const EVERY_MS = 5000;
const PATIENCE_MS = 10000; // for one answer

let isAsking = false; // one at a time: an older answer must not replace a newer one

async function refresh() {
  if (document.hidden || isAsking) {
    return;
  }
  isAsking = true;
  try {
    const answer = await fetch(location.href, {redirect: "error", signal: AbortSignal.timeout(PATIENCE_MS)});
    if (!answer.ok) {
      throw new Error(String(answer.status));
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("backends");
    document.getElementById("backends").replaceWith(fresh);
    say("It is kept up to date.");
  } catch {
    say("It cannot be refreshed at present.");
  } finally {
    isAsking = false;
  }
}

function say(words) {
  document.querySelector("#backends .refreshing").textContent = words;
}

say("It is kept up to date.");
setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
