// Starts the page: holds the state, follows the events, and sends clicks.

import { fetchState, follow, postClick } from "./api.js";
import { createChatPane, drawChatList } from "./chat.js";
import { openUrl } from "./dom.js";
import { askConfirm, showToast } from "./feedback.js";
import { clientError, initialLanguage, language, setLanguage, t } from "./i18n.js";
import { createInspector } from "./inspector.js";
import { createMemory } from "./memory.js";
import { createModel } from "./model.js";
import { closePopups } from "./popup.js";
import { drawTopbar } from "./topbar.js";

const THEME = "sandbox.theme";
const WHO = "sandbox.who";

const $ = (id) => document.getElementById(id);
const model = createModel();
const memory = createMemory();
const view = { me: localStorage.getItem(WHO), phone: false, live: false, busy: new Set(), errors: new Map(), queue: null, again: false, focus: null };

const services = { model, toggle: toggleInspector, context: cardContext, print, inspect: (id) => inspector.show(id), back: () => { document.body.dataset.view = "list"; }, me: () => view.me, opened };
const inspector = createInspector($("drawer"), services);
const chat = createChatPane($("pane"), model, services);

function cardContext(message) {
  return {
    users: namesIn(message), members: model.members(message?.chat_id), phone: view.phone, memory, message_id: message?.message_id ?? "preview",
    tip: (text) => { if (text) showToast({ type: "info", content: text }); },
    act: message ? (pointer, action) => act(message, pointer, action) : (pointer, action) => rehearse(pointer, action),
    busy: message ? view.busy.has(message.message_id) || message.locked : false, error: message ? view.errors.get(message.message_id) : null,
  };
}

// Ids differ from app to app, so a message brings the names of those it mentions.
function namesIn(message) {
  const mentioned = message?.mentions ?? [];
  return mentioned.length === 0 ? model.names() : new Map([...model.names(), ...mentioned.map(({ id, name }) => [id, name])]);
}

// Everything that a message's drawing depends on; when it stays the same, so does the node.
function print(message) {
  const { theme } = document.documentElement.dataset;
  const around = [language(), theme, view.phone, view.busy.has(message.message_id), view.errors.get(message.message_id) ?? null, model.version];
  return JSON.stringify([message, around]);
}

// In the design view nothing is sent; the person sees what would be.
async function rehearse(pointer, { payload, confirm, url, undo = () => undefined }) {
  if (confirm && !(await askConfirm(confirm))) {
    undo();
    return false;
  }
  showToast({ type: "info", content: `${t("previewOnly")} ${JSON.stringify({ pointer, ...payload, ...(url ? { url } : {}) })}` });
  return true;
}

async function act(message, pointer, { payload, confirm, url, calls, undo = () => undefined }) {
  const id = message.message_id;
  if (view.busy.has(id)) return false;
  if (confirm && !(await askConfirm(confirm, message.content?.config?.locales))) {
    undo();
    return false;
  }
  if (url) openUrl(url);
  if (!calls) return true;
  const field = document.activeElement?.dataset.field;
  view.busy.add(id);
  view.errors.delete(id);
  refresh(id);
  const answer = await postClick({ message_id: id, open_id: view.me, pointer, ...payload });
  view.busy.delete(id);
  const problem = problemOf(answer);
  if (problem) {
    view.errors.set(id, problem);
    undo();
  }
  view.focus = field ? { id, field } : null;
  refresh(id);
  refocus();
  if (problem) showToast({ type: "error", content: problem });
  else if (answer.toast) showToast(answer.toast);
  return problem === null;
}

// Gives the keyboard back to the control that was pressed once it is enabled again (the card may
// stay locked a little longer than the answer takes), unless the person has moved on.
function refocus() {
  if (view.focus === null) return;
  const { id, field } = view.focus;
  const message = [...document.querySelectorAll("[data-message-id]")].find((node) => node.dataset.messageId === id);
  const control = [...(message?.querySelectorAll("[data-field]") ?? [])].find((node) => node.dataset.field === field);
  if (document.activeElement === document.body) control?.focus({ preventScroll: true });
  if (document.activeElement !== document.body || !control) view.focus = null;
}

