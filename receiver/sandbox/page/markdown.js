// The card's markdown dialect: blocks first, then inline text, then nodes of the page.

import { colorValue } from "./colors.js";
import { append, avatar, h, icon, link } from "./dom.js";
import { formatTime, t } from "./i18n.js";
import { DIALECTS, parseInline } from "./inline.js";

// A card holds 30 KB; the design view may hold more, but drawing stops here.
const MAX_SOURCE = 100_000;
const MAX_DEPTH = 8;

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const RULE = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|<hr\s*\/?>\s*)$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])( +|$)(.*)$/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

// `context`: {users, styles}; returns a fragment's worth of nodes.
export function drawMarkdown(source, context) {
  const lines = String(source).slice(0, MAX_SOURCE).replace(/\r\n?/g, "\n").replaceAll("\t", "    ").split("\n");
  return blocks(lines, context, 0);
}

export function drawLarkMd(source, context) {
  return drawInline(parseInline(String(source).slice(0, MAX_SOURCE), DIALECTS.lark_md), context);
}

export function drawHeaderMd(source, context) {
  return drawInline(parseInline(String(source).slice(0, MAX_SOURCE), DIALECTS.header), context);
}

function blocks(lines, context, depth) {
  const reader = { lines, at: 0, out: [], context, depth };
  const paragraph = [];
  while (reader.at < lines.length) {
    const block = depth < MAX_DEPTH ? startOf(reader, paragraph) : null;
    if (block === null) paragraph.push(lines[reader.at++]);
    else {
      flush(reader, paragraph);
      block(reader);
    }
  }
  flush(reader, paragraph);
  return reader.out;
}

// The block that begins on the current line, or null for text of a paragraph.
function startOf(reader, paragraph) {
  const line = reader.lines[reader.at];
  if (line.trim() === "") return blank;
  if (FENCE.test(line)) return fence;
  if (HEADING.test(line)) return heading;
  if (paragraph.length > 0 && /^ {0,3}(=+|-+)\s*$/.test(line)) return underline(paragraph);
  if (RULE.test(line)) return rule;
  if (QUOTE.test(line)) return quote;
  if (startsList(line, paragraph)) return list;
  if (line.includes("|") && TABLE_RULE.test(reader.lines[reader.at + 1] ?? "")) return table;
  return null;
}

function startsList(line, paragraph) {
  const item = ITEM.exec(line);
  if (!item) return false;
  // Inside a paragraph, only a list that has text and starts with 1 may interrupt.
  return paragraph.length === 0 || (item[4] !== "" && !/^\d/.test(item[2].replace(/^1[.)]$/, "-")));
}

function blank(reader) {
  reader.at += 1;
}

function flush(reader, paragraph) {
  if (paragraph.length === 0) return;
  const text = paragraph.map((line) => line.trimStart()).join("\n").trimEnd();
  paragraph.length = 0;
  reader.out.push(h("p", { class: "md-p" }, inline(text, reader.context)));
}

function underline(paragraph) {
  return (reader) => {
    const level = reader.lines[reader.at++].trim().startsWith("=") ? 1 : 2;
    const drawn = reader.out.pop();
    reader.out.push(h(`h${level}`, { class: "md-h" }, [...drawn.childNodes]));
    paragraph.length = 0;
  };
}

function heading(reader) {
  const [, marks, text] = HEADING.exec(reader.lines[reader.at++]);
  reader.out.push(h(`h${marks.length}`, { class: "md-h" }, inline(text, reader.context)));
}

function rule(reader) {
  reader.at += 1;
  reader.out.push(h("hr", { class: "md-hr" }));
}

function fence(reader) {
  const [, marks, name] = FENCE.exec(reader.lines[reader.at++]);
  const code = [];
  const closing = new RegExp(`^ {0,3}${marks[0]}{${marks.length},}\\s*$`);
  while (reader.at < reader.lines.length && !closing.test(reader.lines[reader.at])) code.push(reader.lines[reader.at++]);
  reader.at += 1;
  reader.out.push(codeBlock(code.join("\n"), name));
}

