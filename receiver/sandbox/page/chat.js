// The list of chats and the messages of the one that is open.

import { drawCard } from "./card.js";
import { createComposer } from "./composer.js";
import { avatar, clear, h, icon, link } from "./dom.js";
import { clock, dayName, language, sameDay, shortTime, t } from "./i18n.js";
import { mention } from "./markdown.js";
import { postBody, previewOf, textOf } from "./preview.js";

// More than fits many screens; older messages come on request.
const PAGE = 60;
const NEAR_BOTTOM_PX = 80;

export function drawChatList(rail, model, open) {
  const chats = [...model.chats.values()].sort((left, right) => lastTime(right) - lastTime(left));
  const items = chats.map((chat) => chatItem(chat, model, open));
  const list = h("ul", { class: "chat-list", data: { testid: "chat-list" }, "aria-label": t("chats") }, items);
  clear(rail, h("h2", { class: "rail-title", text: t("chats") }), chats.length > 0 ? list : h("p", { class: "hint", text: t("noChats") }));
}

function lastTime(chat) {
  return chat.messages.at(-1)?.create_time ?? 0;
}

function chatItem(chat, model, open) {
  const last = chat.messages.at(-1);
  const unread = model.unread.get(chat.chat_id) ?? 0;
  const current = chat.chat_id === model.open;
  const red = last?.msg_type === "interactive" && !last.deleted ? last.content?.header?.template : null;
  return h("li", {}, h("button", {
    type: "button", class: `chat-item${current ? " current" : ""}`, "aria-current": current ? "true" : null,
    data: { chatId: chat.chat_id, testid: "chat-item" }, on: { click: () => open(chat.chat_id) },
  }, avatar(chat.name, "group"),
  h("span", { class: "chat-item-text" },
    h("span", { class: "chat-item-top" }, h("span", { class: "chat-item-name", text: chat.name }), last ? h("time", { text: shortTime(last.create_time, model.now()) }) : null),
    h("span", { class: "chat-item-bottom" },
      red ? h("i", { class: "state-dot", data: { template: String(red) }, "aria-hidden": "true" }) : null,
      h("span", { class: "chat-item-preview", text: last ? previewOf(last) : "" }),
      unread > 0 ? h("span", { class: "badge", "aria-label": t("unread", { n: unread }), text: unread > 99 ? "99+" : String(unread) }) : null))));
}

// Keeps the messages of the open chat on screen. `services`: {context(message), back, inspect, selected}.
export function createChatPane(pane, model, services) {
  const scroller = h("div", { class: "scroller", data: { testid: "chat" }, tabindex: "0", role: "log", "aria-live": "off" });
  const feed = h("div", { class: "feed" });
  const pill = h("button", { type: "button", class: "pill", hidden: true, data: { testid: "new-messages" }, on: { click: () => toBottom() } });
  const head = h("div", { class: "pane-head" });
  const view = { scroller, feed, pill, head, model, services, nodes: new Map(), limit: PAGE, missed: 0, shownChat: null };
  scroller.append(feed);
  const say = h("div", { class: "say", data: { testid: "say" } });
  const toBottom = () => { scroller.scrollTop = scroller.scrollHeight; setMissed(view, 0); };
  view.composer = createComposer(say, model, { ...services, sent: toBottom });
  clear(pane, head, h("div", { class: "pane-body" }, scroller, pill), say);
  scroller.addEventListener("scroll", () => { if (atBottom(scroller)) setMissed(view, 0); });
  return {
    redraw: () => redraw(view),
    upsert: (message, isNew) => upsert(view, message, isNew),
    jump: (id) => jump(view, id),
    atBottom: () => atBottom(scroller),
  };
}

function atBottom(scroller) {
  return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_BOTTOM_PX;
}

function setMissed(view, count) {
  view.missed = count;
  view.pill.hidden = count === 0;
  clear(view.pill, icon("down"), t("newMessages", { n: count }));
}

function redraw(view) {
  const { model, feed, scroller } = view;
  const chat = model.chats.get(model.open);
  const another = view.shownChat !== model.open;
  const stick = another || atBottom(scroller);
  const top = scroller.scrollTop;
  if (another) { view.limit = PAGE; setMissed(view, 0); }
  view.shownChat = model.open;
  drawHead(view, chat);
  view.composer.redraw();
  const messages = chat ? chat.messages.slice(-view.limit) : [];
  keepFocus(feed, () => {
    view.nodes = new Map(messages.map((message) => [message.message_id, reuse(view, message)]));
    clear(feed, earlier(view, chat), withDays(messages, view), messages.length === 0 ? h("p", { class: "hint", text: t("noMessages") }) : null);
  });
  scroller.scrollTop = stick ? scroller.scrollHeight : top;
}

