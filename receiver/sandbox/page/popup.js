// A small menu under a button: one open at a time, closed by a click elsewhere or Escape.

import { h } from "./dom.js";

let closeOpen = null;

document.addEventListener("pointerdown", (event) => {
  if (closeOpen && !event.target.closest(".pop-open")) closeOpen();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && closeOpen) closeOpen({ refocus: true });
});

export function popup(button, menu) {
  menu.hidden = true;
  button.setAttribute("aria-haspopup", "true");
  button.setAttribute("aria-expanded", "false");
  const box = h("span", { class: "pop" }, button, menu);
  const close = ({ refocus = false } = {}) => {
    show(box, button, menu, false);
    closeOpen = null;
    if (refocus) button.focus();
  };
  button.addEventListener("click", () => {
    const opening = menu.hidden;
    if (closeOpen) closeOpen();
    if (!opening) return;
    show(box, button, menu, true);
    closeOpen = close;
    menu.querySelector("button, input")?.focus();
  });
  menu.addEventListener("keydown", walk);
  return box;
}

function show(box, button, menu, open) {
  menu.hidden = !open;
  box.classList.toggle("pop-open", open);
  button.setAttribute("aria-expanded", String(open));
  // Opens to the left where the right edge is near.
  if (open) menu.classList.toggle("menu-left", button.getBoundingClientRect().left + menu.offsetWidth > window.innerWidth - 12);
}

function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const items = [...event.currentTarget.querySelectorAll("button, input")];
  items.at((items.indexOf(document.activeElement) + step) % items.length)?.focus();
}

export function closePopups() {
  if (closeOpen) closeOpen();
}
