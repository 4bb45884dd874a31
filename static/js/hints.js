// The Hints tab. The server draws the panel (`?part=panel`); while a hint is made, its stages and its text are shown
// as they come, and at the end the panel is drawn again.

const PART = "?part=panel";
const POLL_MS = 2000;
const STAGES = {
  queued: "Waiting for its turn…", judging: "Reading your result…", asking: "Thinking…", checking: "Checking…",
  again: "Thinking again…",
};

export class Hints {
  /** `box` holds the panel; `tab` opens it; while it is closed and a level is open, all `[data-hints-mark]` are seen. */
  constructor(box, tab, { url, isSignedIn, signIn, say }) {
    this.box = box;
    this.marks = document.querySelectorAll("[data-hints-mark]");
    this.url = url;
    this.signIn = signIn;
    this.say = say;
    this.stream = null;
    this.pollTimer = 0;
    this.drawing = 0;
    if (!isSignedIn) return;
    tab.addEventListener("open", () => { this.#mark(false); this.renew(); });
    box.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(event.target, event.submitter);
    });
  }

  get #isShown() { return this.box.offsetParent !== null; }

  get #panel() { return this.box.querySelector(".hints-panel"); }

  /** There is a new failed result: perhaps a level has opened. */
  async attemptFailed() {
    await this.renew();
    this.#mark(!this.#isShown && this.#panel?.dataset.open !== undefined);
  }

  /** Another pane is open now. */
  look() {
    if (this.#isShown) this.#mark(false);
  }

  #mark(isMarked) {
    for (const mark of this.marks) mark.hidden = !isMarked;
  }

  renew() { return this.#draw(this.url + PART); }

  async #send(form, button) {
    if (this.box.getAttribute("aria-busy") === "true") return;
    this.box.setAttribute("aria-busy", "true");
    const sent = new URLSearchParams(new FormData(form, button));
    const isDrawn = await this.#draw(form.getAttribute("action"), { method: "POST", body: sent });
    this.box.removeAttribute("aria-busy");
    if (isDrawn && this.#panel.dataset.stream) this.say("A hint is being made");
    else this.say(this.box.querySelector(".error")?.textContent ?? "");
  }

  /** Show the panel that this answers; one that was overtaken by a later one is dropped. */
  async #draw(address, options = {}) {
    const mine = ++this.drawing;
    const page = document.createElement("template");
    try {
      const answer = await fetch(address, options);
      page.innerHTML = await answer.text();
    } catch {
      page.innerHTML = "";
    }
    if (mine !== this.drawing) return false;
    const panel = page.content.querySelector(".hints-panel");
    if (!panel) { this.#tellTrouble(); return false; }
    this.#forgetStream();
    const focused = this.box.contains(document.activeElement) ? this.#nameOf(document.activeElement) : null;
    this.box.replaceChildren(panel);
    if (focused !== null) this.#focus(focused);
    if (panel.dataset.stream) this.#follow(panel);
    return true;
  }

  /** A button that is there again after the drawing keeps the focus: a rating. */
  #nameOf(element) {
    const form = element.closest("form");
    return element.name ? `form[action="${form.getAttribute("action")}"] [name="${element.name}"][value="${element.value}"]` : "";
  }

  #focus(name) {
    const target = (name && this.box.querySelector(name)) || this.box.querySelector("[data-focus]");
    target?.focus({ preventScroll: true });
  }

  #tellTrouble() {
    const words = Object.assign(document.createElement("p"), { className: "error" });
    const link = Object.assign(document.createElement("a"), { href: this.signIn, textContent: "sign in again" });
    words.append("It could not be loaded. Please try again, or ", link, ".");
    this.box.querySelector(":scope > .error")?.remove();
    this.box.prepend(words);
    this.say(words.textContent);
  }

  #follow(panel) {
    const stage = panel.querySelector(".stage");
    const growing = panel.querySelector(".growing");
    this.stream = new EventSource(panel.dataset.stream);
    this.stream.onmessage = (event) => {
      const piece = JSON.parse(event.data);
      if (piece.type === "end") { this.#finish(panel.dataset.level); return; }
      if (piece.type === "stage") stage.textContent = STAGES[piece.stage] ?? stage.textContent;
      if (piece.type === "text") growing.textContent = piece.text;
      else if (piece.stage === "again") growing.textContent = "";
      growing.hidden = growing.textContent === "";
    };
    this.stream.onerror = () => {
      // What was only interrupted comes back by itself.
      if (this.stream?.readyState === EventSource.CLOSED) this.pollTimer = setTimeout(() => this.renew(), POLL_MS);
    };
  }

  /** The whole text is said once, not each piece of it. */
  async #finish(level) {
    this.#forgetStream();
    if (!await this.renew()) return;
    const told = this.box.querySelector(`#hint-${level} .words`) ?? this.box.querySelector(".error");
    this.say(told?.textContent.trim() ?? "");
    if (!this.#isShown) this.#mark(true);
  }

  #forgetStream() {
    clearTimeout(this.pollTimer);
    this.stream?.close();
    this.stream = null;
  }
}
