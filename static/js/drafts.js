// Drafts of programs, one for each user, question and language, kept in this browser. A question's own input is one
// more of them.

import { forget, recall, remember } from "./storage.js";

const DELAY_MS = 400;

export class Drafts {
  /** `user` is null for somebody not signed in; what they wrote is theirs once they have signed in here. */
  constructor(user, question, onSaved) {
    this.user = user;
    this.question = question;
    this.onSaved = onSaved;
    this.timer = 0;
    this.pending = null;
  }

  load(language) {
    const own = recall(this.#key(this.user, language));
    if (own !== null || this.user === null) return own;
    const anonymous = recall(this.#key(null, language));
    if (anonymous !== null) {
      remember(this.#key(this.user, language), anonymous);
      forget(this.#key(null, language));
    }
    return anonymous;
  }

  saveSoon(language, source) {
    clearTimeout(this.timer);
    this.pending = () => this.saveNow(language, source);
    this.timer = setTimeout(this.pending, DELAY_MS);
  }

  /** What waits to be saved is saved at once; for a page that is left. */
  flush() { this.pending?.(); }

  saveNow(language, source) {
    clearTimeout(this.timer);
    this.pending = null;
    this.onSaved(remember(this.#key(this.user, language), source));
  }

  drop(language) {
    clearTimeout(this.timer);
    this.pending = null;
    forget(this.#key(this.user, language));
  }

  get lastLanguage() { return recall(`language:${this.user}:${this.question}`); }
  set lastLanguage(slug) { remember(`language:${this.user}:${this.question}`, slug); }

  #key(user, language) { return `draft:${user ?? "-"}:${this.question}:${language}`; }
}