function codeBlock(code, name) {
  return h("figure", { class: "md-code" },
    name ? h("figcaption", { text: name }) : null,
    h("pre", { tabindex: "0" }, h("code", { text: code })));
}

function quote(reader) {
  const inner = [];
  while (reader.at < reader.lines.length && QUOTE.test(reader.lines[reader.at])) {
    inner.push(reader.lines[reader.at++].replace(QUOTE, ""));
  }
  reader.out.push(h("blockquote", { class: "md-quote" }, blocks(inner, reader.context, reader.depth + 1)));
}

function list(reader) {
  const first = ITEM.exec(reader.lines[reader.at]);
  const ordered = /\d/.test(first[2]);
  const items = [];
  while (reader.at < reader.lines.length && sameList(reader.lines[reader.at], first, ordered)) items.push(listItem(reader));
  const start = ordered ? parseInt(first[2], 10) : null;
  reader.out.push(h(ordered ? "ol" : "ul", { class: "md-list", start }, items));
}

function sameList(line, first, ordered) {
  const item = ITEM.exec(line);
  return item !== null && !RULE.test(line) && item[1].length < first[1].length + 2 && /\d/.test(item[2]) === ordered;
}

// Takes the item's own lines: the first, then everything indented to its text, blank lines included.
function listItem(reader) {
  const [, indent, marker, gap, text] = ITEM.exec(reader.lines[reader.at++]);
  const width = Math.min(indent.length + marker.length + Math.min(gap.length, 4) || 2, indent.length + 4);
  const inner = [text];
  while (reader.at < reader.lines.length && belongs(reader.lines, reader.at, indent.length)) {
    const line = reader.lines[reader.at++];
    inner.push(line.slice(Math.min(width, line.length - line.trimStart().length)));
  }
  return h("li", {}, blocks(inner, reader.context, reader.depth + 1));
}

function belongs(lines, at, indent) {
  if (lines[at].trim() !== "") return leading(lines[at]) >= indent + 2;
  return at + 1 < lines.length && lines[at + 1].trim() !== "" && leading(lines[at + 1]) >= indent + 2;
}

function leading(line) {
  return line.length - line.trimStart().length;
}

function table(reader) {
  const head = cells(reader.lines[reader.at]);
  const aligns = cells(reader.lines[reader.at + 1]).map(cellAlign);
  reader.at += 2;
  const rows = [];
  while (reader.at < reader.lines.length && reader.lines[reader.at].includes("|")) rows.push(cells(reader.lines[reader.at++]));
  const row = (tag, texts) => h("tr", {}, head.map((_, at) =>
    h(tag, { style: { "text-align": aligns[at] ?? null } }, inline(texts[at] ?? "", reader.context))));
  reader.out.push(h("div", { class: "table-scroll" }, h("table", { class: "md-table" },
    h("thead", {}, row("th", head)), h("tbody", {}, rows.map((texts) => row("td", texts))))));
}

