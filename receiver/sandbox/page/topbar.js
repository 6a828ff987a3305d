// The bar at the top: who reads, in which language, light or dark, and what is open.

import { avatar, clear, h, icon } from "./dom.js";
import { language, t } from "./i18n.js";

// `bar`: {users, me, live, phone, inspecting} and the functions that change them.
export function drawTopbar(root, bar) {
  const focused = root.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
  clear(root, brand(bar), h("span", { class: "grow" }), who(bar), languages(bar),
    button("theme", document.documentElement.dataset.theme === "dark" ? "sun" : "moon", bar.theme),
    button("phone", "phone", bar.togglePhone, bar.phone), button("inspector", "panel", bar.toggleInspector, bar.inspecting, "inspector-toggle"));
  if (focused) [...root.querySelectorAll("[data-testid]")].find((node) => node.dataset.testid === focused)?.focus();
}

function brand({ live }) {
  return h("div", { class: "brand" }, h("img", { src: "/static/favicon.svg", alt: "", width: "26", height: "26" }),
    h("span", { class: "brand-name" }, h("b", { text: t("title") }), h("small", { text: t("subtitle") })),
    connection(live));
}

function connection(live) {
  const text = t(live ? "live" : "reconnecting");
  const data = { testid: "live", live: live ? "1" : "0" };
  return h("span", { class: `live${live ? " on" : ""}`, data, title: text }, h("i"), h("span", { text }));
}

function who({ users, me, choose }) {
  const select = h("select", { "aria-label": t("you"), data: { testid: "who" }, on: { change: (event) => choose(event.target.value) } },
    users.map((user) => h("option", { value: user.open_id, text: user.name })));
  select.value = me ?? "";
  const name = users.find((user) => user.open_id === me)?.name ?? "?";
  return h("label", { class: "who" }, h("span", { class: "who-label", text: t("you") }), avatar(name), h("span", { class: "who-select" }, select, icon("chevron")));
}

function languages({ speak }) {
  const one = (lang, text) => h("button", {
    type: "button", "aria-pressed": String(language() === lang), data: { testid: `lang-${lang}` }, lang: lang === "zh" ? "zh-CN" : "en", text, on: { click: () => speak(lang) },
  });
  return h("div", { class: "lang", role: "group", "aria-label": t("language"), data: { testid: "lang" } }, one("zh", "中文"), one("en", "EN"));
}

function button(word, mark, run, pressed, testid = word) {
  return h("button", {
    type: "button", class: `icon-button top-${word}`, "aria-label": t(word), title: t(word), "aria-pressed": pressed === undefined ? null : String(pressed),
    data: { testid }, on: { click: run },
  }, icon(mark));
}
