// Turns the platform's colour, size and spacing notations into safe CSS values.

const NAMES = new Set([
  "blue", "carmine", "green", "indigo", "lime", "grey", "orange", "purple", "red", "sunflower",
  "turquoise", "violet", "wathet", "yellow",
]);

// Share of the base colour in each shade; the rest is paper (below 500) or ink (above).
const SHADES = {
  50: [9, "paper"], 100: [16, "paper"], 200: [30, "paper"], 300: [48, "paper"], 350: [58, "paper"],
  400: [74, "paper"], 500: [100, "paper"], 600: [86, "ink"], 700: [70, "ink"], 800: [54, "ink"],
  900: [40, "ink"],
};

const RGBA = /^rgba?\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*(,\s*(0|1|0?\.\d{1,4}|1\.0{1,4}|\d{1,3}%)\s*)?\)$/;

function base(name) {
  const known = name === "neutral" || name === "gray" ? "grey" : name;
  return NAMES.has(known) ? known : null;
}

export function shade(name, level) {
  const known = base(name);
  if (known === null || !Object.hasOwn(SHADES, level)) return null;
  const [share, rest] = SHADES[level];
  return `color-mix(in srgb, var(--c-${known}) ${share}%, var(--${rest}))`;
}

// A colour as cards write it: `red`, `red-600`, `bg-white`, `rgba(...)`, or a name that
// `config.style.color` declares. Unknown names give null, so the default stays.
export function colorValue(raw, styles, fallbackLevel = 500) {
  if (typeof raw !== "string") return null;
  const name = raw.trim().toLowerCase();
  if (name === "white") return "#fff";
  if (name === "bg-white") return "var(--paper)";
  if (RGBA.test(name)) return name;
  const declared = styles?.color && Object.hasOwn(styles.color, raw) ? styles.color[raw] : null;
  if (declared) return themed(declared);
  const match = /^([a-z]+)(?:-(\d{2,3}))?$/.exec(name);
  return match ? shade(match[1], match[2] ?? fallbackLevel) : null;
}

function themed(declared) {
  const dark = document.documentElement.dataset.theme === "dark";
  const value = String(dark ? declared.dark_mode : declared.light_mode);
  return RGBA.test(value) ? value : null;
}

export function headerTemplate(raw) {
  const known = typeof raw === "string" ? base(raw) : null;
  return known ?? "default";
}

// https://open.feishu.cn text sizes, in pixels.
const TEXT_SIZES = {
  "heading-0": 30, "heading-1": 24, "heading-2": 20, "heading-3": 18, "heading-4": 16, heading: 16,
  normal: 14, notation: 12, "xxxx-large": 30, "xxx-large": 24, "xx-large": 20, "x-large": 18,
  large: 16, medium: 14, small: 12, "x-small": 10,
};

export function textSize(raw, styles, phone = false) {
  if (typeof raw !== "string") return null;
  if (Object.hasOwn(TEXT_SIZES, raw)) return `${TEXT_SIZES[raw]}px`;
  const own = styles?.text_size && Object.hasOwn(styles.text_size, raw) ? styles.text_size[raw] : null;
  const name = own ? ((phone ? own.mobile : own.pc) ?? own.default) : null;
  return Object.hasOwn(TEXT_SIZES, String(name)) ? `${TEXT_SIZES[name]}px` : null;
}

const SPACING = { small: "4px", medium: "8px", large: "12px", extra_large: "16px" };

// One to four lengths; anything else is left to the style sheet.
export function spacing(raw, least = 0) {
  if (typeof raw !== "string") return null;
  const parts = raw.trim().split(/[\s,]+/).map((part) => oneSpacing(part, least));
  return parts.length > 4 || parts.includes(null) ? null : parts.join(" ");
}

function oneSpacing(part, least) {
  if (Object.hasOwn(SPACING, part)) return SPACING[part];
  const match = /^(-?\d{1,2})(?:px)?$/.exec(part);
  return match && Number(match[1]) >= least ? `${Number(match[1])}px` : null;
}

export function pixels(raw, most = 999) {
  const match = /^(\d{1,4})px$/.exec(typeof raw === "string" ? raw.trim() : "");
  return match ? `${Math.min(Number(match[1]), most)}px` : null;
}

const ALIGN = { left: "flex-start", top: "flex-start", center: "center", right: "flex-end", bottom: "flex-end" };

export function align(raw) {
  return Object.hasOwn(ALIGN, String(raw)) ? ALIGN[raw] : null;
}

export function textAlign(raw) {
  return ["left", "center", "right"].includes(raw) ? raw : null;
}
