// Buttons, menus, clickable containers and forms: what sends a click.

import { colorValue, pixels, spacing } from "./colors.js";
import { h, icon, link, safeUrl } from "./dom.js";
import { FIELDS } from "./fields.js";
import { localized, t } from "./i18n.js";
import { background, drawIcon, isObject, layoutStyle } from "./parts.js";
import { closePopups, popup } from "./popup.js";

const TYPES = new Set(["default", "primary", "danger", "text", "primary_text", "danger_text", "primary_filled", "danger_filled", "laser"]);
const SIZES = new Set(["tiny", "small", "medium", "large"]);

// What a press does: which address opens, and whether the app is called.
function effects(element) {
  const behaviors = (Array.isArray(element.behaviors) ? element.behaviors : []).filter(isObject);
  const opens = behaviors.find(({ type }) => type === "open_url") ?? element.multi_url ?? (element.url ? { url: element.url } : null);
  const address = opens ? opens.pc_url || opens.default_url || opens.url : null;
  const callback = behaviors.some(({ type }) => type === "callback") || element.value !== undefined;
  // Without behaviors a component still calls back, unless it is a plain link.
  return { url: address ?? null, calls: callback || (behaviors.every(({ type }) => type === "form_action") && address === null) };
}

function formAction(element) {
  const behavior = (Array.isArray(element.behaviors) ? element.behaviors : []).find((one) => one?.type === "form_action");
  const raw = element.form_action_type ?? behavior?.behavior ?? element.action_type;
  return { submit: "submit", form_submit: "submit", reset: "reset", form_reset: "reset" }[raw] ?? null;
}

function drawButton(element, pointer, context) {
  const { url, calls } = effects(element);
  const text = localized(element.text, "content", context.locales);
  const unsafe = url !== null && safeUrl(url) === null && !calls;
  const tips = unsafe ? t("unsafeLink") : localized(element.disabled === true ? element.disabled_tips : element.hover_tips, "content", context.locales);
  const disabled = element.disabled === true || unsafe;
  const props = {
    class: buttonClass(element), title: tips || null, "aria-label": text ? null : tips || t("more"),
    style: { width: element.width === "fill" ? "100%" : pixels(element.width) }, data: { field: pointer, pointer },
  };
  const content = [isObject(element.icon) ? drawIcon(element.icon, "button-icon") : null, text ? h("span", { text }) : null];
  if (url !== null && !calls && !disabled && !element.confirm) return link(url, props, content);
  const submits = formAction(element) === "submit";
  return h("button", {
    ...props, type: "button", "aria-disabled": disabled ? "true" : null, ...(submits ? { data: { ...props.data, submit: "1" } } : {}),
    on: { click: () => (disabled ? context.tip(tips) : press(element, pointer, context)) },
  }, content);
}

function buttonClass(element) {
  const type = TYPES.has(element.type) ? element.type : "default";
  const size = SIZES.has(element.size) ? element.size : "medium";
  return `btn btn-${type.replace("_", "-")} btn-${size}`;
}

async function press(element, pointer, context) {
  const { form } = context;
  const action = form ? formAction(element) : null;
  if (action === "reset") return form.reset();
  if (action === "submit" && !form.check()) return undefined;
  const payload = action === "submit" ? { form_value: form.values() } : {};
  const done = await context.act(pointer, { payload, confirm: element.confirm, ...effects(element) });
  if (done && action === "submit") context.memory.forget(`${context.message_id}|field|${form.name}|`);
  return undefined;
}

function drawOverflow(element, pointer, context) {
  const options = (Array.isArray(element.options) ? element.options : []).filter(isObject);
  const button = h("button", { type: "button", class: "btn btn-default btn-medium overflow", "aria-label": t("more"), data: { field: pointer } },
    icon("more"));
  const menu = h("div", { class: "menu", role: "menu" }, options.map((option) => h("button", {
    type: "button", class: "menu-item", role: "menuitem", data: { value: String(option.value ?? "") },
    on: { click: () => { closePopups(); choose(element, option, pointer, context); } },
  }, localized(option.text, "content", context.locales))));
  return popup(button, menu);
}

function choose(element, option, pointer, context) {
  const url = option.multi_url?.pc_url || option.multi_url?.url || option.url || null;
  const calls = url === null || effects(element).calls === true && Array.isArray(element.behaviors);
  return context.act(pointer, { payload: { option: String(option.value ?? "") }, confirm: element.confirm, url, calls });
}

function drawContainer(element, pointer, context) {
  const disabled = element.disabled === true;
  const node = h("div", {
    class: `interactive${element.has_border === true ? " bordered" : ""}`, role: "button", tabindex: "0", "aria-disabled": disabled ? "true" : null,
    title: localized(disabled ? element.disabled_tips : element.hover_tips, "content", context.locales) || null, data: { field: pointer, pointer },
    style: {
      "background-color": background(element.background_style, context), "border-color": colorValue(element.border_color, context.styles, 200),
      "border-radius": pixels(element.corner_radius, 60) ?? spacing(element.corner_radius), width: pixels(element.width), height: pixels(element.height),
    },
  }, h("div", { class: "layout", style: layoutStyle({ padding: "4px 12px", vertical_spacing: "12px", ...element }) }, context.draw(element.elements, `${pointer}/elements`, context)));
  const run = () => (disabled ? context.tip(localized(element.disabled_tips, "content", context.locales)) : press(element, pointer, context));
  node.addEventListener("click", (event) => { if (own(event, node)) run(); });
  node.addEventListener("keydown", (event) => { if (event.target === node && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); run(); } });
  return node;
}

// A click on a control inside the container is that control's.
function own(event, node) {
  return event.target.closest("a, button, input, select, textarea, label, [role=button]") === node;
}

function drawForm(element, pointer, context) {
  const form = createForm(element);
  const node = h("form", {
    class: "form layout", novalidate: true, data: { name: form.name, pointer }, style: layoutStyle({ vertical_spacing: "12px", ...element }),
  }, context.draw(element.elements, `${pointer}/elements`, { ...context, form }));
  node.addEventListener("submit", (event) => event.preventDefault());
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input.input") && !event.isComposing) node.querySelector("[data-submit]")?.click();
  });
  return node;
}

// The fields register themselves while they are drawn.
function createForm(element) {
  const fields = [];
  return {
    name: String(element.name ?? ""),
    print: JSON.stringify(element),
    fields,
    values: () => Object.fromEntries(fields.filter(({ name }) => typeof name === "string").map(({ name, read }) => [name, read()])),
    reset: () => fields.forEach((field) => field.reset()),
    check: () => {
      const missing = fields.filter(({ required, blank, read }) => required && blank(read()));
      fields.forEach((field) => field.mark(missing.includes(field) ? t("required") : null));
      missing[0]?.focus();
      return missing.length === 0;
    },
  };
}

export const CONTROLS = {
  ...FIELDS,
  button: drawButton,
  overflow: drawOverflow,
  interactive_container: drawContainer,
  form: drawForm,
};
