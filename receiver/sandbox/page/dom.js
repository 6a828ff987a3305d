// Builds the page's nodes. Text only ever enters as text: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";

// Links of a card may only lead to these; everything else is drawn as plain text.
const LINK_SCHEMES = new Set(["http:", "https:", "mailto:", "lark:"]);

// `props`: class, text, style (an object), on (event -> listener), data (dataset), anything else
// is an attribute; null, undefined and false leave an attribute out.
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) setProp(node, key, value);
  append(node, children);
  return node;
}

function setProp(node, key, value) {
  if (value === null || value === undefined || value === false) return;
  if (key === "class") node.className = value;
  else if (key === "text") node.textContent = value;
  else if (key === "data") Object.assign(node.dataset, value);
  else if (key === "style") setStyle(node, value);
  else if (key === "on") listen(node, value);
  else node.setAttribute(key, value === true ? "" : String(value));
}

// Through the object model, since the page's policy forbids style attributes.
function setStyle(node, style) {
  for (const [name, value] of Object.entries(style)) {
    if (value !== null && value !== undefined) node.style.setProperty(name, value);
  }
}

function listen(node, listeners) {
  for (const [event, listener] of Object.entries(listeners)) {
    if (listener) node.addEventListener(event, listener);
  }
}

export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
  return node;
}

export function clear(node, ...children) {
  node.replaceChildren();
  return append(node, children);
}

// Characters that browsers drop while reading an address, and so could hide a scheme.
const HIDDEN = /[\u0000-\u001f\u007f\u00ad\u200b-\u200f\u2028-\u202f\u2060\ufeff]/g;

export function safeUrl(raw) {
  if (typeof raw !== "string") return null;
  try {
    const url = new URL(raw.replace(HIDDEN, "").trim());
    return LINK_SCHEMES.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

export function link(raw, props, ...children) {
  const href = safeUrl(raw);
  if (href === null) return h("span", { ...props, class: `${props.class ?? ""} dead-link`.trim() }, children);
  const rel = "noopener noreferrer";
  return h("a", { ...props, href, rel, target: "_blank", title: props.title ?? href }, children);
}

export function openUrl(raw) {
  const href = safeUrl(raw);
  if (href !== null) window.open(href, "_blank", "noopener,noreferrer");
  return href !== null;
}

// The page's own drawings: one path each on a 24 x 24 grid, stroked.
const ICONS = {
  alert: "M12 4 2.8 19.5h18.4L12 4zm0 6v4.5m0 2.5v.1",
  back: "M15 5l-7 7 7 7",
  bell: "M6 17V11a6 6 0 0 1 12 0v6l1.5 1.5h-15zM10 21h4",
  braces: "M9 4c-2.5 0-3 1-3 3v2c0 2-1 3-2.5 3 1.5 0 2.5 1 2.5 3v2c0 2 .5 3 3 3m6-16c2.5 0 3 1 3 3v2c0 2 1 3 2.5 3-1.5 0-2.5 1-2.5 3v2c0 2-.5 3-3 3",
  check: "M5 12.5l4.5 4.5L19 7.5",
  chevron: "M6 9l6 6 6-6",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 4.5v5l3.5 2",
  close: "M6 6l12 12M18 6L6 18",
  chart: "M4 4v16h16M8 15l3.5-4 3 2.5L20 8",
  copy: "M9 9h10v11H9zM5 15V4h10",
  dot: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  down: "M12 5v14m-6-6l6 6 6-6",
  error: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 5v5m0 3v.1",
  image: "M4 5h16v14H4zm0 11l4.5-4.5 4 4 3-3L20 17M15.5 9.5v.1",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 8v5m0-8v.1",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1m2 4a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  lock: "M6 11h12v9H6zm2.5 0V8a3.5 3.5 0 0 1 7 0v3",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  more: "M6 12v.1M12 12v.1M18 12v.1",
  panel: "M4 5h16v14H4zm10 0v14",
  phone: "M7 3h10v18H7zm4 15h2",
  play: "M8 5l11 7-11 7z",
  reply: "M9 7l-5 5 5 5m-5-5h9c4 0 6 2 7 6",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zm5 12l4.5 4.5",
  send: "M5 12h13m-6-6l6 6-6 6",
  success: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm-4.5 9.5l3 3 6-6.5",
  sun: "M12 7.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM12 2v2.5m0 15V22M2 12h2.5m15 0H22M5 5l1.7 1.7m10.6 10.6L19 19M19 5l-1.7 1.7M6.7 17.3L5 19",
  user: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20.5c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5",
  warning: "M12 4 2.8 19.5h18.4L12 4zm0 6v4.5m0 2.5v.1",
};

export function icon(name, className = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  svg.append(svgNode("path", { d: Object.hasOwn(ICONS, name) ? ICONS[name] : ICONS.dot }));
  return svg;
}

export function svgNode(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  if (text !== undefined) node.textContent = text;
  return node;
}

// Hues that stay apart from each other and carry white text.
const AVATAR_HUES = [222, 168, 262, 24, 338, 198, 142, 286, 44, 4];

export function avatar(name, kind = "user") {
  const hue = AVATAR_HUES[hash(name) % AVATAR_HUES.length];
  return h("span", {
    class: `avatar avatar-${kind}`, style: { "--hue": String(hue) }, "aria-hidden": "true", text: initials(name, kind),
  });
}

function hash(text) {
  let sum = 7;
  for (const char of text) sum = (sum * 31 + char.codePointAt(0)) % 65521;
  return sum;
}

// Two letters for Latin names; of Chinese ones the given name, or a bot's or group's first word.
export function initials(name, kind) {
  const text = (name || "?").trim();
  const chinese = [...text].filter((char) => /\p{Script=Han}/u.test(char));
  if (chinese.length > 0) return (kind === "user" ? chinese.slice(-2) : chinese.slice(0, 2)).join("");
  const words = text.split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? words[0][0] + words[1][0] : [...text].slice(0, 2).join("");
  return letters.toUpperCase();
}
