// The solve page: write, run, submit, and watch. Everything here is on top of a page that works without it.

import { Drafts } from "./drafts.js";
import { Editor } from "./editor.js";
import { follow } from "./live.js";
import { pageData, say, showLink, startCopying } from "./page.js";
import { isSmall, openTab, startPanes, startSplitter, startTabs } from "./panes.js";
import { Result, placesIn } from "./results.js";

const byId = (id) => document.getElementById(id);
const data = pageData();
const form = byId("program-form");
const csrfToken = form.elements.csrfmiddlewaretoken.value;
const languageSelect = byId("language");
const INPUT = "(input)"; // stands where drafts have a language
const starterOf = (language) => data.languages[language].starter;

// --- Editor and drafts --------------------------------------------------------------------------------------

let language = languageSelect.value;
let lastSent = null; // the program as it was last sent or loaded: such a program is safe to replace
let quiet = true; // while the page itself fills the editor, nothing is saved

const drafts = new Drafts(data.user, data.question, (isSaved) => {
  const time = new Date().toLocaleTimeString([], { hourCycle: "h23" });
  byId("saved").textContent = isSaved ? `Draft saved ${time}` : "Drafts cannot be kept here";
});
const inputs = new Drafts(data.user, data.question, () => {});
const editor = new Editor(byId("source"), byId("editor"), data.languages, () => {
  if (!quiet) drafts.saveSoon(language, editor.source);
});

function fill(change) {
  quiet = true;
  change();
  quiet = false;
}

const isDirty = () => (
  editor.source.trim() !== "" && editor.source !== starterOf(language) && editor.source !== lastSent
);

function startEditor() {
  const remembered = drafts.lastLanguage;
  if (!data.given && remembered in data.languages) language = languageSelect.value = remembered;
  if (!data.given) byId("source").value = drafts.load(language) ?? starterOf(language);
  else lastSent = byId("source").value;
  if (!data.given) byId("input").value = inputs.load(INPUT) ?? "";
  byId("with-input").checked = byId("input").value !== "";
  showLimits();
  editor.start(language);
  byId("plain").checked = editor.isPlain;
  quiet = false;
}

function showLimits() {
  const { name, limits } = data.languages[language];
  byId("limits-for").textContent = name;
  byId("time-limit").textContent = limits.time;
  byId("memory-limit").textContent = limits.memory;
}

function changeLanguage(next) {
  if (isDirty()) drafts.saveNow(language, editor.source);
  language = next;
  drafts.lastLanguage = next;
  showLimits();
  fill(() => editor.setLanguage(next, drafts.load(next) ?? starterOf(next)));
  editor.annotate([]);
  byId("saved").textContent = "";
}

/** Ask in a dialog; resolves to whether the answer was yes. */
function confirmed(title, text, yes) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

async function reset() {
  byId("options").open = false;
  const isSure = !isDirty() || await confirmed(
    "Reset to the starter code?", "What you have written in this language is replaced. You can undo it in the editor.", "Reset",
  );
  if (!isSure) return;
  fill(() => editor.setSource(starterOf(language)));
  drafts.drop(language);
  editor.annotate([]);
  byId("saved").textContent = "";
  editor.focus();
}

async function loadAttempt(id) {
  const answer = await fetch(`${data.submitUrl}${id}/`, { headers: { Accept: "application/json" } });
  if (!answer.ok) { trouble(["It could not be loaded. Please try again."]); return; }
  const attempt = await answer.json();
  if (!(attempt.language in data.languages)) { trouble(["Its language is no longer offered here."]); return; }
  if (attempt.language !== language) {
    languageSelect.value = attempt.language;
    changeLanguage(attempt.language);
  }
  const isSure = !isDirty() || editor.source === attempt.source || await confirmed(
    "Load this program?", "What you have written in this language is replaced. You can undo it in the editor.", "Load it",
  );
  if (!isSure) return;
  lastSent = attempt.source;
  editor.setSource(attempt.source);
  if (isSmall()) showPane("code");
  editor.focus();
  say("Program loaded into the editor");
}

// --- Panes --------------------------------------------------------------------------------------------------

startTabs();
const solve = byId("solve");
const showPane = startPanes(solve, () => editor.resize());
startSplitter(byId("split-columns"), solve, "--left", () => editor.resize());
startSplitter(byId("split-rows"), byId("pane-work"), "--top", () => editor.resize());

function goToPane(name) {
  if (isSmall()) showPane(name);
  if (name === "code") editor.focus();
  else document.querySelector(`.${name === "problem" ? "problem" : "results"} .panel[data-open]`).focus();
}

