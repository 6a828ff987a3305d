// The drawer: a message's raw JSON, the latest API calls, and a place to design cards.

import { postDraw } from "./api.js";
import { drawCard } from "./card.js";
import { clear, h, icon } from "./dom.js";
import { EXAMPLE_CARD } from "./example.js";
import { formatTime, t } from "./i18n.js";
import { isObject } from "./parts.js";

// https://open.feishu.cn: 30 KB a card, 200 elements.
const MAX_BYTES = 30 * 1024;
const MAX_ELEMENTS = 200;
const DRAW_DELAY_MS = 250;
const STORED = "sandbox.design";
const MAX_CALLS = 200;

// Answers that mean "too fast" or "too much"; they are shown apart from other refusals.
const LIMIT_CODES = new Set([99991400, 99991403, 230020, 11232, 11233, 11247, 9499, 19036, 230025, 200860, 11310, 300305]);

// `services`: {model, context(message), toggle}.
export function createInspector(drawer, services) {
  const view = { drawer, services, tab: "message", selected: null, design: createDesign(services), body: h("div", { class: "drawer-body" }) };
  const redraw = () => {
    if (drawer.hidden) document.body.classList.remove("designing");
    else draw(view);
  };
  view.select = (tab) => { view.tab = tab; redraw(); };
  return {
    redraw,
    onCall: () => { if (view.tab === "calls") redraw(); },
    onMessage: (id) => { if (view.tab === "message" && view.selected === id) redraw(); },
    selected: () => view.selected,
    show: (id) => { view.selected = id; view.tab = "message"; services.toggle(true); redraw(); },
  };
}

const TABS = { message: "tabMessage", calls: "tabCalls", design: "tabDesign" };

function draw(view) {
  const { drawer } = view;
  document.body.classList.toggle("designing", view.tab === "design");
  drawer.classList.toggle("wide", view.tab === "design");
  drawer.setAttribute("aria-label", t("inspector"));
  const tabs = Object.entries(TABS).map(([name, word]) => h("button", {
    type: "button", class: "tab", role: "tab", "aria-selected": String(view.tab === name), data: { testid: `tab-${name}` }, text: t(word), on: { click: () => view.select(name) },
  }));
  const close = h("button", { type: "button", class: "icon-button", "aria-label": t("close"), on: { click: () => view.services.toggle(false) } }, icon("close"));
  const keep = view.body.scrollTop;
  clear(drawer, h("div", { class: "drawer-head" }, h("div", { class: "tabs", role: "tablist" }, tabs), close), view.body);
  clear(view.body, { message: messageTab, calls: callsTab, design: designTab }[view.tab](view));
  view.body.scrollTop = keep;
}

export function countElements(value) {
  if (Array.isArray(value)) return value.reduce((sum, one) => sum + countElements(one), 0);
  if (!isObject(value)) return 0;
  return Object.values(value).reduce((sum, one) => sum + countElements(one), typeof value.tag === "string" ? 1 : 0);
}

function byteCount(value) {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}

function meter(word, value, most) {
  const share = Math.min(value / most, 1);
  const bar = h("i", { style: { width: `${(share * 100).toFixed(1)}%` } });
  const text = h("span", {}, h("b", { text: value.toLocaleString("en") }), ` / ${most.toLocaleString("en")} ${t(word)}`);
  return h("div", { class: `meter${share > 0.9 ? " meter-high" : ""}` }, text, h("span", { class: "meter-bar" }, bar));
}

function tool(word, run) {
  return h("button", { type: "button", class: "btn btn-default btn-small", text: t(word), on: { click: run } });
}

function messageTab(view) {
  const message = view.services.model.message(view.selected);
  if (!message) return h("p", { class: "hint" }, t("pick", { mark: "{ }" }));
  const facts = [["message_id", message.message_id], ["msg_type", message.msg_type], [t("updates"), String(message.updates)]];
  const source = JSON.stringify(message.content, null, 2);
  const copy = tool("copy", async () => {
    await navigator.clipboard?.writeText(source);
    copy.textContent = t("copied");
  });
  const open = tool("open", () => {
    view.design.load(message.content);
    view.select("design");
  });
  return [
    h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", { text: name }), h("dd", { text: value })])),
    h("div", { class: "meters" }, meter("bytes", byteCount(message.content), MAX_BYTES), meter("elements", countElements(message.content), MAX_ELEMENTS)),
    h("div", { class: "tools" }, copy, message.msg_type === "interactive" ? open : null),
    h("pre", { class: "json", tabindex: "0", data: { testid: "json" } }, highlight(source)),
  ];
}

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function highlight(source) {
  const out = [];
  let last = 0;
  for (const match of source.matchAll(TOKEN)) {
    out.push(source.slice(last, match.index));
    const kind = match[2] ? "key" : match[1] ? "string" : /^[tfn]/.test(match[0]) ? "word" : "number";
    out.push(h("span", { class: `json-${kind}`, text: match[1] ?? match[0] }), match[2] ?? "");
    last = match.index + match[0].length;
  }
  return [...out, source.slice(last)];
}

