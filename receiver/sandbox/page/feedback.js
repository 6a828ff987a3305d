// Toasts at the top of the page and the dialog that asks before a click.

import { h, icon } from "./dom.js";
import { localized, t } from "./i18n.js";

const KINDS = new Set(["info", "success", "warning", "error"]);
const SHOWN_MS = 4000;
const ERROR_MS = 7000;

// A toast reaches the clicker twice, by the answer and by the event stream: shown once.
export function showToast({ type, content, i18n }) {
  const kind = KINDS.has(type) ? type : "info";
  const text = localized({ content, i18n_content: i18n });
  const box = document.getElementById("toasts");
  if ([...box.children].some((shown) => shown.dataset.text === text && shown.dataset.kind === kind)) return;
  const toast = h("div", { class: `toast toast-${kind}`, data: { testid: "toast", kind, text } }, icon(kind), h("span", { text }));
  box.append(toast);
  setTimeout(() => toast.remove(), kind === "error" ? ERROR_MS : SHOWN_MS);
}

// Resolves to true only when the person confirms.
export function askConfirm(confirm, locales) {
  const title = localized(confirm.title, "content", locales) || t("confirmTitle");
  const text = localized(confirm.text, "content", locales);
  return new Promise((resolve) => {
    const ok = h("button", { type: "button", class: "btn btn-primary-filled btn-medium", data: { testid: "confirm-ok" }, text: t("confirm") });
    const no = h("button", { type: "button", class: "btn btn-default btn-medium", data: { testid: "confirm-cancel" }, text: t("cancel") });
    const dialog = h("dialog", { class: "confirm", data: { testid: "confirm" }, "aria-label": title },
      h("h2", {}, icon("warning"), title), text ? h("p", { text }) : null, h("div", { class: "confirm-buttons" }, no, ok));
    ok.addEventListener("click", () => dialog.close("ok"));
    no.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "ok"); });
    document.body.append(dialog);
    dialog.showModal();
    ok.focus();
  });
}
