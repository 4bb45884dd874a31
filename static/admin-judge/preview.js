// Shows the statement below its textarea as learners will see it. The server renders; without this script
// authoring works as before.

const DELAY_MS = 300;

const source = document.getElementById("id_statement");
if (source) {
  preview(source);
}

function preview(textarea) {
  const view = document.createElement("section");
  view.className = "statement-preview statement";
  view.setAttribute("aria-label", "Preview of the statement");
  textarea.closest(".form-row").append(view);

  let timer = 0;
  let running = new AbortController();

  async function show() {
    running.abort();
    running = new AbortController();
    const body = new FormData();
    body.append("statement", textarea.value);
    body.append("csrfmiddlewaretoken", textarea.form.elements.csrfmiddlewaretoken.value);
    try {
      const answer = await fetch(textarea.dataset.preview, {method: "POST", body, signal: running.signal});
      render(await answer.json());
    } catch (error) {
      if (error.name !== "AbortError") {
        render({error: "The preview is not available at the moment."});
      }
    }
  }

  function render({html, error}) {
    view.classList.toggle("refused", Boolean(error));
    if (error) {
      view.textContent = error;
    } else {
      view.innerHTML = html; // cleaned by the server
    }
  }

  textarea.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, DELAY_MS);
  });
  show();
}