function cells(line) {
  return line.trim().replace(/^\|/, "").replace(/\|$/, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function cellAlign(cell) {
  if (cell.endsWith(":")) return cell.startsWith(":") ? "center" : "right";
  return "left";
}

function inline(text, context) {
  return drawInline(parseInline(text, DIALECTS.markdown), context);
}

export function drawInline(nodes, context) {
  return nodes.map((node) => (Object.hasOwn(DRAW, node.type) ? DRAW[node.type](node, context) : null));
}

const DRAW = {
  text: (node) => node.text,
  br: () => h("br"),
  hr: () => h("hr", { class: "md-hr" }),
  em: (node, context) => h("em", {}, drawInline(node.children, context)),
  strong: (node, context) => h("strong", {}, drawInline(node.children, context)),
  strike: (node, context) => h("s", {}, drawInline(node.children, context)),
  code: (node) => h("code", { class: "md-inline-code", text: node.text }),
  image: (node) => h("span", { class: "img-inline", title: node.alt }, icon("image"), node.alt || t("image")),
  link: drawLink,
  a: (node, context) => link(node.attributes.href, {}, drawInline(node.children, context).flat(9).some(Boolean)
    ? drawInline(node.children, context) : node.attributes.href),
  font: (node, context) => h("span", { style: { color: colorValue(node.attributes.color, context.styles) } }, drawInline(node.children, context)),
  text_tag: (node, context) => textTag(drawInline(node.children, context), node.attributes.color),
  number_tag: (node, context) => h("span", { class: "number-tag" }, drawInline(node.children, context)),
  at: drawAt,
  person: (node, context) => personChip(node.attributes.id, context, { showAvatar: node.attributes.show_avatar !== "false" }),
  local_datetime: drawTime,
  audio: () => h("span", { class: "img-inline" }, icon("play"), t("audio")),
};

// A markdown link carries its address in `url`, the card's own <link> in its attributes.
function drawLink(node, context) {
  const address = node.url ?? (node.attributes?.pc_url || node.attributes?.url);
  const mark = node.attributes?.icon ? icon("link", "icon icon-inline") : null;
  return link(address, {}, mark, drawInline(node.children, context));
}

export function textTag(children, color) {
  const known = /^[a-z]{3,10}$/.test(color ?? "") ? color : "neutral";
  return h("span", { class: "text-tag", style: tagColors(known) }, children);
}

function tagColors(name) {
  return { color: colorValue(name, null, 600), "background-color": colorValue(name, null, 100) };
}

export function mention(name, everyone = false) {
  return h("span", { class: `mention${everyone ? " mention-all" : ""}`, text: `@${name}` });
}

// `<at id=…>` (or user_id, ids, email): names from the chat's members, else what the tag says.
function drawAt(node, context) {
  const { attributes } = node;
  const ids = (attributes.ids ?? attributes.id ?? attributes.user_id ?? attributes.open_id ?? attributes.email ?? "").split(",");
  const inside = node.children.filter((child) => child.type === "text").map((child) => child.text).join("");
  return ids.filter(Boolean).flatMap((id) => {
    if (id === "all") return [mention(t("everyone"), true), " "];
    return [mention(context.users?.get(id) ?? (inside || id)), " "];
  });
}

export function personChip(id, context, { showAvatar = true, showName = true } = {}) {
  const name = context.users?.get(id) ?? String(id ?? "?");
  return h("span", { class: "person", title: name }, showAvatar ? avatar(name) : null, showName ? h("span", { text: name }) : null);
}

const TIME_FORMATS = {
  date_num: { year: "numeric", month: "2-digit", day: "2-digit" },
  date_short: { month: "short", day: "numeric" },
  date: { year: "numeric", month: "long", day: "numeric" },
  week: { weekday: "long" },
  week_short: { weekday: "short" },
  time: { hour: "2-digit", minute: "2-digit" },
  time_sec: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  timezone: { timeZoneName: "shortOffset" },
};

// The farthest instant a date can hold, in milliseconds.
const MAX_INSTANT = 8.64e15;

function drawTime(node, context) {
  const { millisecond, format_type: format, link: address } = node.attributes;
  const ms = /^-?\d{1,16}$/.test(millisecond ?? "") ? Number(millisecond) : NaN;
  if (!(Math.abs(ms) <= MAX_INSTANT)) return append(h("span"), drawInline(node.children, context));
  const text = format === "timezone" ? zoneName(ms) : formatTime(ms, Object.hasOwn(TIME_FORMATS, format ?? "") ? TIME_FORMATS[format] : TIME_FORMATS.date_num);
  const time = h("time", { datetime: new Date(ms).toISOString(), title: formatTime(ms, { dateStyle: "full", timeStyle: "long" }), text });
  return address ? link(address, {}, time) : time;
}

function zoneName(ms) {
  const parts = new Intl.DateTimeFormat("en", TIME_FORMATS.timezone).formatToParts(new Date(ms));
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
}
