// Shows what a package would change without leaving the page, so that the file need not be chosen again. Without this
// script the page works as before.

const form = document.getElementById("package-form");
const outcome = document.getElementById("outcome");
document.documentElement.classList.add("has-scripts");

form.addEventListener("submit", (event) => {
  if (event.submitter?.value === "look") {
    event.preventDefault();
    look(event.submitter);
  }
});

async function look(button) {
  button.disabled = true;
  outcome.textContent = "Looking…";
  const body = new FormData(form);
  body.set("action", "look");
  try {
    const answer = await fetch(window.location.href, {method: "POST", body});
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const errors = page.querySelectorAll(".errorlist");
    const seen = page.getElementById("outcome");
    if (!seen) {
      throw new Error(`The answer was ${answer.status}.`);
    }
    outcome.replaceChildren(...errors, ...seen.childNodes);
  } catch (error) {
    outcome.textContent = `This could not be shown. ${error.message}`;
  } finally {
    button.disabled = false;
  }
}