// --- Results ------------------------------------------------------------------------------------------------

let following = null;
const result = new Result(byId("result"), { say, onDrawn: drawn });

function drawn(element) {
  if (byId("older").hidden) editor.annotate(placesIn(element));
  const { outcome } = element.dataset;
  const passed = element.querySelectorAll('.cell[data-verdict="AC"]').length;
  const compared = element.querySelectorAll('.cell:not([data-own], [data-verdict="SK"])').length;
  const sign = { passed: "✓", failed: "✗", error: "⚠", cancelled: "–", ran: "ran" }[outcome] ?? "…";
  const isCounted = element.dataset.collapsed === undefined && compared > 0;
  byId("result-mark").textContent = isCounted ? `${sign} ${passed}/${compared}` : sign;
}

/** Whether what is shown belongs to an earlier program than the one just sent, or now in the editor. */
function markOlder(isOlder) {
  byId("older").hidden = !isOlder || result.id === null;
}

function watch(submission) {
  following?.stop();
  markOlder(false);
  result.begin(submission);
  following = follow(submission.id, {
    after: submission.seq,
    onEvent: async (event) => {
      const shown = result.take(event);
      byId("result-mark").textContent = `${event.cases.judged}/${event.cases.total}`;
      await shown;
      if (event.final && result.element?.dataset.kind === "graded") renewHistory();
    },
    onQueue: (place) => result.moveUp(place),
    onLink: showLink,
  });
}

function goOnWith(newest) {
  if (!newest.final) { watch(newest); return; }
  result.id = newest.id;
  markOlder(true);
  result.draw();
}

async function renewHistory() {
  const answer = await fetch(data.historyUrl);
  if (!answer.ok || answer.redirected) return;
  byId("history").innerHTML = await answer.text();
  const count = byId("history").querySelector("[data-count]")?.dataset.count;
  byId("history-count").textContent = count ? `(${count})` : "";
}

// --- Run and Submit -----------------------------------------------------------------------------------------

const sendButtons = (action) => [...document.querySelectorAll(`[data-send="${action}"]`)];
const labels = new Map([...document.querySelectorAll("[data-send]")].map((button) => [button, button.innerHTML]));
const busy = new Set(); // actions that wait for an answer, or for their time

/** Texts, or lists of texts and elements. */
function trouble(troubles) {
  byId("troubles").replaceChildren(...troubles.map((parts) => {
    const line = Object.assign(document.createElement("p"), { className: "error" });
    line.append(...[parts].flat());
    return line;
  }));
}

function signedOut() {
  const link = Object.assign(document.createElement("a"), { href: data.signIn, textContent: "Sign in again" });
  return ["You are no longer signed in. ", link, "; your draft is kept."];
}

function inputTrouble(texts) {
  const place = byId("input-error");
  place.hidden = texts.length === 0;
  place.textContent = texts.join(" ");
  byId("input").setAttribute("aria-invalid", String(texts.length > 0));
  if (texts.length) openTab("tab-input");
}

async function send(action, program = null) {
  if (!data.user) { location.assign(data.signIn); return; }
  if (busy.has(action)) return;
  const ownInput = byId("with-input").checked ? byId("input").value : null;
  const body = { question: data.question, language, source: editor.source, ...program };
  if (action === "run" && ownInput !== null) body.input = ownInput;

  trouble([]);
  inputTrouble([]);
  if (!program) { drafts.saveNow(language, editor.source); lastSent = editor.source; }
  openTab("tab-result");
  if (isSmall()) showPane("results");
  hold(action, "Sending…", "busy");
  try {
    const answer = await fetch(action === "run" ? data.runUrl : data.submitUrl, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken, Accept: "application/json" },
      body: JSON.stringify(body),
    });
    const told = await answer.json();
    release(action);
    if (answer.ok) watch(told);
    else refused(action, answer, told);
  } catch {
    release(action);
    trouble(["The server could not be reached. Your program is kept; please try again."]);
    if (isSmall()) showPane("code");
  }
}

