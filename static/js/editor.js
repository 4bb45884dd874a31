// The program's editor: Ace over the form's textarea, or the textarea itself for those who prefer plain text.
// The textarea stays the form control and always holds the program.

import { recall, remember } from "./storage.js";

const THEMES = { light: "ace/theme/github_light_default", dark: "ace/theme/github_dark" };
const PLAIN = "editor:plain";

export class Editor {
  /** `languages`: {slug: {mode, modeUrl}}; `onChange()` after each change by the user or by `setSource`. */
  constructor(textarea, box, languages, onChange) {
    this.textarea = textarea;
    this.box = box;
    this.languages = languages;
    this.onChange = onChange;
    this.ace = null;
    this.language = null;
    this.sessions = new Map();
    this.marks = [];
    this.tabIndents = true;
    textarea.addEventListener("input", () => this.#changed());
    document.addEventListener("themechange", () => this.#followTheme());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#followTheme());
  }

  get isPlain() { return this.ace === null; }
  get source() { return this.textarea.value; }

  /** Begin with what the textarea holds. */
  start(language) {
    this.language = language;
    if (!recall(PLAIN) && window.ace) this.#open();
  }

  setPlain(isPlain) {
    if (isPlain) {
      remember(PLAIN, "1");
      this.#close();
    } else {
      remember(PLAIN, "");
      if (!this.ace && window.ace) this.#open();
    }
  }

  setLanguage(language, source) {
    this.language = language;
    this.textarea.value = source;
    if (this.ace) this.#showSession();
    this.onChange();
  }

  /** Replace the program; one can undo it. */
  setSource(source) {
    this.textarea.value = source;
    if (this.ace && this.ace.getValue() !== source) this.ace.session.doc.setValue(source);
    this.onChange();
  }

  focus() { (this.ace ?? this.textarea).focus(); }
  resize() { this.ace?.resize(); }

  /** Lines and columns count from 1. */
  goTo(line, column) {
    if (this.ace) {
      this.ace.gotoLine(line, column - 1, true);
    } else {
      const before = this.source.split("\n").slice(0, line - 1);
      const at = before.reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
      this.textarea.setSelectionRange(at, at);
    }
    this.focus();
  }

  /** Mark places in the gutter: [{line, column, kind: "error" | "warning", text}]. */
  annotate(places) {
    if (!this.ace) return;
    const { session } = this.ace;
    for (const mark of this.marks) mark.session.removeMarker(mark.id);
    this.marks = [];
    session.setAnnotations(places.map((place) => (
      { row: place.line - 1, column: place.column - 1, text: place.text, type: place.kind }
    )));
    const { Range } = window.ace.require("ace/range");
    for (const { line, kind } of places) {
      const name = kind === "error" ? "wrong-line" : "doubtful-line";
      const id = session.addMarker(new Range(line - 1, 0, line - 1, 1), name, "fullLine");
      this.marks.push({ session, id });
    }
  }

  /** Whether the Tab key indents; otherwise it moves on to the next control. */
  toggleTab() {
    this.tabIndents = !this.tabIndents;
    this.#bindTab();
    return this.tabIndents;
  }

  #changed() {
    if (this.ace) this.textarea.value = this.ace.getValue();
    this.onChange();
  }

  #open() {
    const { ace } = window;
    ace.config.set("useStrictCSP", true);
    ace.config.set("loadWorkerFromBlob", false);
    for (const { mode, modeUrl } of Object.values(this.languages)) {
      ace.config.setModuleUrl(`ace/mode/${mode}`, modeUrl);
    }
    this.box.hidden = false;
    this.textarea.hidden = true;
    this.ace = ace.edit(this.box, {
      theme: this.#theme(),
      useWorker: false,
      enableKeyboardAccessibility: true,
      textInputAriaLabel: "Source code",
      showPrintMargin: false,
      fontSize: 14,
      tabSize: 4,
      useSoftTabs: true,
      scrollPastEnd: 0.3,
    });
    // These would load files that we do not serve, and their keys are the browser's.
    for (const name of ["showSettingsMenu", "openCommandPalette", "openCommandPallete", "gotoline"]) {
      this.ace.commands.removeCommand(name);
    }
    this.#showSession();
    this.#bindTab();
  }

  #close() {
    if (!this.ace) return;
    this.ace.destroy();
    this.ace = null;
    this.sessions.clear();
    this.marks = [];
    // Ace leaves its classes behind; a fresh element has none.
    const fresh = this.box.cloneNode(false);
    fresh.className = "editor";
    fresh.hidden = true;
    this.box.replaceWith(fresh);
    this.box = fresh;
    this.textarea.hidden = false;
  }

  /** One session a language, so that undo never crosses from one into the other. */
  #showSession() {
    const source = this.textarea.value;
    let session = this.sessions.get(this.language);
    if (!session) {
      session = window.ace.createEditSession(source, `ace/mode/${this.languages[this.language].mode}`);
      session.setOptions({ useWorker: false, tabSize: 4, useSoftTabs: true });
      session.setUseWrapMode(false);
      session.on("change", () => {
        if (this.ace?.session === session && this.textarea.value !== session.getValue()) this.#changed();
      });
      this.sessions.set(this.language, session);
    }
    this.ace.setSession(session);
    if (session.getValue() !== source) session.doc.setValue(source);
  }

  #bindTab() {
    if (!this.ace) return;
    this.ace.commands.bindKey("Tab", this.tabIndents ? "indent" : null);
    this.ace.commands.bindKey("Shift-Tab", this.tabIndents ? "outdent" : null);
  }

  #theme() {
    const chosen = document.documentElement.dataset.theme;
    const isDark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    return THEMES[isDark ? "dark" : "light"];
  }

  #followTheme() { this.ace?.setTheme(this.#theme()); }
}
