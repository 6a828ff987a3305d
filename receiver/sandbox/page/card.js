// Draws one card: a registry from component tag to the function that draws it.

import { align, colorValue, headerTemplate, pixels, spacing, textAlign, textSize } from "./colors.js";
import { drawChart } from "./chart.js";
import { CONTROLS } from "./controls.js";
import { append, avatar, h, icon, link, safeUrl } from "./dom.js";
import { localized, locale, t } from "./i18n.js";
import { drawHeaderMd, drawMarkdown, personChip, textTag } from "./markdown.js";
import { background, drawIcon, drawText, isObject, layoutStyle } from "./parts.js";
import { drawTable } from "./table.js";

// The platform allows five levels of containers; drawing stops well after that.
const MAX_NESTING = 12;

// `context`: {users: Map(open_id -> name), members: [open_id], phone, message_id, memory, act, tip,
// busy, error}.
// `act(pointer, {payload, confirm, url, calls, undo})` asks, opens, sends, and resolves to whether the
// click went through; `tip(text)` tells why a disabled control does nothing.
export function drawCard(card, context) {
  const config = isObject(card?.config) ? card.config : {};
  const own = { ...context, card, styles: config.style, locales: config.locales, nesting: 0, form: null, counter: { panels: 0 } };
  const width = ["compact", "fill"].includes(config.width_mode) ? config.width_mode : "default";
  const root = h("article", { class: `card card-${width}`, data: { testid: "card" } });
  if (isObject(card?.header)) root.append(guarded(drawHeader, card.header, "/header", own));
  append(root, [drawBody(card, own)]);
  if (context.error) root.append(h("p", { class: "card-error", role: "alert", data: { testid: "card-error" } }, icon("error"), context.error));
  append(root, [drawCardLink(card?.card_link)]);
  if (context.busy) setBusy(root);
  return root;
}

// While a click is on its way nobody can click again, as the platform locks the card too.
function setBusy(root) {
  root.classList.add("busy");
  root.setAttribute("aria-busy", "true");
  root.querySelectorAll("button:not(.panel-head):not(.pager-button), input, select, textarea").forEach((control) => { control.disabled = true; });
  root.querySelectorAll("[role=button]").forEach((control) => { control.inert = true; });
  root.append(h("div", { class: "busy-bar", role: "progressbar", "aria-label": t("busy") }));
}

function drawBody(card, context) {
  const legacy = Array.isArray(card?.elements);
  const body = isObject(card?.body) ? card.body : { elements: legacy ? card.elements : [] };
  const pointer = legacy && !isObject(card?.body) ? "/elements" : "/body/elements";
  if (!Array.isArray(body.elements) || body.elements.length === 0) {
    return card?.header ? null : h("div", { class: "card-body card-empty", text: t("empty") });
  }
  return h("div", { class: "card-body layout", style: layoutStyle(body) }, drawElements(body.elements, pointer, context));
}

function drawHeader(header, pointer, context) {
  const template = headerTemplate(header.template);
  return h("header", { class: "card-header", data: { template, pointer }, style: { padding: spacing(header.padding) } },
    isObject(header.icon) ? drawIcon(header.icon, "card-header-icon") : null,
    h("div", { class: "card-header-text" },
      h("h3", { class: "card-title" }, headerText(header.title, context), headerTags(header, context)),
      header.subtitle?.content || header.subtitle?.i18n_content
        ? h("p", { class: "card-subtitle" }, headerText(header.subtitle, context)) : null));
}

function headerText(text, context) {
  const content = localized(text, "content", context.locales);
  return h("span", {}, text?.tag === "lark_md" ? drawHeaderMd(content, context) : content);
}

// When both lists are given only the translated one counts; a header shows three tags at most.
const MAX_HEADER_TAGS = 3;

function headerTags(header, context) {
  const translated = header.i18n_text_tag_list;
  const list = isObject(translated)
    ? (translated[locale()] ?? translated.en_us ?? translated.zh_cn ?? Object.values(translated)[0])
    : header.text_tag_list;
  if (!Array.isArray(list)) return null;
  return list.slice(0, MAX_HEADER_TAGS).map((tag) => textTag([localized(tag?.text, "content", context.locales)], tag?.color ?? "neutral"));
}

function drawCardLink(cardLink) {
  const address = cardLink?.pc_url || cardLink?.url;
  if (safeUrl(address) === null) return null;
  return link(address, { class: "card-link", "aria-label": address }, icon("link"));
}

