// The table component, page by page.

import { colorValue, pixels, textAlign, textSize } from "./colors.js";
import { clear, h, icon } from "./dom.js";
import { formatTime, localized, t } from "./i18n.js";
import { drawLarkMd, drawMarkdown, personChip, textTag } from "./markdown.js";

const MAX_COLUMNS = 50;
const MAX_PAGE = 10;
const DEFAULT_PAGE = 5;

export function drawTable(element, pointer, context) {
  const columns = (Array.isArray(element.columns) ? element.columns : []).slice(0, MAX_COLUMNS);
  const rows = Array.isArray(element.rows) ? element.rows : [];
  const size = Math.min(Math.max(Math.trunc(Number(element.page_size)) || DEFAULT_PAGE, 1), MAX_PAGE);
  const pages = Math.max(Math.ceil(rows.length / size), 1);
  const key = `${context.message_id}|table|${element.element_id ?? pointer}`;
  const body = h("tbody");
  const pager = h("div", { class: "pager" });
  const show = (page) => {
    context.memory.pages.set(key, page);
    clear(body, rows.slice(page * size, (page + 1) * size).map((row) => drawRow(row, columns, context)));
    if (pages > 1) clear(pager, turn("back", "prev", page > 0, () => show(page - 1)), h("span", { text: t("page", { n: page + 1, m: pages }) }),
      turn("chevron", "next", page < pages - 1, () => show(page + 1)));
  };
  show(Math.min(context.memory.pages.get(key) ?? 0, pages - 1));
  const table = h("table", { class: `table row-${rowHeight(element.row_height)}` }, h("thead", {}, drawHead(columns, element.header_style ?? {}, context)), body);
  return h("div", { class: "comp" }, h("div", { class: "table-scroll" }, table), pages > 1 ? pager : null);
}

function turn(mark, word, enabled, go) {
  return h("button", { type: "button", class: `pager-button pager-${word}`, "aria-label": t(word), disabled: !enabled, on: { click: go } }, icon(mark));
}

function rowHeight(raw) {
  return ["low", "middle", "high", "auto"].includes(raw) ? raw : "low";
}

function drawHead(columns, style, context) {
  return h("tr", {}, columns.map((column) => h("th", {
    style: {
      width: pixels(column?.width, 600), "text-align": textAlign(style.text_align ?? column?.horizontal_align),
      color: colorValue(style.text_color, context.styles), "font-weight": style.bold === false ? "400" : null,
      "font-size": textSize(style.text_size, context.styles), background: style.background_style === "grey" ? "var(--fill)" : null,
    },
    text: localized(column, "display_name", context.locales) || String(column?.name ?? ""),
  })));
}

function drawRow(row, columns, context) {
  return h("tr", {}, columns.map((column) => h("td", { style: { "text-align": textAlign(column?.horizontal_align) } }, drawCell(row?.[column?.name], column, context))));
}

function drawCell(value, column, context) {
  if (value === null || value === undefined) return "";
  const draw = Object.hasOwn(CELLS, String(column.data_type)) ? CELLS[column.data_type] : CELLS.text;
  return draw(value, column, context);
}

function plain(value) {
  return typeof value === "object" ? (localized(value) || JSON.stringify(value)) : String(value);
}

const CELLS = {
  text: (value) => plain(value),
  lark_md: (value, _column, context) => h("span", { class: "lark-md" }, drawLarkMd(plain(value), context)),
  markdown: (value, _column, context) => h("div", { class: "md" }, drawMarkdown(plain(value), context)),
  number: (value, column) => numberText(value, column.format ?? {}),
  date: (value, column) => dateText(value, column.date_format),
  options: (value) => [value].flat().map((option) => textTag([typeof option === "string" ? option : localized(option, "text")], option?.color ?? "neutral")),
  persons: (value, _column, context) => [value].flat().map((id) => personChip(id, context)),
};

function numberText(value, format) {
  const number = Number(value);
  if (!Number.isFinite(number)) return plain(value);
  const precision = Number.isInteger(format.precision) ? Math.min(Math.max(format.precision, 0), 10) : null;
  const digits = precision === null ? { maximumFractionDigits: 10 } : { minimumFractionDigits: precision, maximumFractionDigits: precision };
  return `${format.symbol ?? ""}${number.toLocaleString("en", { useGrouping: format.separator === true, ...digits })}`;
}

const PARTS = { YYYY: { year: "numeric" }, MM: { month: "2-digit" }, DD: { day: "2-digit" }, HH: { hour: "2-digit" }, mm: { minute: "2-digit" }, ss: { second: "2-digit" } };

function dateText(value, format) {
  const ms = Number(value);
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return plain(value);
  const pattern = typeof format === "string" ? format : "YYYY/MM/DD";
  return pattern.replace(/YYYY|MM|DD|HH|mm|ss/g, (part) => formatTime(ms, PARTS[part]).replace(/\D/g, "").padStart(2, "0"));
}
