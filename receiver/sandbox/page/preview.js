// One line of text for a message: the chat list, a quoted reply, a phone's notification.

import { localized, t } from "./i18n.js";
import { decodeEntities } from "./text.js";

const MAX_PREVIEW = 160;

// What the platform does: the card's summary, else its title, else its first text.
export function previewOf(message) {
  if (message.deleted) return t("recalled");
  const { msg_type: type, content } = message;
  if (type === "interactive") return line(cardPreview(content));
  if (type === "text") return line(textOf(message));
  if (type === "post") return line(postTitle(content) || `[${type}]`);
  return `[${type}]`;
}

function cardPreview(card) {
  const locales = card?.config?.locales;
  return localized(card?.config?.summary, "content", locales) || localized(card?.header?.title, "content", locales)
    || firstText(card?.body?.elements ?? card?.elements) || t("cardMessage");
}

function firstText(elements) {
  for (const element of Array.isArray(elements) ? elements : []) {
    const text = localized(element?.text ?? element);
    if (text) return decodeEntities(text.replace(/<[^<>]*>|[*_~`#]/g, ""));
  }
  return "";
}

function line(text) {
  return text.replace(/\s+/g, " ").trim().slice(0, MAX_PREVIEW);
}

// Mentions arrive as keys or as tags; only people the message really mentions are shown as such.
export function textOf(message) {
  const names = new Map((message.mentions ?? []).map(({ id, name }) => [id, name]));
  const text = localized(message.content, "text");
  return text.replace(/<at (?:user_id|id)=["']?([^"'>\s]+)["']?>([^<]*)<\/at>/g, (_, id, inside) =>
    `@${id === "all" ? t("everyone") : (names.get(id) ?? (inside || id))}`);
}

export function postBody(content) {
  const wrapped = content?.post ?? content ?? {};
  const wanted = document.documentElement.lang === "zh-CN" ? wrapped.zh_cn : wrapped.en_us;
  return wanted ?? wrapped.zh_cn ?? wrapped.en_us ?? (Array.isArray(wrapped.content) ? wrapped : { content: [] });
}

function postTitle(content) {
  const body = postBody(content);
  const texts = (body.content ?? []).flat().map((part) => part?.text).filter((text) => typeof text === "string");
  return body.title || texts.join("");
}

