// Before the first paint: the chosen theme, and that scripts run. A classic script, since modules run later.
"use strict";
(() => {
  const root = document.documentElement;
  const choices = ["auto", "light", "dark"];
  const read = () => {
    try { return localStorage.getItem("theme") || "auto"; } catch { return "auto"; }
  };
  const show = (choice) => {
    if (choice === "auto") delete root.dataset.theme;
    else root.dataset.theme = choice;
  };
  root.classList.add("js");
  show(read());

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const label = (choice) => { button.lastElementChild.textContent = choice; };
    label(read());
    button.addEventListener("click", () => {
      const next = choices[(choices.indexOf(read()) + 1) % choices.length];
      try { localStorage.setItem("theme", next); } catch { /* private window: it holds for this page */ }
      show(next);
      label(next);
      document.dispatchEvent(new Event("themechange"));
    });
  });

  // A menu closes when one clicks elsewhere or presses Escape.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });
})();
