// Sends programs to the API, and tells what is wrong with them: in #troubles, beside the input, on the buttons.
//
// Buttons with data-send="<action>" are held while an answer is awaited, and while the action is limited.

const byId = (id) => document.getElementById(id);

export class Sending {
  /** `names`: {action: what its button is called}; the other two are called once something is told there. */
  constructor({ user, signIn }, names, { onTrouble = () => {}, onInputTrouble = () => {} } = {}) {
    this.isSignedIn = user !== null;
    this.signIn = signIn;
    this.names = names;
    this.onTrouble = onTrouble;
    this.onInputTrouble = onInputTrouble;
    this.csrfToken = byId("program-form").elements.csrfmiddlewaretoken.value;
    this.labels = new Map([...document.querySelectorAll("[data-send]")].map((button) => [button, button.innerHTML]));
    this.busy = new Set(); // actions that wait for an answer, or for their time
  }

  isBusy(action) { return this.busy.has(action); }

  /** What the API says of the program it has taken; null when it has not, and that has been told. */
  async send(action, url, body) {
    if (!this.isSignedIn) { location.assign(this.signIn); return null; }
    this.tell([]);
    this.#tellOfInput([]);
    this.#hold(action, (button) => button.dataset.busy, "busy");
    try {
      const answer = await this.#post(url, JSON.stringify(body));
      const told = await answer.json();
      this.#release(action);
      if (answer.ok) return told;
      this.#refused(action, answer, told);
    } catch {
      this.#release(action);
      this.tell(["The server could not be reached. Your program is kept; please try again."]);
    }
    return null;
  }

  /** Take one back that waits. What follows is told by events, also where it was too late. */
  async cancel(form) {
    const button = form.querySelector("button");
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true"); // a disabled one would lose the focus
    this.tell([]);
    try {
      const answer = await this.#post(form.dataset.cancel);
      if (answer.status === 401 || answer.status === 403) this.tell([this.#signedOut()]);
      else if (!answer.ok && answer.status !== 409) this.tell(["It could not be cancelled. Please try again."]);
    } catch {
      this.tell(["The server could not be reached. Please try again."]);
    }
    button.removeAttribute("aria-disabled");
  }

  /** Hold the action's buttons for so long. */
  countDown(action, seconds) {
    const name = this.names[action];
    this.tell([`You have sent many programs in a short time. “${name}” is possible again in ${seconds} s.`]);
    const until = Date.now() + seconds * 1000;
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      if (left <= 0) { clearInterval(timer); this.#release(action); this.tell([]); return; }
      this.#hold(action, () => `${name} (${left} s)`);
    };
    const timer = setInterval(tick, 250);
    tick();
  }

  /** Texts, or lists of texts and elements; none take back what was told. */
  tell(troubles) {
    byId("troubles").replaceChildren(...troubles.map((parts) => {
      const line = Object.assign(document.createElement("p"), { className: "error" });
      line.append(...[parts].flat());
      return line;
    }));
    if (troubles.length) this.onTrouble();
  }

  #post(url, body = null) {
    const headers = { "X-CSRFToken": this.csrfToken, Accept: "application/json" };
    if (body !== null) headers["Content-Type"] = "application/json";
    return fetch(url, { method: "POST", headers, body });
  }

  /** A problem document, told where it belongs. */
  #refused(action, answer, problem) {
    if (answer.status === 429) {
      this.countDown(action, Number(answer.headers.get("Retry-After")) || 1);
      return;
    }
    const { input = [], ...others } = problem.errors ?? {};
    this.#tellOfInput(input);
    const texts = Object.values(others).flat();
    if (answer.status === 401 || (answer.status === 403 && !texts.length)) {
      texts.push(this.#signedOut());
    } else if (!texts.length && !input.length) {
      texts.push(problem.detail || "It could not be sent. Please try again.");
    }
    this.tell(texts);
  }

  #signedOut() {
    const link = Object.assign(document.createElement("a"), { href: this.signIn, textContent: "Sign in again" });
    return ["You are no longer signed in. ", link, "; your draft is kept."];
  }

  #tellOfInput(texts) {
    const place = byId("input-error");
    place.hidden = texts.length === 0;
    place.textContent = texts.join(" ");
    byId("input").setAttribute("aria-invalid", String(texts.length > 0));
    if (texts.length) this.onInputTrouble();
  }

  #hold(action, label, className = "") {
    this.busy.add(action);
    for (const button of this.#buttons(action)) {
      button.disabled = true;
      button.textContent = label(button);
      button.classList.toggle("busy", className !== "");
    }
  }

  #release(action) {
    this.busy.delete(action);
    for (const button of this.#buttons(action)) {
      button.disabled = false;
      button.innerHTML = this.labels.get(button);
      button.classList.remove("busy");
    }
  }

  #buttons(action) { return [...document.querySelectorAll(`[data-send="${action}"]`)]; }
}