function drawHead({ head, services }, chat) {
  clear(head, h("button", { type: "button", class: "icon-button back", "aria-label": t("back"), on: { click: services.back } }, icon("back")),
    chat ? [avatar(chat.name, "group"), h("div", { class: "pane-title" }, h("h1", { text: chat.name }), h("span", { text: membership(chat) }))] : null);
}

function membership(chat) {
  if (chat.kind === "p2p") return t("private");
  return t(chat.members.length === 1 ? "member" : "members", { n: chat.members.length });
}

function earlier(view, chat) {
  if (!chat || chat.messages.length <= view.limit) return null;
  const more = () => { view.limit += PAGE; redraw(view); };
  return h("button", { type: "button", class: "earlier", text: t("earlier"), on: { click: more } });
}

function withDays(messages, view) {
  return messages.flatMap((message, at) => {
    const before = messages[at - 1];
    const node = view.nodes.get(message.message_id).node;
    return before && sameDay(before.create_time, message.create_time) ? [node] : [h("div", { class: "day", text: dayName(message.create_time, view.model.now()) }), node];
  });
}

// The same message for the same reader keeps its node, with all that was typed into it.
function reuse(view, message) {
  const print = view.services.print(message);
  const kept = view.nodes.get(message.message_id);
  return kept?.print === print ? kept : { node: drawMessage(message, view), print, content: JSON.stringify(message.content) };
}

function upsert(view, message, isNew) {
  const { model, scroller } = view;
  const shown = view.nodes.get(message.message_id);
  if (!shown || isNew) {
    const stick = atBottom(scroller);
    redraw(view);
    if (isNew && !stick) setMissed(view, view.missed + 1);
    return;
  }
  if (!model.chats.get(model.open)) return;
  const print = view.services.print(message);
  if (print === shown.print) return;
  const stick = atBottom(scroller);
  const content = JSON.stringify(message.content);
  const next = { node: drawMessage(message, view), print, content };
  keepFocus(view.feed, () => shown.node.replaceWith(next.node));
  view.nodes.set(message.message_id, next);
  if (content !== shown.content) flash(next.node.querySelector(".card, .bubble"));
  if (stick) scroller.scrollTop = scroller.scrollHeight;
}

function flash(node) {
  node?.classList.add("flash");
  node?.addEventListener("animationend", () => node.classList.remove("flash"), { once: true });
}

// Redraws without taking the caret from whoever is typing.
function keepFocus(root, draw) {
  const active = document.activeElement;
  const field = root.contains(active) ? active.dataset.field : null;
  const owner = active?.closest?.("[data-message-id]")?.dataset.messageId;
  const name = active?.dataset?.name;
  const caret = field && "selectionStart" in active ? [active.selectionStart, active.selectionEnd] : null;
  draw();
  if (!field) return;
  const message = [...root.querySelectorAll("[data-message-id]")].find((node) => node.dataset.messageId === owner);
  const fields = [...(message?.querySelectorAll("[data-field]") ?? [])];
  const target = (name && fields.find((node) => node.dataset.name === name)) || fields.find((node) => node.dataset.field === field);
  if (!target || target === document.activeElement) return;
  target.focus({ preventScroll: true });
  if (caret?.[0] !== null && caret !== null && typeof target.setSelectionRange === "function") restoreCaret(target, caret);
}

function restoreCaret(target, [start, end]) {
  if (target.matches("textarea, input[type=text], input[type=password]")) target.setSelectionRange(start, end);
}

function jump(view, id) {
  const chat = view.model.chats.get(view.model.open);
  const at = chat?.messages.findIndex((message) => message.message_id === id) ?? -1;
  if (at < 0) return;
  if (!view.nodes.has(id)) { view.limit = chat.messages.length - at + PAGE; redraw(view); }
  const { node } = view.nodes.get(id);
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  node.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
  flash(node.querySelector(".card, .bubble") ?? node);
}

