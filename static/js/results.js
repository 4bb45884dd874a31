// One submission's result on the page. The server draws it (`?part=result`); between two drawings, events move the
// banner and the cells, so that a verdict is seen the moment it arrives.

const VERDICTS = {
  AC: "accepted", WA: "wrong answer", TLE: "time limit exceeded", MLE: "memory limit exceeded",
  OLE: "output limit exceeded", RTE: "runtime error", CE: "compile error", SK: "not run", RUN: "running", RAN: "ran",
  "": "waiting",
};
const SIGNS = { "": "–", SK: "–", RUN: "…", RAN: "ran" };
const REDRAW_MS = 1000;
const SILENCE_MS = 5000;
const SILENCE = {
  queued: "Still waiting; nothing is lost.",
  running: "Still judging. If a worker was lost, another one takes over.",
};

export class Result {
  /** `box` holds the drawing; `say(text)` speaks to screen readers; `onDrawn(result element)` after each drawing. */
  constructor(box, { say, onDrawn = () => {} }) {
    this.box = box;
    this.say = say;
    this.onDrawn = onDrawn;
    this.id = null;
    this.told = null;
    this.place = null; // in the queue, as it was told last
    this.quarter = 0;
    this.drawing = 0;
    this.redrawTimer = 0;
    this.silenceTimer = 0;
    this.isSilent = false;
    box.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-case]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.draw(Number(link.dataset.case));
    });
  }

  get element() { return this.box.querySelector(".result"); }

  /** Begin with what the API says of a new submission, or with {id, seq} of one to go on with. */
  begin(submission) {
    this.id = submission.id;
    this.told = null;
    this.place = null;
    this.quarter = 0;
    clearTimeout(this.redrawTimer);
    if (submission.status) this.#drawQueued(submission);
    this.#awaitEvents();
    return this.draw();
  }

  /** Ask the server for the whole; a drawing that was overtaken by a later one is dropped. */
  async draw(chosen = null) {
    const mine = ++this.drawing;
    const id = this.id ?? this.element?.dataset.id;
    const placeBefore = this.place;
    const query = chosen === null ? "" : `&case=${chosen}`;
    let html;
    try {
      const answer = await fetch(`/submissions/${id}/?part=result${query}`);
      if (!answer.ok || answer.redirected) return false;
      html = await answer.text();
    } catch {
      return false;
    }
    if (mine !== this.drawing) return true;
    const hadFocus = this.box.contains(document.activeElement);
    const hadButton = hadFocus && document.activeElement.matches("form[data-cancel] button");
    this.box.innerHTML = html;
    if (chosen !== null && hadFocus) this.#cell(chosen)?.focus({ preventScroll: true });
    else if (hadButton) this.#focusBanner();
    if (this.place !== placeBefore) this.#showPlace(); // told while this was drawn, so it is newer
    this.#tellSilence();
    this.onDrawn(this.element);
    return true;
  }

  /** Show one event; resolves once it is on the page. */
  async take(event) {
    if (event.submission !== this.id) return;
    this.#awaitEvents();
    const element = this.element;
    // A drawing may be newer than the events that are still to come; they must not turn it back.
    if (!event.final && element?.dataset.id === this.id && Number(element.dataset.seq) >= event.seq) return;
    if (!event.final) this.#announce(event);
    if (event.final || !this.#isDrawnFor(event)) {
      const isDrawn = await this.#drawStubbornly(event.final);
      if (event.final) this.say(this.#finalWords(event));
      if (isDrawn) return;
    }
    if (element?.dataset.collapsed !== undefined) this.#redrawSoon();
    this.#move(event);
  }

  /** Show where it stands in the queue now. */
  moveUp(place) {
    this.place = place;
    this.#showPlace();
  }

  /** Where the focus was on a button that is there no more: to the button again, or to what has become of it. */
  #focusBanner() {
    const target = this.box.querySelector("form[data-cancel] button") ?? this.box.querySelector(".headline");
    if (target?.matches(".headline")) target.tabIndex = -1;
    target?.focus({ preventScroll: true });
  }

  #showPlace() {
    if (!this.place) return;
    const { status, reason } = this.element?.dataset ?? {};
    if (this.told && this.told !== "queued") return; // it has begun, and could not be drawn yet
    // What waits for a server is told so; a place in the line would promise too much.
    if (status === "queued" && !reason) this.box.querySelector(".headline").textContent = queuedWords(this.place);
  }

  /** Whether moving what is drawn is enough: it has these cases, its words and buttons are those of this status. */
  #isDrawnFor(event) {
    const { id, total, status, reason } = this.element?.dataset ?? {};
    const isSame = status === event.status && reason === event.reason;
    return id === this.id && Number(total) === event.cases.total && isSame;
  }

  /** The final drawing matters: a lost connection is tried again. */
  async #drawStubbornly(isFinal) {
    const id = this.id;
    for (let tries = 0; this.id === id; tries += 1) {
      if (await this.draw()) return true;
      if (!isFinal || tries > 20) return false;
      await new Promise((resolve) => { setTimeout(resolve, Math.min(8000, 500 * 2 ** tries)); });
    }
    return true;
  }

  #redrawSoon() {
    this.redrawTimer ||= setTimeout(() => { this.redrawTimer = 0; this.draw(); }, REDRAW_MS);
  }

  /** When nothing has happened for a while, words say that it goes on all the same. */
  #awaitEvents() {
    clearTimeout(this.silenceTimer);
    this.isSilent = false;
    this.box.querySelector(".silence")?.remove();
    this.silenceTimer = setTimeout(() => { this.isSilent = true; this.#tellSilence(); }, SILENCE_MS);
  }

  #tellSilence() {
    const words = SILENCE[this.element?.dataset.status];
    const banner = this.box.querySelector(".banner");
    if (!this.isSilent || !words || !banner || banner.querySelector(".silence")) return;
    banner.append(Object.assign(document.createElement("p"), { className: "silence", textContent: words }));
    this.say(words);
  }

  #drawQueued(submission) {
    const banner = document.createElement("div");
    const words = queuedWords(submission.queue);
    banner.className = "banner";
    banner.append(Object.assign(document.createElement("h2"), { className: "headline", textContent: words }));
    this.box.replaceChildren(banner);
  }

  #move(event) {
    const headline = this.box.querySelector(".headline");
    if (!headline || event.final) return;
    headline.textContent = headlineOf(event);
    const bar = this.box.querySelector("progress");
    if (bar) { bar.max = event.cases.total || 1; bar.value = event.cases.judged; }
    for (const one of event.results ?? []) this.#setCell(one.index, one.verdict);
    if (event.case) this.#setCell(event.case.index, event.case.verdict);
    if (event.status === "running") {
      const next = this.box.querySelector('.cell[data-verdict=""]');
      if (next && !this.box.querySelector('.cell[data-verdict="RUN"]')) this.#setCell(next.dataset.case, "RUN");
    }
  }

  #cell(index) { return this.box.querySelector(`.cell[data-case="${index}"]`); }

  #setCell(index, given) {
    const cell = this.#cell(index);
    if (!cell) return;
    const verdict = given === "AC" && cell.dataset.own !== undefined ? "RAN" : given;
    cell.dataset.verdict = verdict;
    cell.querySelector("small").textContent = SIGNS[verdict] ?? verdict;
    cell.setAttribute("aria-label", cell.getAttribute("aria-label").replace(/: .*$/, `: ${VERDICTS[verdict]}`));
  }

  /** Queued, running, every quarter; not each case. */
  #announce(event) {
    const { judged, total } = event.cases;
    const quarter = total ? Math.floor((4 * judged) / total) : 0;
    if (event.status !== this.told) this.say(headlineOf(event));
    else if (quarter > this.quarter) this.say(`${judged} of ${total} cases judged`);
    this.told = event.status;
    this.quarter = quarter;
  }

  /** What the banner tells of the end. */
  #finalWords(event) {
    if (event.reason === "cancelled") return "Cancelled.";
    if (event.status === "error") return "It could not be judged. That was not your program's fault.";
    const facts = [...this.box.querySelectorAll(".banner li")].map((fact) => fact.textContent);
    const headline = this.box.querySelector(".headline")?.textContent ?? "";
    return [headline.replace(/^\W+/, ""), ...facts].join(", ");
  }
}

export function headlineOf(event) {
  if (event.status === "running") return `Running ${event.cases.judged}/${event.cases.total}`;
  return "Queued";
}

const ORDINALS = new Intl.PluralRules("en", { type: "ordinal" });
const ENDINGS = { one: "st", two: "nd", few: "rd", other: "th" };

/** As `report.py` says it: Queued, 3rd in line, about 4 s. */
function queuedWords(place) {
  if (!place) return "Queued";
  const { position, estimated_wait_s: wait } = place;
  const words = position === 1 ? "next in line" : `${position}${ENDINGS[ORDINALS.select(position)]} in line`;
  if (wait === null) return `Queued, ${words}`;
  return `Queued, ${words}, about ${wait < 100 ? `${wait} s` : `${Math.ceil(wait / 60)} min`}`;
}

/** The places that a drawn result names in the program, for the editor's gutter. */
export function placesIn(element) {
  const links = element?.querySelectorAll(".compiler a[data-line]") ?? [];
  return [...links].map((link) => ({
    line: Number(link.dataset.line),
    column: Number(link.dataset.column),
    kind: link.dataset.kind,
    text: link.dataset.text,
  }));
}