function callsTab(view) {
  const calls = view.services.model.calls.slice(-MAX_CALLS).reverse();
  if (calls.length === 0) return h("p", { class: "hint", text: t("noCalls") });
  return h("ol", { class: "calls", data: { testid: "calls" }, "aria-label": t("recentCalls") }, calls.map(callRow));
}

function callRow(call) {
  const limited = LIMIT_CODES.has(call.code) || call.http === 429;
  const state = limited ? "limit" : call.code === 0 && call.http < 400 ? "ok" : "bad";
  return h("li", { class: `call call-${state}`, data: { state } },
    h("time", { text: formatTime(call.at, { hour: "2-digit", minute: "2-digit", second: "2-digit" }) }),
    h("span", { class: "call-name" }, h("b", { text: call.call }), h("small", { text: [call.app, call.chat_id].filter(Boolean).join(" · ") })),
    h("span", { class: "call-code" }, `${call.http} / ${call.code}`, limited ? h("span", { class: "call-flag", text: t("limit") }) : null),
    h("span", { class: "call-ms", text: `${Math.round(call.ms)} ms` }));
}

// The editor lives as long as the page, so its text, caret and undo history stay.
function createDesign(services) {
  const text = h("textarea", { class: "editor", spellcheck: "false", data: { testid: "design-json" } });
  const verdict = h("div", { class: "verdict", role: "status", data: { testid: "verdict" } });
  const preview = h("div", { class: "design-preview", data: { testid: "design-preview" } });
  text.value = localStorage.getItem(STORED) ?? JSON.stringify(EXAMPLE_CARD, null, 2);
  const design = { text, verdict, preview, services, timer: null, request: null };
  const later = () => { clearTimeout(design.timer); design.timer = setTimeout(() => refresh(design), DRAW_DELAY_MS); };
  text.addEventListener("input", () => { localStorage.setItem(STORED, text.value); later(); });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || event.shiftKey) return;
    event.preventDefault();
    text.setRangeText("  ", text.selectionStart, text.selectionEnd, "end");
  });
  design.load = (card) => { text.value = JSON.stringify(card, null, 2); localStorage.setItem(STORED, text.value); refresh(design); };
  design.refresh = () => refresh(design);
  return design;
}

function designTab(view) {
  const { design, services } = view;
  const format = () => { const card = parse(design); if (card !== undefined) design.load(card); };
  const selected = services.model.message(view.selected);
  design.text.setAttribute("aria-label", t("editor"));
  design.refresh();
  return h("div", { class: "design" },
    h("div", { class: "design-edit" }, h("div", { class: "tools" }, tool("format", format), tool("example", () => design.load(EXAMPLE_CARD)),
      selected?.msg_type === "interactive" ? tool("loadMessage", () => design.load(selected.content)) : null), design.text),
    h("div", { class: "design-show" }, design.verdict, design.preview));
}

function parse(design) {
  try {
    return JSON.parse(design.text.value);
  } catch (error) {
    judge(design, "bad", `${t("jsonError")}: ${error.message}`);
    return undefined;
  }
}

async function refresh(design) {
  design.request?.abort();
  const card = parse(design);
  if (card === undefined) return;
  clear(design.preview, drawCard(card, design.services.context(null)));
  design.request = new AbortController();
  try {
    report(design, await postDraw(card, design.request.signal));
  } catch (error) {
    // A newer keystroke took over.
    if (error.name !== "AbortError") throw error;
  }
}

function report(design, answer) {
  if (answer === null) judge(design, "bad", t("verdictFail"));
  else if (answer.ok) judge(design, "ok", t("ok"), meter("elements", answer.elements, MAX_ELEMENTS), meter("bytes", answer.bytes, MAX_BYTES));
  else judge(design, "bad", `${answer.code} · ${answer.msg}`);
}

function judge(design, state, text, ...meters) {
  design.verdict.dataset.state = state;
  clear(design.verdict, h("p", {}, icon(state === "ok" ? "success" : "error"), text), meters);
}
