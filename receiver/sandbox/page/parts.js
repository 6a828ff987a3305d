// What several components share: text objects, icons, and the layout of containers.

import { align, colorValue, spacing } from "./colors.js";
import { h, icon } from "./dom.js";
import { localized } from "./i18n.js";
import { drawLarkMd, drawMarkdown } from "./markdown.js";

export function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

// Direction, gaps, alignment and padding, which body and all containers share.
export function layoutStyle(box) {
  const row = box.direction === "horizontal";
  return {
    "flex-direction": row ? "row" : null, "flex-wrap": row ? "wrap" : null,
    "row-gap": spacing(box.vertical_spacing), "column-gap": spacing(box.horizontal_spacing),
    "justify-content": row ? align(box.horizontal_align) : align(box.vertical_align),
    "align-items": row ? align(box.vertical_align) : align(box.horizontal_align === "left" ? null : box.horizontal_align),
    padding: spacing(box.padding),
  };
}

export function background(style, context) {
  if (typeof style !== "string" || style === "default") return null;
  return style === "grey" ? "var(--fill)" : colorValue(style, context.styles, 50);
}

const ICON_WORDS = [
  [/warn|alert|risk/, "alert"], [/bell|alarm|notif/, "bell"], [/time|clock|history/, "clock"],
  [/member|person|user|group|contact/, "user"], [/chat|link|share|jump/, "link"], [/yes|check|done|succeed|success/, "check"],
  [/no_|close|error|fail/, "close"], [/lock|mute|silent/, "lock"], [/pic|image/, "image"], [/down|expand|arrow/, "chevron"],
  [/chart|data|metric/, "chart"], [/info|help|doc/, "info"], [/more/, "more"], [/search/, "search"],
];

export function drawIcon(spec, className = "comp-icon") {
  const token = String(spec?.token ?? "");
  const known = spec?.tag === "custom_icon" ? "image" : (ICON_WORDS.find(([words]) => words.test(token))?.[1] ?? "dot");
  const drawn = icon(known, `icon ${className}`);
  const color = colorValue(spec?.color);
  if (color) drawn.style.color = color;
  return drawn;
}

// A plain_text or lark_md object.
export function drawText(text, context) {
  const content = localized(text, "content", context.locales);
  if (text?.tag === "lark_md") return h("span", { class: "lark-md" }, drawLarkMd(content, context));
  if (text?.tag === "markdown") return h("div", { class: "md" }, drawMarkdown(content, context));
  return h("span", { class: "plain" }, content);
}
