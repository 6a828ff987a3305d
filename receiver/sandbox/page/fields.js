// Input, pickers, selects and checkers: alone they act at once, inside a form they wait for submit.

import { pixels } from "./colors.js";
import { avatar, h, icon } from "./dom.js";
import { localized, t } from "./i18n.js";
import { popup } from "./popup.js";
import { drawIcon, drawText, isObject } from "./parts.js";

// Binds a control to its form or to the click it sends.
// `control`: {node, read, write, blank, payload(value), live}; `live` controls act on change.
function bind(element, pointer, context, control) {
  const { form, memory } = context;
  const key = fieldKey(element, pointer, context);
  const print = form ? form.print : JSON.stringify(element);
  const initial = control.read();
  const kept = memory.recall(key, print);
  if (kept !== undefined) control.write(kept);
  const save = () => memory.keep(key, print, control.read());
  const problem = h("p", { class: "field-error", role: "alert", hidden: true });
  const box = h("div", { class: "control", style: { width: width(element.width) } }, label(element, context), control.node, problem);
  const mark = (text) => {
    problem.textContent = text ?? "";
    problem.hidden = !text;
    box.classList.toggle("invalid", Boolean(text));
    if (text) box.dispatchEvent(new CustomEvent("reveal", { bubbles: true }));
  };
  box.addEventListener("input", () => { save(); mark(null); });
  box.addEventListener("change", () => { save(); mark(null); });
  const reset = () => { control.write(initial); memory.forget(key); mark(null); };
  if (form) form.fields.push({ name: element.name, required: isRequired(element), blank: control.blank, read: control.read, focus: () => focusIn(box), reset, mark });
  else if (control.live) box.addEventListener("change", () => send(element, pointer, context, control, () => { control.write(initial); memory.forget(key); }));
  box.dataset.pointer = pointer;
  return box;
}

export function fieldKey(element, pointer, context) {
  return `${context.message_id}|field|${context.form?.name ?? ""}|${element.name ?? pointer}|`;
}

// `undo` takes the choice back when the click is called off or fails.
function send(element, pointer, context, control, undo) {
  const value = control.read();
  if (!control.blank(value)) context.act(pointer, { payload: control.payload(value), confirm: element.confirm, calls: true, undo });
}

// A multi-select must be filled in unless it says otherwise; everything else is the other way round.
function isRequired(element) {
  return element.required === true || (element.tag === "multi_select_static" && element.required !== false);
}

function focusIn(box) {
  box.querySelector("input, select, textarea, button")?.focus();
}

function width(raw) {
  return raw === "fill" ? "100%" : pixels(raw);
}

function label(element, context) {
  const text = localized(element.label, "content", context.locales);
  return text ? h("span", { class: "field-label", text: text + (isRequired(element) ? " *" : "") }) : null;
}

function hint(element, context, word) {
  const text = localized(element.placeholder, "content", context.locales) || t(word);
  return context.form && isRequired(element) && !element.label ? `${text} *` : text;
}

function common(element, pointer, context) {
  return {
    disabled: element.disabled === true, "aria-required": context.form && isRequired(element) ? "true" : null,
    title: element.disabled === true ? localized(element.disabled_tips, "content", context.locales) || null : null,
    data: { field: pointer, ...(typeof element.name === "string" ? { name: element.name } : {}) },
  };
}

const emptyText = (value) => value === "" || value === undefined;

function optionsOf(element, context) {
  const list = Array.isArray(element.options) ? element.options.filter(isObject) : [];
  if (!element.tag.endsWith("_person")) {
    return list.map((option) => ({ value: String(option.value ?? ""), text: localized(option.text, "content", context.locales) || String(option.value ?? "") }));
  }
  const ids = list.length > 0 ? list.map((option) => String(option.value ?? "")) : context.members;
  return ids.map((id) => ({ value: id, text: context.users.get(id) ?? id, person: true }));
}

function drawSelect(element, pointer, context) {
  const options = optionsOf(element, context);
  const placeholder = hint(element, context, "select");
  const node = h("select", { class: "field select", "aria-label": placeholder, ...common(element, pointer, context) },
    h("option", { value: "", text: placeholder }), options.map(({ value, text }) => h("option", { value, text })));
  const first = Number.isInteger(element.initial_index) ? options[element.initial_index - 1]?.value : undefined;
  node.value = String(element.initial_option ?? first ?? "");
  if (node.selectedIndex < 0) node.value = "";
  const tint = () => node.classList.toggle("unset", node.value === "");
  node.addEventListener("change", tint);
  tint();
  return bind(element, pointer, context, {
    node: h("span", { class: `select-box select-${element.type === "text" ? "text" : "default"}` }, node, icon("chevron")),
    read: () => node.value, write: (value) => { node.value = value; tint(); }, blank: emptyText, payload: (option) => ({ option }), live: true,
  });
}

