// Tabs, the two splitters, and the three panes of a small screen.

import { recall, remember } from "./storage.js";

const SMALL = matchMedia("(max-width: 820px)");
const STEP = 2; // per cent, for one press of an arrow key

export const isSmall = () => SMALL.matches;

/** Make tablists work: a click or arrow keys select; the panel that aria-controls names is shown. */
export function startTabs(root = document) {
  for (const list of root.querySelectorAll('[role="tablist"]:not([data-tabs="panes"])')) {
    withArrows(list, (tab) => openTab(tab.id));
  }
}

/** The tab hears of it as the event `open`. */
export function openTab(id) {
  const tab = document.getElementById(id);
  const tabs = [...tab.closest('[role="tablist"]').querySelectorAll('[role="tab"]')];
  mark(tabs, tab);
  for (const one of tabs) {
    document.getElementById(one.getAttribute("aria-controls")).toggleAttribute("data-open", one === tab);
  }
  tab.dispatchEvent(new Event("open"));
}

/** The three panes of a small screen; `onShow(name)` is called after each change. */
export function startPanes(solve, onShow) {
  const list = document.querySelector('[data-tabs="panes"]');
  const tabs = [...list.querySelectorAll('[role="tab"]')];
  const show = (name) => {
    mark(tabs, tabs.find((tab) => tab.dataset.paneTab === name));
    solve.dataset.show = name;
    onShow(name);
  };
  withArrows(list, (tab) => show(tab.dataset.paneTab));
  SMALL.addEventListener("change", () => onShow(solve.dataset.show));
  return show;
}

function mark(tabs, chosen) {
  for (const tab of tabs) {
    tab.setAttribute("aria-selected", String(tab === chosen));
    tab.tabIndex = tab === chosen ? 0 : -1;
  }
}

function withArrows(list, choose) {
  const tabs = [...list.querySelectorAll('[role="tab"]')];
  list.addEventListener("click", (event) => {
    const tab = event.target.closest('[role="tab"]');
    if (tab) choose(tab);
  });
  list.addEventListener("keydown", (event) => {
    const here = tabs.indexOf(event.target);
    const next = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const tab = tabs[(next + tabs.length) % tabs.length];
    choose(tab);
    tab.focus();
  });
}

/** A splitter sets `property` of `target` in per cent; arrows, Home, End and the pointer move it. */
export function startSplitter(splitter, target, property, onMove) {
  const isFlat = splitter.getAttribute("aria-orientation") === "horizontal";
  const least = Number(splitter.getAttribute("aria-valuemin"));
  const most = Number(splitter.getAttribute("aria-valuemax"));
  const key = `split:${splitter.id}`;

  const set = (wanted) => {
    const value = Math.round(Math.min(most, Math.max(least, wanted)));
    splitter.setAttribute("aria-valuenow", String(value));
    target.style.setProperty(property, `${value}%`);
    onMove();
    return value;
  };
  const kept = Number(recall(key));
  if (kept) set(kept);

  splitter.addEventListener("keydown", (event) => {
    const now = Number(splitter.getAttribute("aria-valuenow"));
    const [less, more] = isFlat ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
    const wanted = { [less]: now - STEP, [more]: now + STEP, Home: least, End: most }[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    remember(key, String(set(wanted)));
  });
  splitter.addEventListener("pointerdown", (down) => {
    down.preventDefault();
    splitter.setPointerCapture(down.pointerId);
    const box = target.getBoundingClientRect();
    const move = (event) => {
      const share = isFlat ? (event.clientY - box.top) / box.height : (event.clientX - box.left) / box.width;
      remember(key, String(set(share * 100)));
    };
    splitter.addEventListener("pointermove", move);
    splitter.addEventListener("lostpointercapture", () => splitter.removeEventListener("pointermove", move), { once: true });
  });
}
