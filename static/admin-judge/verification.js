// Keeps what is judged up to date on its page (reference solutions, rejudges): the one element with data-goes-on. Without this script a reload does it.

const EVERY_MS = 1000;
const PATIENCE_MS = 10000; // for one answer

async function follow() {
  while (document.querySelector("[data-goes-on]")) {
    await new Promise((done) => setTimeout(done, EVERY_MS));
    if (!document.hidden) {
      await refresh();
    }
  }
}

async function refresh() {
  const shown = document.querySelector("[data-goes-on]");
  try {
    const answer = await fetch(location.href, {redirect: "error", signal: AbortSignal.timeout(PATIENCE_MS)});
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(shown.id);
      shown.replaceWith(fresh);
    }
  } catch {
    // The next try may succeed.
  }
}

follow();
