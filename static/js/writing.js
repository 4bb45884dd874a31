// The program that one writes: its language, its text in the editor, its draft, and the input to run it on. What the
// solve page and the page to run code have in common; what is sent, and what comes of it, is none of its business.

import { Drafts } from "./drafts.js";
import { Editor } from "./editor.js";

const byId = (id) => document.getElementById(id);
const INPUT = "(input)"; // stands where drafts have a language

export class Writing {
  /** `place` names the drafts; `onLanguage(what the page knows of it)` when one is chosen, also at the start. */
  constructor({ user, languages, given }, place, onLanguage) {
    this.languages = languages;
    this.isGiven = given; // it was sent or asked for, so no draft takes its place
    this.onLanguage = onLanguage;
    this.select = byId("language");
    this.lastSent = null; // the program as it was last sent or loaded: such a program is safe to replace
    this.isQuiet = true; // while the page itself fills the editor, nothing is saved
    this.drafts = new Drafts(user, place, (isSaved) => {
      const time = new Date().toLocaleTimeString([], { hourCycle: "h23" });
      byId("saved").textContent = isSaved ? `Draft saved ${time}` : "Drafts cannot be kept here";
    });
    this.inputs = new Drafts(user, place, () => {});
    this.editor = new Editor(byId("source"), byId("editor"), languages, () => {
      if (!this.isQuiet) this.drafts.saveSoon(this.language, this.source);
    });
  }

  get source() { return this.editor.source; }
  get input() { return byId("input").value; }

  get starter() { return this.languages[this.language].starter; }

  /** Whether something would be lost if it were replaced. */
  get isDirty() {
    return this.source.trim() !== "" && this.source !== this.starter && this.source !== this.lastSent;
  }

  start() {
    const remembered = this.drafts.lastLanguage;
    if (!this.isGiven && remembered in this.languages) this.select.value = remembered;
    this.language = this.select.value;
    if (this.isGiven) {
      this.lastSent = this.source;
    } else {
      byId("source").value = this.drafts.load(this.language) ?? this.starter;
      byId("input").value = this.inputs.load(INPUT) ?? "";
    }
    this.onLanguage(this.languages[this.language]);
    this.editor.start(this.language);
    byId("plain").checked = this.editor.isPlain;
    this.isQuiet = false;
    this.#listen();
  }

  /** To another language, with its own draft. */
  change(language) {
    if (this.isDirty) this.save();
    this.language = this.select.value = language;
    this.drafts.lastLanguage = language;
    this.onLanguage(this.languages[language]);
    this.#fill(() => this.editor.setLanguage(language, this.drafts.load(language) ?? this.starter));
    this.#forgetWhatWasTold();
  }

  /** Put another program of the same language into its place; one can undo it. */
  load(source) {
    this.lastSent = source;
    this.editor.setSource(source);
  }

  reset() {
    this.#fill(() => this.editor.setSource(this.starter));
    this.drafts.drop(this.language);
    this.#forgetWhatWasTold();
  }

  save() { this.drafts.saveNow(this.language, this.source); }

  /** It is sent now. */
  sent() {
    this.save();
    this.lastSent = this.source;
  }

  #fill(change) {
    this.isQuiet = true;
    change();
    this.isQuiet = false;
  }

  #forgetWhatWasTold() {
    this.editor.annotate([]);
    byId("saved").textContent = "";
  }

  #listen() {
    this.select.addEventListener("change", () => this.change(this.select.value));
    byId("plain").addEventListener("change", (event) => this.editor.setPlain(event.target.checked));
    byId("input").addEventListener("input", () => this.inputs.saveSoon(INPUT, this.input));
    for (const leaving of ["visibilitychange", "pagehide"]) {
      addEventListener(leaving, () => { this.drafts.flush(); this.inputs.flush(); });
    }
  }
}
