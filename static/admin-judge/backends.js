// Keeps “Judge servers” up to date. Without this script the page is as it was when it was loaded.

const EVERY_MS = 5000;

async function refresh() {
  if (document.hidden) {
    return;
  }
  try {
    const answer = await fetch(location.href, {redirect: "error"});
    if (!answer.ok) {
      throw new Error(String(answer.status));
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("backends");
    document.getElementById("backends").replaceWith(fresh);
    say("It is kept up to date.");
  } catch {
    say("It cannot be refreshed at present.");
  }
}

function say(words) {
  document.querySelector("#backends .refreshing").textContent = words;
}

say("It is kept up to date.");
setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
