// The choice of language: for the page's own words, inside cards, and for times.

import { WORDS } from "./words.js";

const STORED = "sandbox.lang";

// What Feishu's client tells the person who clicked.
// https://open.feishu.cn/document/feishu-cards/card-callback-communication
const CLIENT_ERRORS = {
  200080: ["请求错误", "The request failed"],
  200340: ["未配置卡片回调地址", "No callback address is configured"],
  200341: ["目标回调服务超时未响应", "The callback service did not answer in time"],
  200342: ["目标回调服务连接失败", "The callback service refused the connection"],
  200343: ["目标回调服务域名解析失败", "The callback service's name does not resolve"],
  200345: ["卡片回调地址无效", "The callback address is invalid"],
  200346: ["卡片回调地址无效", "The callback address is invalid"],
  200347: ["卡片回调地址无效", "The callback address is invalid"],
  200530: ["表单组件的 name 为空", "A form component has no name"],
  200671: ["目标回调服务返回的状态码不是 200", "The callback service did not answer 200"],
  200672: ["目标回调服务返回的响应体格式错误", "The callback service answered with a bad body"],
  200673: ["目标回调服务返回的卡片内容错误", "The callback service answered with a bad card"],
  200830: ["卡片 2.0 不能更新为 1.0", "A 2.0 card cannot become a 1.0 card"],
  300000: ["内部错误", "Internal error"],
};

export function initialLanguage() {
  const stored = localStorage.getItem(STORED);
  if (stored === "zh" || stored === "en") return stored;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

let current = "zh";

export function setLanguage(lang, { keep = false } = {}) {
  current = lang === "en" ? "en" : "zh";
  document.documentElement.lang = current === "zh" ? "zh-CN" : "en";
  if (keep) localStorage.setItem(STORED, current);
}

export function language() {
  return current;
}

// The locale as cards name it.
export function locale() {
  return current === "zh" ? "zh_cn" : "en_us";
}

export function t(key, values = {}) {
  const text = WORDS[current][key] ?? WORDS.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export function clientError(code, message) {
  const known = CLIENT_ERRORS[code];
  const text = known ? known[current === "zh" ? 0 : 1] : message || CLIENT_ERRORS[200080][current === "zh" ? 0 : 1];
  return `${text} code: ${code}`;
}

// The reader's language of `holder[key]`, by the platform's rule: the locale when it is given
// (and `config.locales`, when set, allows it), then the plain value, then whatever there is.
export function localized(holder, key = "content", locales = null) {
  if (holder === null || typeof holder !== "object") return "";
  const i18n = holder[`i18n_${key}`];
  const wanted = locale();
  const allowed = !Array.isArray(locales) || locales.includes(wanted);
  if (i18n && typeof i18n === "object") {
    if (allowed && Object.hasOwn(i18n, wanted)) return text(i18n[wanted]);
    if (!holder[key]) return text(i18n.en_us ?? i18n.zh_cn ?? Object.values(i18n)[0]);
  }
  return text(holder[key]);
}

function text(value) {
  return value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
}

export function formatTime(ms, options) {
  const tag = current === "zh" ? "zh-CN" : "en-GB";
  return new Intl.DateTimeFormat(tag, { hourCycle: "h23", ...options }).format(new Date(ms));
}

export function clock(ms) {
  return formatTime(ms, { hour: "2-digit", minute: "2-digit" });
}

export function sameDay(left, right) {
  return new Date(left).toDateString() === new Date(right).toDateString();
}

const DAY = 86_400_000;

export function dayName(ms, now) {
  if (sameDay(ms, now)) return t("today");
  if (sameDay(ms, now - DAY)) return t("yesterday");
  return formatTime(ms, { year: "numeric", month: "short", day: "numeric", weekday: "short" });
}

// Short form for the list of chats: the time today, else the date.
export function shortTime(ms, now) {
  if (sameDay(ms, now)) return clock(ms);
  if (sameDay(ms, now - DAY)) return t("yesterday");
  return formatTime(ms, { month: "numeric", day: "numeric" });
}
