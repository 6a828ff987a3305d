// Where the reader writes into the open chat: to everybody, to the bot, or in answer to a message.

import { postPrivate, postSay } from "./api.js";
import { clear, h, icon } from "./dom.js";
import { showToast } from "./feedback.js";
import { t } from "./i18n.js";
import { previewOf } from "./preview.js";

// `services`: {me(), opened(chat), sent()}; what is being written survives a redraw, in another chat it is another text.
export function createComposer(root, model, services) {
  const view = { texts: new Map(), answers: new Map(), calls: true };
  const field = h("input", { type: "text", class: "say-text", autocomplete: "off", maxlength: "2000", data: { testid: "say-text" } });
  const send = async () => {
    const text = field.value.trim();
    const chat = model.chats.get(model.open);
    if (!text || !chat) return;
    services.sent(); // whoever writes looks at what comes of it
    const answer = await postSay({ chat_id: chat.chat_id, open_id: services.me(), text: addressed(text, chat, model, view), reply_to: view.answers.get(chat.chat_id) ?? "" });
    if (answer === null || answer.error) { showToast({ type: "error", content: answer?.error ?? t("networkError") }); return; }
    view.texts.delete(chat.chat_id);
    view.answers.delete(chat.chat_id);
    redraw();
    field.focus();
  };
  field.addEventListener("input", () => view.texts.set(model.open, field.value));
  field.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.isComposing) send(); });
  const redraw = () => draw(root, field, { model, view, send, redraw, services });
  return { redraw, answer: (id) => { view.answers.set(model.open, id); redraw(); field.focus(); } };
}

function draw(root, field, { model, view, send, redraw, services }) {
  const chat = model.chats.get(model.open);
  root.hidden = !chat;
  if (!chat) return;
  field.value = view.texts.get(chat.chat_id) ?? "";
  field.placeholder = t("say");
  field.setAttribute("aria-label", t("say"));
  const bot = model.apps[0];
  const focused = document.activeElement === field;
  clear(root, answered(chat, view, redraw), h("div", { class: "say-row" },
    chat.kind === "p2p" || !bot ? null : toggle(bot, view, redraw), field,
    h("button", { type: "button", class: "icon-button say-send", "aria-label": t("send"), title: t("send"), data: { testid: "say-send" }, on: { click: send } }, icon("send")),
    chat.kind === "p2p" || !bot ? null : alone(bot, services)));
  if (focused) field.focus();
}

function toggle(bot, view, redraw) {
  return h("button", {
    type: "button", class: `say-call${view.calls ? " on" : ""}`, "aria-pressed": String(view.calls), title: t("callBot"), text: `@${bot.name}`,
    data: { testid: "say-call" }, on: { click: () => { view.calls = !view.calls; redraw(); } },
  });
}

function alone(bot, services) {
  const open = async () => {
    const chat = await postPrivate({ app_id: bot.app_id, open_id: services.me() });
    if (chat && !chat.error) services.opened(chat);
  };
  return h("button", { type: "button", class: "icon-button", "aria-label": t("alone"), title: t("alone"), data: { testid: "say-alone" }, on: { click: open } }, icon("user"));
}

function answered(chat, view, redraw) {
  const id = view.answers.get(chat.chat_id);
  const message = chat.messages.find((one) => one.message_id === id);
  if (!message) return null;
  const forget = () => { view.answers.delete(chat.chat_id); redraw(); };
  return h("div", { class: "quote say-answer", data: { testid: "say-answer" } }, icon("reply"), h("span", { text: previewOf(message) }),
    h("button", { type: "button", class: "icon-button", "aria-label": t("cancel"), on: { click: forget } }, icon("close")));
}

function addressed(text, chat, model, view) {
  const bot = model.apps[0];
  return bot && view.calls && chat.kind !== "p2p" ? `<at user_id="${bot.bot_open_id}">${bot.name}</at> ${text}` : text;
}