function drawMultiSelect(element, pointer, context) {
  const placeholder = hint(element, context, "select");
  const chosen = new Set((Array.isArray(element.selected_values) ? element.selected_values : []).map((one) => String(one?.value ?? one)));
  const shown = h("span", { class: "multi-shown" });
  const button = h("button", { type: "button", class: "field multi", "aria-label": placeholder, ...common(element, pointer, context) }, shown, icon("chevron"));
  const boxes = optionsOf(element, context).map(({ value, text, person }) => {
    const check = h("input", { type: "checkbox", value });
    return { check, text, row: h("label", { class: "menu-item menu-check" }, check, person ? avatar(text) : null, h("span", { text })) };
  });
  const read = () => boxes.filter(({ check }) => check.checked).map(({ check }) => check.value);
  const paint = () => {
    const names = boxes.filter(({ check }) => check.checked).map(({ text }) => h("span", { class: "chip", text }));
    shown.replaceChildren(...(names.length > 0 ? names : [placeholder]));
    shown.classList.toggle("unset", names.length === 0);
  };
  const write = (values) => { boxes.forEach(({ check }) => { check.checked = values.includes(check.value); }); paint(); };
  write([...chosen]);
  const menu = h("div", { class: "menu", role: "group", on: { change: paint } }, boxes.map(({ row }) => row));
  return bind(element, pointer, context, { node: popup(button, menu), read, write, blank: (values) => values.length === 0, payload: (options) => ({ options }), live: true });
}

// https://open.feishu.cn: an input holds 1 to 1,000 characters.
const MAX_INPUT = 1000;

function drawInput(element, pointer, context) {
  const many = element.input_type === "multiline_text";
  const node = h(many ? "textarea" : "input", {
    class: "field input", type: many ? null : element.input_type === "password" ? "password" : "text", placeholder: hint(element, context, "enter"),
    "aria-label": localized(element.label, "content", context.locales) || hint(element, context, "enter"), autocomplete: "off", rows: many ? String(element.rows ?? 3) : null,
    maxlength: Math.min(Math.max(Number(element.max_length) || MAX_INPUT, 1), MAX_INPUT), ...common(element, pointer, context),
  });
  node.value = localized(element, "default_value", context.locales);
  const control = { node, read: () => node.value, write: (value) => { node.value = value; }, blank: () => false, payload: (value) => ({ input_value: value }) };
  if (context.form) return bind(element, pointer, context, { ...control, blank: emptyText });
  const submit = () => send(element, pointer, context, control);
  if (!many) node.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.isComposing) submit(); });
  return bind(element, pointer, context, { ...control, node: withSend(node, submit, element) });
}

function withSend(node, submit, element) {
  return h("span", { class: "with-send" }, node, h("button", { type: "button", class: "send", "aria-label": t("send"), disabled: element.disabled === true, on: { click: submit } }, icon("send")));
}

const PICKERS = {
  date_picker: { type: "date", initial: "initial_date", wire: (value) => value },
  picker_time: { type: "time", initial: "initial_time", wire: (value) => value },
  picker_datetime: { type: "datetime-local", initial: "initial_datetime", wire: (value) => value.replace("T", " ") },
};

function drawPicker(element, pointer, context) {
  const picker = PICKERS[element.tag];
  const placeholder = hint(element, context, "choose");
  const node = h("input", { class: "field picker", type: picker.type, "aria-label": placeholder, title: placeholder, ...common(element, pointer, context) });
  node.value = localized(element, picker.initial, context.locales).trim().replace(" ", picker.type === "datetime-local" ? "T" : " ");
  const control = {
    read: () => (node.value ? `${picker.wire(node.value)} ${zone(node.value)}` : ""), blank: emptyText, payload: (option) => ({ option }),
    write: (value) => { node.value = picker.type === "datetime-local" ? value.slice(0, 16).replace(" ", "T") : value.split(" ")[0]; },
  };
  const caption = h("span", { class: "picker-box" }, h("span", { class: "picker-hint", text: placeholder }), node);
  if (context.form) return bind(element, pointer, context, { ...control, node: caption });
  // Typing a year passes through other valid dates, so a lone picker sends only when told to.
  return bind(element, pointer, context, { ...control, node: withSend(caption, () => send(element, pointer, context, control), element) });
}

// The reader's offset at that moment, as Feishu's client appends it: "+0800".
function zone(value) {
  const at = new Date(/^\d{4}/.test(value) ? (value.includes("T") ? value : `${value}T00:00`) : Date.now());
  const minutes = -at.getTimezoneOffset();
  const digits = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60].map((part) => String(part).padStart(2, "0")).join("");
  return `${minutes < 0 ? "-" : "+"}${digits}`;
}

function drawChecker(element, pointer, context) {
  const node = h("input", { type: "checkbox", class: "check", ...common(element, pointer, context) });
  node.checked = element.checked === true;
  const text = isObject(element.text) ? drawText(element.text, context) : "";
  const calls = Array.isArray(element.behaviors) && element.behaviors.length > 0;
  const struck = element.checked_style?.show_strikethrough === true;
  const row = h("label", { class: `checker${struck ? " checker-strike" : ""}` }, node, h("span", {}, text));
  const buttons = (Array.isArray(element.button_area?.buttons) ? element.button_area.buttons : []);
  const area = buttons.length > 0 ? h("span", { class: "checker-buttons" }, context.draw(buttons, `${pointer}/button_area/buttons`, context)) : null;
  return bind(element, pointer, context, {
    node: h("div", { class: "checker-row" }, isObject(element.icon) ? drawIcon(element.icon) : null, row, area),
    read: () => node.checked, write: (value) => { node.checked = value; }, blank: () => false, payload: (checked) => ({ checked }), live: calls,
  });
}

export const FIELDS = {
  select_static: drawSelect,
  select_person: drawSelect,
  multi_select_static: drawMultiSelect,
  multi_select_person: drawMultiSelect,
  input: drawInput,
  date_picker: drawPicker,
  picker_time: drawPicker,
  picker_datetime: drawPicker,
  checker: drawChecker,
};