function drawElements(elements, pointer, context) {
  if (!Array.isArray(elements)) return [];
  return elements.map((element, at) => drawElement(element, `${pointer}/${at}`, context));
}

function drawElement(element, pointer, context) {
  const tag = isObject(element) ? String(element.tag) : typeof element;
  if (!isObject(element) || !Object.hasOwn(COMPONENTS, tag)) return unknown("unknown", tag, pointer);
  if (context.nesting > MAX_NESTING) return unknown("broken", tag, pointer);
  const node = guarded(COMPONENTS[tag], element, pointer, { ...context, nesting: context.nesting + 1, draw: drawElements });
  node.dataset.pointer ??= pointer;
  node.dataset.tag = tag;
  if (typeof element.element_id === "string") node.dataset.elementId = element.element_id;
  const margin = spacing(element.margin, -99);
  if (margin) node.style.margin = margin;
  return node;
}

// A component whose data is not what it says must not take the whole card with it.
function guarded(draw, element, pointer, context) {
  try {
    return draw(element, pointer, context);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    return unknown("broken", String(element.tag ?? "header"), pointer);
  }
}

function unknown(word, tag, pointer) {
  return h("div", { class: "unknown", data: { pointer, testid: "unknown-component" }, text: t(word, { tag: tag.slice(0, 60) }) });
}

function withIcon(spec, node) {
  return isObject(spec) ? h("div", { class: "with-icon" }, drawIcon(spec), node) : node;
}

function drawMarkdownComponent(element, _pointer, context) {
  const style = { "font-size": textSize(element.text_size, context.styles, context.phone), "text-align": textAlign(element.text_align) };
  const body = h("div", { class: "md", style }, drawMarkdown(localized(element, "content", context.locales), context));
  return h("div", { class: "comp" }, withIcon(element.icon, body));
}

function drawDiv(element, pointer, context) {
  const parts = [];
  if (isObject(element.text)) parts.push(drawDivText(element.text, context));
  if (Array.isArray(element.fields)) parts.push(h("div", { class: "fields" }, element.fields.map((field) =>
    h("div", { class: field?.is_short ? "field field-short" : "field" }, drawText(field?.text, context)))));
  return h("div", { class: "comp", style: { width: pixels(element.width) } }, withIcon(element.icon, h("div", {}, parts)));
}

function drawDivText(text, context) {
  const lines = Number.isInteger(text.lines) && text.lines > 0 ? String(text.lines) : null;
  return h("div", {
    class: lines ? "div-text clamp" : "div-text",
    style: {
      "font-size": textSize(text.text_size, context.styles, context.phone), color: colorValue(text.text_color, context.styles),
      "text-align": textAlign(text.text_align), "-webkit-line-clamp": lines,
    },
  }, drawText(text, context));
}

function drawColumnSet(element, pointer, context) {
  const mode = ["stretch", "flow", "bisect", "trisect"].includes(element.flex_mode) ? element.flex_mode : "none";
  const columns = Array.isArray(element.columns) ? element.columns : [];
  const fill = background(element.background_style, context);
  const node = h("div", {
    class: `columns columns-${mode}${fill ? " filled" : ""}`,
    style: { "background-color": fill, "column-gap": spacing(element.horizontal_spacing), "justify-content": align(element.horizontal_align) },
  }, columns.map((column, at) => drawColumn(column, `${pointer}/columns/${at}`, context)));
  return clickable(node, element.action?.multi_url);
}

function drawColumn(column, pointer, context) {
  if (!isObject(column)) return unknown("broken", "column", pointer);
  const weight = Number.isInteger(column.weight) ? Math.min(Math.max(column.weight, 1), 5) : 1;
  const width = pixels(column.width, 600);
  const flex = width ? `0 0 ${width}` : column.width === "weighted" ? `${weight} ${weight} 0` : "0 1 auto";
  const fill = background(column.background_style, context);
  const node = h("div", {
    class: `column layout${fill ? " filled" : ""}`, data: { pointer },
    style: { flex, "background-color": fill, margin: spacing(column.margin, -99), ...layoutStyle({ vertical_spacing: "8px", ...column }) },
  }, drawElements(column.elements, `${pointer}/elements`, context));
  if (column.vertical_align === "center") node.style.justifyContent = "center";
  return clickable(node, column.action?.multi_url);
}