/** What follows is told by events, also where it was too late. */
async function cancel(cancelForm) {
  const button = cancelForm.querySelector("button");
  if (button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true"); // a disabled one would lose the focus
  trouble([]);
  try {
    const answer = await fetch(cancelForm.dataset.cancel, {
      method: "POST",
      headers: { "X-CSRFToken": csrfToken, Accept: "application/json" },
    });
    if (answer.status === 401 || answer.status === 403) notCancelled([signedOut()]);
    else if (!answer.ok && answer.status !== 409) notCancelled(["It could not be cancelled. Please try again."]);
  } catch {
    notCancelled(["The server could not be reached. Please try again."]);
  }
  button.removeAttribute("aria-disabled");
}

/** Said where troubles are said, which on a small screen is another pane. */
function notCancelled(troubles) {
  trouble(troubles);
  if (isSmall()) showPane("code");
}

/** A problem document, told where it belongs. */
function refused(action, answer, problem) {
  if (answer.status === 429) {
    countDown(action, Number(answer.headers.get("Retry-After")) || 1);
    return;
  }
  const { input = [], ...others } = problem.errors ?? {};
  inputTrouble(input);
  const texts = Object.values(others).flat();
  if (answer.status === 401 || (answer.status === 403 && !texts.length)) {
    texts.push(signedOut());
  } else if (!texts.length && !input.length) {
    texts.push(problem.detail || "It could not be sent. Please try again.");
  }
  trouble(texts);
  markOlder(true);
  if (isSmall() && texts.length) showPane("code");
}

function hold(action, label, className = "") {
  busy.add(action);
  for (const button of sendButtons(action)) {
    button.disabled = true;
    button.textContent = label;
    button.classList.toggle("busy", className !== "");
  }
}

function release(action) {
  busy.delete(action);
  for (const button of sendButtons(action)) {
    button.disabled = false;
    button.innerHTML = labels.get(button);
    button.classList.remove("busy");
  }
}

function countDown(action, seconds) {
  const word = action === "run" ? "Run" : "Submit";
  trouble([`You have sent many programs in a short time. “${word}” is possible again in ${seconds} s.`]);
  const until = Date.now() + seconds * 1000;
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left <= 0) { clearInterval(timer); release(action); trouble([]); return; }
    hold(action, `${word} (${left} s)`);
  };
  const timer = setInterval(tick, 250);
  tick();
}

// --- What the user does -------------------------------------------------------------------------------------

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter?.dataset.send) send(event.submitter.dataset.send);
});
byId("result").addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.dataset.cancel) { cancel(event.target); return; }
  const { language: slug, source } = event.target.elements;
  send(event.submitter.value, { language: slug.value, source: source.value });
});
document.querySelector(".mobile-actions")?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-send]");
  if (button) send(button.dataset.send);
});
languageSelect.addEventListener("change", () => changeLanguage(languageSelect.value));
byId("reset").addEventListener("click", reset);
byId("plain").addEventListener("change", (event) => editor.setPlain(event.target.checked));
byId("show-keys").addEventListener("click", () => { byId("options").open = false; byId("keys").showModal(); });
byId("input").addEventListener("input", inputChanged);
for (const leaving of ["visibilitychange", "pagehide"]) {
  addEventListener(leaving, () => { drafts.flush(); inputs.flush(); });
}

document.addEventListener("click", (event) => {
  const load = event.target.closest("a[data-load]");
  const place = event.target.closest("#result a[data-line]");
  const use = event.target.closest("[data-use-input]");
  if (load) {
    event.preventDefault();
    loadAttempt(load.dataset.load);
  } else if (place) {
    event.preventDefault();
    if (isSmall()) showPane("code");
    editor.goTo(Number(place.dataset.line), Number(place.dataset.column));
  } else if (use) {
    byId("input").value = use.closest(".sample").querySelector("[data-input]").textContent;
    inputChanged();
    openTab("tab-input");
    if (isSmall()) showPane("results");
    byId("input").focus();
  }
});

function inputChanged() {
  byId("with-input").checked = byId("input").value !== "";
  inputs.saveSoon(INPUT, byId("input").value);
}

// In the capture phase, so that the editor does not take them first.
document.addEventListener("keydown", (event) => {
  const isCommand = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
  let act = null;
  if (isCommand && key === "enter") act = () => send(event.shiftKey ? "submit" : "run");
  else if (isCommand && key === "s") act = () => drafts.saveNow(language, editor.source);
  else if (event.ctrlKey && key === "m") act = () => say(editor.toggleTab() ? "Tab indents" : "Tab moves to the next control");
  else if (event.altKey && "123".includes(event.key)) act = () => goToPane(["problem", "code", "results"][event.key - 1]);
  else if (event.key === "?" && !isTyping) act = () => byId("keys").showModal();
  if (!act || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}, true);

startCopying();
startEditor();
if (data.retryAfter) countDown("submit", data.retryAfter);
if (data.resume) goOnWith(data.resume);
if (data.given && isSmall()) showPane("code");
