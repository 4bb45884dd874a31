// The solve page: write, run, submit, and watch. Everything here is on top of a page that works without it.

import "./copying.js";
import { Hints } from "./hints.js";
import { follow } from "./live.js";
import { pageData, say, showLink, startKeys } from "./page.js";
import { isSmall, openTab, startPanes, startSplitter, startTabs } from "./panes.js";
import { Result, placesIn } from "./results.js";
import { Sending } from "./sending.js";
import { Writing } from "./writing.js";

const byId = (id) => document.getElementById(id);
const data = pageData();

// --- The program --------------------------------------------------------------------------------------------

const writing = new Writing(data, data.question, ({ name, limits }) => {
  byId("limits-for").textContent = name;
  byId("time-limit").textContent = limits.time;
  byId("memory-limit").textContent = limits.memory;
});
const { editor } = writing;

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
  const isSure = !writing.isDirty || await confirmed(
    "Reset to the starter code?", "What you have written in this language is replaced. You can undo it in the editor.", "Reset",
  );
  if (!isSure) return;
  writing.reset();
  editor.focus();
}

/** As the API tells of it; null where it does not. */
async function fetchAttempt(id) {
  try {
    const answer = await fetch(`${data.submitUrl}${id}/`, { headers: { Accept: "application/json" } });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

async function loadAttempt(id) {
  const attempt = await fetchAttempt(id);
  if (!attempt) { sending.tell(["It could not be loaded. Please try again."]); return; }
  if (!(attempt.language in data.languages)) { sending.tell(["Its language is no longer offered here."]); return; }
  if (attempt.language !== writing.language) writing.change(attempt.language);
  const isSure = !writing.isDirty || writing.source === attempt.source || await confirmed(
    "Load this program?", "What you have written in this language is replaced. You can undo it in the editor.", "Load it",
  );
  if (!isSure) return;
  writing.load(attempt.source);
  if (isSmall()) showPane("code");
  editor.focus();
  say("Program loaded into the editor");
}

// --- Panes --------------------------------------------------------------------------------------------------

startTabs();
const solve = byId("solve");
const showPane = startPanes(solve, () => { editor.resize(); hints.look(); });
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
  const sign = { passed: "✓", failed: "✗", partial: "~", error: "⚠", cancelled: "–", ran: "ran" }[outcome] ?? "…";
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
      if (event.final && event.outcome === "failed") hints.attemptFailed();
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

// --- Hints --------------------------------------------------------------------------------------------------

const hints = new Hints(byId("hints"), byId("tab-hints"), { url: data.hintsUrl, isSignedIn: data.user !== null, signIn: data.signIn, say });

function openHints() {
  openTab("tab-hints");
  if (isSmall()) showPane("problem");
  byId("panel-hints").focus();
}

/** A hint's line is one of the program that it is about. Where the editor has another one, that program's page opens. */
async function goToLine(link) {
  const attempt = await fetchAttempt(link.dataset.of);
  if (attempt?.source === writing.source) goTo(link);
  else location.assign(link.href);
}

function goTo({ dataset }) {
  if (isSmall()) showPane("code");
  editor.goTo(Number(dataset.line), Number(dataset.column ?? 1));
}

// --- Run and Submit -----------------------------------------------------------------------------------------

const sending = new Sending(data, { run: "Run", submit: "Submit" }, {
  onTrouble: () => { if (isSmall()) showPane("code"); },
  onInputTrouble: () => openTab("tab-input"),
});

/** The program in the editor, or another one. */
async function send(action, program = null) {
  if (sending.isBusy(action) || (action === "run" && !data.canRun)) return;
  const body = { question: data.question, language: writing.language, source: writing.source, ...program };
  if (action === "run" && byId("with-input").checked && !byId("with-input").disabled) body.input = writing.input;
  if (!program) writing.sent();
  openTab("tab-result");
  if (isSmall()) showPane("results");
  const taken = await sending.send(action, action === "run" ? data.runUrl : data.submitUrl, body);
  if (taken) watch(taken);
  else markOlder(true);
}

// --- What the user does -------------------------------------------------------------------------------------

byId("program-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter?.dataset.send) send(event.submitter.dataset.send);
});
byId("result").addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.dataset.cancel) { sending.cancel(event.target); return; }
  const { language: slug, source } = event.target.elements;
  send(event.submitter.value, { language: slug.value, source: source.value });
});
document.querySelector(".mobile-actions")?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-send]");
  if (button) send(button.dataset.send);
});
byId("reset").addEventListener("click", reset);
byId("show-keys").addEventListener("click", () => { byId("options").open = false; byId("keys").showModal(); });
byId("input").addEventListener("input", () => { byId("with-input").checked = writing.input !== ""; });

document.addEventListener("click", (event) => {
  const load = event.target.closest("a[data-load]");
  const place = event.target.closest("#result a[data-line]");
  const lineOfHint = event.target.closest("#hints a[data-line]");
  const offersHints = event.target.closest("a[data-hints]");
  const use = event.target.closest("[data-use-input]");
  if (load) {
    event.preventDefault();
    loadAttempt(load.dataset.load);
  } else if (place) {
    event.preventDefault();
    goTo(place);
  } else if (lineOfHint) {
    event.preventDefault();
    goToLine(lineOfHint);
  } else if (offersHints) {
    event.preventDefault();
    openHints();
  } else if (use) {
    byId("input").value = use.closest(".sample").querySelector("[data-input]").textContent;
    byId("input").dispatchEvent(new Event("input"));
    openTab("tab-input");
    if (isSmall()) showPane("results");
    byId("input").focus();
  }
});

startKeys(({ key, isCommand, isTyping, ctrlKey, altKey, shiftKey }) => {
  if (isCommand && key === "enter") return () => send(shiftKey ? "submit" : "run");
  if (isCommand && key === "s") return () => writing.save();
  if (ctrlKey && key === "m") return () => say(editor.toggleTab() ? "Tab indents" : "Tab moves to the next control");
  if (altKey && "123".includes(key)) return () => goToPane(["problem", "code", "results"][key - 1]);
  if (key === "?" && !isTyping) return () => byId("keys").showModal();
  return null;
});

writing.start();
byId("with-input").checked = writing.input !== "";
if (data.retryAfter) sending.countDown("submit", data.retryAfter);
if (data.resume) goOnWith(data.resume);
if (data.given && isSmall()) showPane("code");
