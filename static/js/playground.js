// The page to run code: write, run, and watch how it goes. Everything here is on top of a page that works without it.

import "./copying.js";
import { follow } from "./live.js";
import { pageData, say, showLink, startKeys } from "./page.js";
import { isSmall } from "./panes.js";
import { Result, placesIn } from "./results.js";
import { Sending } from "./sending.js";
import { Writing } from "./writing.js";

const STAGES = { queued: "Pending…", running: "Running…", done: "Completed!", error: "Error" };

const byId = (id) => document.getElementById(id);
const data = pageData();
const sending = new Sending(data, { run: "Run Code" });
const writing = new Writing(data, "(run)", ({ limits }) => {
  byId("time-limit").textContent = limits.time;
  byId("memory-limit").textContent = limits.memory;
});
const result = new Result(byId("result"), { say, onDrawn: drawn });

let following = null;
let shown = null; // the run whose stage is told; none while another is sent

function tellStage(words) { byId("stage").textContent = words; }

/** Of an event, or of what is drawn. Not “Completed!” beside a runtime error. */
function stageOf({ status, reason, verdict }) {
  if (reason === "cancelled") return "Cancelled";
  return status === "done" && verdict !== "AC" ? "Done" : STAGES[status];
}

function drawn(element) {
  const { id } = element.dataset;
  if (byId("older").hidden) writing.editor.annotate(placesIn(element));
  if (id === shown && !byId("stage").textContent) tellStage(stageOf(element.dataset)); // after a reload
}

async function run() {
  if (sending.isBusy("run")) return;
  shown = null;
  writing.sent();
  tellStage("Submitting…");
  say("");
  const taken = await sending.send("run", data.runUrl, {
    language: writing.language, source: writing.source, input: writing.input,
  });
  if (taken) {
    tellStage(stageOf(taken));
    watch(taken);
  } else {
    tellStage("");
    byId("older").hidden = result.id === null;
  }
}

function watch({ id, seq, ...taken }) {
  following?.stop();
  shown = id;
  byId("older").hidden = true;
  result.begin({ id, seq, ...taken });
  if (isSmall()) byId("results").scrollIntoView();
  following = follow(id, {
    after: seq,
    onEvent: (event) => take(event),
    onQueue: (place) => result.moveUp(place),
    onLink: showLink,
  });
}

/** The stage goes before what is on the page, but for the last one: that is told with the result. */
async function take(event) {
  const isTold = () => event.submission === shown;
  if (isTold() && !event.final) tellStage(stageOf(event));
  const isOnThePage = result.take(event);
  if (isTold() && !event.final) say(""); // the stage has said it
  await isOnThePage;
  if (isTold() && event.final) tellStage(stageOf(event));
}

function goOnWith(newest) {
  if (!newest.final) { watch(newest); return; }
  result.id = newest.id;
  byId("older").hidden = false;
  result.draw();
}

byId("program-form").addEventListener("submit", (event) => { event.preventDefault(); run(); });
byId("result").addEventListener("submit", (event) => {
  event.preventDefault();
  sending.cancel(event.target);
});
byId("result").addEventListener("click", (event) => {
  const place = event.target.closest("a[data-line]");
  if (!place) return;
  event.preventDefault();
  writing.editor.goTo(Number(place.dataset.line), Number(place.dataset.column));
});
byId("show-keys").addEventListener("click", () => { byId("options").open = false; byId("keys").showModal(); });

startKeys(({ key, isCommand, isTyping, ctrlKey }) => {
  if (isCommand && key === "enter") return run;
  if (isCommand && key === "s") return () => writing.save();
  if (ctrlKey && key === "m") return () => say(writing.editor.toggleTab() ? "Tab indents" : "Tab moves to the next control");
  if (key === "?" && !isTyping) return () => byId("keys").showModal();
  return null;
});

writing.start();
if (data.retryAfter) sending.countDown("run", data.retryAfter);
if (data.resume) goOnWith(data.resume);