function drawMessage(message, view) {
  const { services } = view;
  const { sender } = message;
  const human = sender.kind === "user";
  const meta = h("div", { class: "meta" }, h("span", { class: "sender", text: sender.name }),
    human ? null : h("span", { class: "bot-badge", text: t(sender.kind === "hook" ? "hook" : "bot") }),
    h("time", { text: clock(message.create_time), datetime: new Date(message.create_time).toISOString() }), edited(message),
    message.locked ? h("span", { class: "working" }, icon("lock"), t("working")) : null);
  const inspect = h("button", {
    type: "button", class: "icon-button inspect", "aria-label": t("inspect"), title: t("inspect"), data: { testid: "inspect" },
    on: { click: () => services.inspect(message.message_id) },
  }, icon("braces"));
  const answer = h("button", {
    type: "button", class: "icon-button inspect answer", "aria-label": t("answer"), title: t("answer"), data: { testid: "answer" },
    on: { click: () => view.composer.answer(message.message_id) },
  }, icon("reply"));
  return h("section", { class: "message", data: { messageId: message.message_id, testid: "message", updates: String(message.updates) } },
    avatar(sender.name, human ? "user" : "bot"),
    h("div", { class: "message-main" }, meta, drawQuote(message, view), drawContent(message, view), buzzes(message)), message.deleted ? null : [answer, inspect]);
}

function edited(message) {
  if (!message.updates) return null;
  const at = message.update_time ? clock(message.update_time) : "";
  return h("span", { class: "edited", title: at, data: { testid: "edited" }, text: `· ${t("edited", { n: message.updates })}` });
}

// Who was called to the message, and how.
function buzzes(message) {
  if (!message.buzzes?.length) return null;
  return h("ul", { class: "buzzes", data: { testid: "buzzes" } }, message.buzzes.map((buzz) => h("li", { data: { kind: buzz.kind } },
    h("b", { text: t(`urgent_${buzz.kind}`) }), ` ${buzz.people.join(", ")} · ${clock(buzz.at)}`)));
}

function drawQuote(message, view) {
  const id = message.parent_id ?? message.root_id;
  if (!id) return null;
  const chat = view.model.chats.get(view.model.open);
  const parent = chat?.messages.find((one) => one.message_id === id);
  const text = parent ? `${t("replyTo", { name: parent.sender.name })}: ${previewOf(parent)}` : t("replyTo", { name: "…" });
  return h("button", {
    type: "button", class: "quote", title: t("jump"), data: { testid: "quote" }, disabled: !parent, on: { click: () => jump(view, id) },
  }, icon("reply"), h("span", { text }));
}

function drawContent(message, view) {
  if (message.deleted) return h("div", { class: "bubble recalled", text: t("recalled") });
  if (message.msg_type === "interactive") return drawCard(message.content, view.services.context(message));
  if (message.msg_type === "text") return h("div", { class: "bubble", lang: language() === "zh" ? "zh-CN" : "en" }, mentions(message));
  if (message.msg_type === "post") return drawPost(message.content, view.model.names());
  return h("div", { class: "bubble recalled", text: t("upgrade", { type: message.msg_type }) });
}

// Colours the names that the message really mentions; other "@" stay text.
function mentions(message) {
  const text = textOf(message);
  const names = [...(message.mentions ?? []).map(({ name }) => name), t("everyone")].filter(Boolean);
  const real = names.filter((name) => text.includes(`@${name}`) && (name !== t("everyone") || /id=["']?all/.test(String(message.content?.text))));
  if (real.length === 0) return text;
  const escaped = real.map((name) => `@${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`);
  return text.split(new RegExp(`(${escaped.join("|")})`)).map((part) => (real.includes(part.slice(1)) && part.startsWith("@") ? mention(part.slice(1)) : part));
}

function drawPost(content, users) {
  const body = postBody(content);
  const parts = {
    text: (part) => String(part.text ?? ""), a: (part) => link(part.href, {}, String(part.text ?? part.href)),
    at: (part) => mention(part.user_id === "all" ? t("everyone") : (users.get(part.user_id) ?? part.user_name ?? String(part.user_id))),
  };
  const strange = (part) => h("span", { class: "unknown", text: t("unknown", { tag: String(part?.tag) }) });
  const draw = (part) => (Object.hasOwn(parts, String(part?.tag)) ? parts[part.tag](part) : strange(part));
  return h("div", { class: "bubble" }, body.title ? h("strong", { class: "post-title", text: body.title }) : null,
    (Array.isArray(body.content) ? body.content : []).map((row) => h("p", {}, [row].flat().map(draw))));
}