function clickable(node, urls) {
  const address = urls?.pc_url || urls?.url;
  return safeUrl(address) === null ? node : link(address, { class: "block-link" }, node);
}

function drawPanel(element, pointer, context) {
  const key = `${context.message_id}|panel|${element.element_id ?? panelNumber(context)}`;
  const header = isObject(element.header) ? element.header : {};
  const open = context.memory.panels.get(key) ?? element.expanded === true;
  const angle = [-180, -90, 90, 180].includes(header.icon_expanded_angle) ? header.icon_expanded_angle : 180;
  const mark = isObject(header.icon) ? drawIcon(header.icon, "panel-icon") : icon("chevron", "icon panel-icon");
  const position = ["left", "follow_text"].includes(header.icon_position) ? header.icon_position : "right";
  const body = h("div", { class: "panel-body layout", style: layoutStyle({ vertical_spacing: "12px", ...element }) },
    drawElements(element.elements, `${pointer}/elements`, context));
  const button = h("button", {
    type: "button", class: `panel-head panel-icon-${position}`, data: { field: `panel:${pointer}` },
    style: { "background-color": colorValue(header.background_color, context.styles, 50), padding: spacing(header.padding), "--angle": `${angle}deg` },
    on: { click: () => toggle(button.getAttribute("aria-expanded") !== "true") },
  }, h("span", { class: "panel-title" }, drawText(header.title, context)), mark);
  const toggle = (expanded, keep = true) => {
    button.setAttribute("aria-expanded", String(expanded));
    body.hidden = !expanded;
    if (keep) context.memory.panels.set(key, expanded);
  };
  toggle(open, false);
  // A required field hidden in a folded panel asks it to open.
  body.addEventListener("reveal", () => toggle(true));
  return h("section", { class: `panel${isObject(element.border) ? " panel-border" : ""}`, style: {
    "border-color": colorValue(element.border?.color, context.styles, 200), "border-radius": pixels(element.border?.corner_radius, 40),
    "background-color": colorValue(element.background_color, context.styles, 50) } }, button, body);
}

// Panels without an id are told apart by their order in the card.
function panelNumber(context) {
  context.counter.panels += 1;
  return context.counter.panels;
}

function drawImage(element, _pointer, context) {
  const alt = localized(element.alt, "content", context.locales);
  const title = localized(element.title, "content", context.locales);
  return h("figure", { class: "img", style: { "border-radius": pixels(element.corner_radius, 40) } }, imageBox(alt),
    title ? h("figcaption", { text: title }) : null);
}

function imageBox(alt) {
  return h("div", { class: "img-box", role: "img", "aria-label": alt || t("image") }, icon("image", "icon img-icon"), h("span", { text: alt || t("image") }));
}

function drawImages(element) {
  const list = Array.isArray(element.img_list) ? element.img_list.slice(0, 9) : [];
  const three = ["triple", "trisect"].includes(element.combination_mode);
  return h("div", { class: `imgs ${three ? "imgs-3" : "imgs-2"}` }, list.map(() => imageBox("")));
}

function drawPerson(element, _pointer, context) {
  const showName = element.show_name === true || element.style === "capsule";
  return h("div", { class: "comp" }, personChip(element.user_id, context, { showAvatar: element.show_avatar !== false, showName }));
}

function drawPersons(element, _pointer, context) {
  const persons = Array.isArray(element.persons) ? element.persons : [];
  const options = { showAvatar: element.show_avatar !== false, showName: element.show_name !== false };
  return h("div", { class: "comp persons" }, persons.map((person) => personChip(person?.id, context, options)));
}

function drawAudio() {
  return h("div", { class: "img-box audio" }, icon("play"), h("span", { text: t("audio") }), avatar("♪", "bot"));
}

const COMPONENTS = {
  ...CONTROLS,
  markdown: drawMarkdownComponent,
  div: drawDiv,
  plain_text: (element, _pointer, context) => h("div", { class: "comp" }, drawText(element, context)),
  hr: () => h("hr", { class: "hr" }),
  column_set: drawColumnSet,
  collapsible_panel: drawPanel,
  img: drawImage,
  img_combination: drawImages,
  person: drawPerson,
  person_list: drawPersons,
  audio: drawAudio,
  chart: drawChart,
  table: drawTable,
};