function problemOf(answer) {
  if (answer === null) return t("networkError");
  const code = Number(answer.code ?? 0);
  if (code !== 0) return clientError(code, messageOf(answer.error));
  return answer.error ? messageOf(answer.error) : null;
}

function messageOf(error) {
  return typeof error === "string" ? error : (error?.msg ?? error?.message ?? null);
}

function refresh(id) {
  if (model.chatOf(id) === model.open) chat.upsert(model.message(id), false);
}

// Events that arrive while the state is on its way are applied after it, so none is lost.
async function load() {
  if (view.queue) { view.again = true; return; }
  view.queue = [];
  try {
    model.replace(await fetchState());
  } finally {
    const queued = view.queue;
    view.queue = null;
    queued.forEach(apply);
  }
  if (view.again) { view.again = false; await load(); return; }
  if (!model.users.has(view.me)) view.me = model.users.keys().next().value ?? null;
  if (!model.chats.has(model.open)) model.open = model.newest();
  drawAll();
  document.body.dataset.ready = "1";
}

function apply(event) {
  if (view.queue) view.queue.push(event);
  else if (Object.hasOwn(EVENTS, event.type)) EVENTS[event.type](event);
}

const EVENTS = {
  message({ message }) {
    const before = model.message(message.message_id);
    const isNew = model.put(message);
    if (isNew === null) { load(); return; }
    const chatId = model.chatOf(message.message_id);
    // A card that only locks or unlocks keeps what its last click came to.
    if (JSON.stringify(before?.content) !== JSON.stringify(message.content)) view.errors.delete(message.message_id);
    if (chatId === model.open) chat.upsert(message, isNew);
    refocus();
    if (isNew && (chatId !== model.open || document.hidden)) model.addUnread(chatId);
    inspector.onMessage(message.message_id);
    drawList();
  },
  toast({ open_id: who, toast }) {
    if (who === view.me && toast) showToast(toast);
  },
  call({ call }) {
    model.addCall(call);
    inspector.onCall();
  },
  chat({ chat: changed }) {
    model.putChat(changed);
    if (!model.open) model.open = changed.chat_id;
    drawAll();
  },
};

function openChat(id) {
  model.open = id;
  model.unread.delete(id);
  document.body.dataset.view = "chat";
  drawList();
  chat.redraw();
}

function opened(chat) {
  if (!model.chats.has(chat.chat_id)) model.putChat(chat);
  openChat(chat.chat_id);
}

function drawList() {
  drawChatList($("rail"), model, openChat);
}

function drawBar() {
  document.title = t("title");
  drawTopbar($("topbar"), {
    users: [...model.users.values()], me: view.me, live: view.live, phone: view.phone, inspecting: !$("drawer").hidden,
    choose: (id) => { view.me = id; localStorage.setItem(WHO, id); drawBar(); },
    speak: (lang) => { setLanguage(lang, { keep: true }); drawAll(); },
    theme: () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
    togglePhone: () => { view.phone = !view.phone; $("pane").classList.toggle("phone", view.phone); drawAll(); },
    toggleInspector: () => toggleInspector($("drawer").hidden),
  });
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem(THEME, theme);
  drawAll();
}

function toggleInspector(open) {
  $("drawer").hidden = !open;
  drawBar();
  inspector.redraw();
}

function drawAll() {
  closePopups();
  drawBar();
  drawList();
  chat.redraw();
  inspector.redraw();
}

document.documentElement.dataset.theme = localStorage.getItem(THEME) === "dark" ? "dark" : "light";
document.body.dataset.view = "chat";
setLanguage(initialLanguage());
drawBar();
document.addEventListener("visibilitychange", () => { if (!document.hidden && model.unread.delete(model.open)) drawList(); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !$("drawer").hidden && !document.querySelector("dialog")) toggleInspector(false); });
follow({
  open: () => { view.live = true; load().catch(() => { view.live = false; drawBar(); }); },
  event: apply,
  lost: () => { view.live = false; drawBar(); },
});
