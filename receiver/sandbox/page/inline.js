// Splits one run of card text into a tree: emphasis, code, links, mentions and the card's own tags.
// The tree holds only decoded text and attributes; drawing it happens elsewhere.

import { decodeEntities, emoji } from "./text.js";

// Deeper nesting than any real card; beyond it tags stay text, so hostile input cannot recurse.
const MAX_DEPTH = 12;

const PAIRED = new Set(["font", "text_tag", "a", "link", "at", "person", "local_datetime", "number_tag", "raw", "audio"]);
const LINKS = new Set(["a", "link"]);
const SINGLE = new Set(["br", "hr"]);

// What each kind of text understands; `plain` only ever reads entities of markdown, so it is absent.
export const DIALECTS = {
  markdown: { emphasis: true, code: true, links: true, images: true, bare: true, tags: new Set([...PAIRED, ...SINGLE]) },
  lark_md: { emphasis: true, code: false, links: true, images: false, bare: true, tags: new Set(["a", "at", "font", "text_tag", "br"]) },
  header: { emphasis: false, code: false, links: false, images: false, bare: false, tags: new Set(["at"]) },
};

export function parseInline(source, dialect = DIALECTS.markdown, depth = 0) {
  const scanner = new Scanner(source, dialect, depth);
  scanner.run();
  return foldEmphasis(scanner.out);
}

// A tag's name, attributes and end, or null; attributes may be quoted either way or bare.
const TAG = /<(\/?)([a-z_]+)((?:\s+[a-z_]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]*))*)\s*(\/?)>/g;
const ATTRIBUTE = /([a-z_]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]*))/g;

// All opening tags by position, each with its end and (for paired ones) where its partner stands.
function tagMap(source, allowed) {
  const found = new Map();
  const open = new Map();
  for (const match of source.matchAll(TAG)) {
    const [whole, closing, name, attributes, selfClosed] = match;
    if (!allowed.has(name)) continue;
    if (closing) closePair(found, open.get(name), match.index, whole.length);
    else remember({ found, open, name, attributes, selfClosed, start: match.index, end: match.index + whole.length });
  }
  return found;
}

function remember({ found, open, name, attributes, selfClosed, start, end }) {
  const tag = { name, attributes: parseAttributes(attributes), inner: end, close: null, end: null };
  found.set(start, tag);
  if (SINGLE.has(name) || selfClosed) Object.assign(tag, { close: end, end });
  else open.set(name, [...(open.get(name) ?? []), start].slice(-64));
}

function closePair(found, stack, start, length) {
  const opened = stack?.pop();
  if (opened !== undefined) Object.assign(found.get(opened), { close: start, end: start + length });
}

function parseAttributes(source) {
  const attributes = Object.create(null);
  for (const [, name, double, single, bare] of source.matchAll(ATTRIBUTE)) {
    attributes[name] = decodeEntities(double ?? single ?? bare ?? "");
  }
  return attributes;
}

const ESCAPABLE = /[!-/:-@[-`{-~]/;
const BARE_URL = /https?:\/\/[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]+/y;
const EMOJI_CODE = /:([A-Za-z]{2,20}):/y;
const SPECIAL = /[\\`!\[<*_~:\nh]/g;

class Scanner {
  constructor(source, dialect, depth) {
    this.source = source;
    this.dialect = dialect;
    this.depth = depth;
    this.at = 0;
    this.out = [];
    this.tags = depth < MAX_DEPTH ? tagMap(source, dialect.tags) : new Map();
    this.deadBackticks = new Set();
  }

  run() {
    while (this.at < this.source.length) {
      SPECIAL.lastIndex = this.at;
      const next = SPECIAL.exec(this.source)?.index ?? this.source.length;
      this.text(this.source.slice(this.at, next));
      this.at = next;
      if (next < this.source.length && !this.special(this.source[next])) this.text(this.source[this.at++]);
    }
  }

  text(raw) {
    if (raw === "") return;
    const last = this.out.at(-1);
    if (last?.type === "raw") last.raw += raw;
    else this.out.push({ type: "raw", raw });
  }

  push(node, end) {
    this.out.push(node);
    this.at = end;
    return true;
  }

  // Inside a link no other link may begin.
  inner(from, to, linked = false) {
    const dialect = linked ? { ...this.dialect, links: false, bare: false } : this.dialect;
    return parseInline(this.source.slice(from, to), dialect, this.depth + 1);
  }

  special(char) {
    const { emphasis, code, links, images, bare } = this.dialect;
    switch (char) {
      case "\n": return this.push({ type: "br" }, this.at + 1);
      case "\\": return emphasis && this.escape();
      case "`": return code && this.codeSpan();
      case "!": return images && this.source[this.at + 1] === "[" && this.bracket(true);
      case "[": return links && this.bracket(false);
      case "<": return this.tag() || (links && this.autolink());
      case ":": return this.emojiCode();
      case "h": return bare && this.bareUrl();
      default: return emphasis && this.delimiter(char);
    }
  }

  escape() {
    const next = this.source[this.at + 1];
    if (next === undefined || !ESCAPABLE.test(next)) return false;
    return this.push({ type: "text", text: next }, this.at + 2);
  }

  codeSpan() {
    const fence = /`+/y;
    fence.lastIndex = this.at;
    const ticks = fence.exec(this.source)[0];
    const from = this.at + ticks.length;
    const to = this.deadBackticks.has(ticks.length) ? -1 : closingTicks(this.source, ticks, from);
    if (to < 0) {
      this.deadBackticks.add(ticks.length);
      this.text(ticks);
      this.at = from;
      return true;
    }
    const code = this.source.slice(from, to).replaceAll("\n", " ");
    return this.push({ type: "code", text: /^ .*\S.* $/.test(code) ? code.slice(1, -1) : code }, to + ticks.length);
  }

  bracket(image) {
    const start = this.at + (image ? 2 : 1);
    const close = matching(this.source, start, "[", "]");
    if (close < 0 || this.source[close + 1] !== "(" || this.depth >= MAX_DEPTH) return false;
    const end = matching(this.source, close + 2, "(", ")");
    if (end < 0) return false;
    const url = decodeEntities(destination(this.source.slice(close + 2, end)));
    const label = this.source.slice(start, close);
    if (image) return this.push({ type: "image", alt: decodeEntities(label) }, end + 1);
    return this.push({ type: "link", url, children: this.inner(start, close, true) }, end + 1);
  }

  tag() {
    const tag = this.tags.get(this.at);
    if (!tag || tag.end === null) return false;
    if (tag.name === "raw") {
      return this.push({ type: "text", text: decodeEntities(this.source.slice(tag.inner, tag.close)) }, tag.end);
    }
    const node = { type: tag.name, attributes: tag.attributes, children: this.inner(tag.inner, tag.close, LINKS.has(tag.name)) };
    return this.push(node, tag.end);
  }

  autolink() {
    const match = /^<(https?:\/\/[^\s<>]+|mailto:[^\s<>]+)>/.exec(this.source.slice(this.at, this.at + 2100));
    if (!match) return false;
    const url = decodeEntities(match[1]);
    return this.push({ type: "link", url, children: [{ type: "text", text: url }] }, this.at + match[0].length);
  }

  bareUrl() {
    BARE_URL.lastIndex = this.at;
    const match = BARE_URL.exec(this.source);
    if (!match) return false;
    const raw = match[0].replace(/[.,;:!?'*_~)]+$/, "");
    const url = decodeEntities(raw);
    return this.push({ type: "link", url, children: [{ type: "text", text: url }] }, this.at + raw.length);
  }

  emojiCode() {
    EMOJI_CODE.lastIndex = this.at;
    const match = EMOJI_CODE.exec(this.source);
    const sign = match ? emoji(match[1]) : null;
    return sign !== null && this.push({ type: "text", text: sign }, this.at + match[0].length);
  }

  delimiter(char) {
    let end = this.at;
    while (this.source[end] === char) end += 1;
    const count = end - this.at;
    if (char === "~" && count !== 2) return false;
    const before = this.source[this.at - 1] ?? " ";
    const after = this.source[end] ?? " ";
    return this.push({ type: "delimiter", char, count, original: count, ...flanks(char, before, after) }, end);
  }
}

function closingTicks(source, ticks, from) {
  let at = source.indexOf(ticks, from);
  while (at >= 0) {
    let end = at;
    while (source[end] === "`") end += 1;
    if (end - at === ticks.length) return at;
    at = source.indexOf(ticks, end);
  }
  return -1;
}

// Far enough for any real link; keeps a line of a thousand "[" from costing a million steps.
const MAX_LINK = 3000;

function matching(source, from, open, close) {
  let depth = 1;
  for (let at = from; at < source.length && at - from < MAX_LINK; at += 1) {
    if (source[at] === "\\") at += 1;
    else if (source[at] === open) depth += 1;
    else if (source[at] === close && (depth -= 1) === 0) return at;
  }
  return -1;
}

function destination(raw) {
  const match = /^\s*(?:<([^<>]*)>|(\S+))(?:\s+(?:"[^"]*"|'[^']*'))?\s*$/.exec(raw);
  return match ? (match[1] ?? match[2]) : raw.trim();
}

const SPACE = /\s/;
const PUNCTUATION = /[\p{P}\p{S}]/u;

// CommonMark's left- and right-flanking rules, which say what may open and what may close.
function flanks(char, before, after) {
  const spaceBefore = SPACE.test(before), spaceAfter = SPACE.test(after);
  const punctBefore = PUNCTUATION.test(before), punctAfter = PUNCTUATION.test(after);
  const left = !spaceAfter && (!punctAfter || spaceBefore || punctBefore);
  const right = !spaceBefore && (!punctBefore || spaceAfter || punctAfter);
  if (char !== "_") return { opens: left, closes: right };
  return { opens: left && (!right || punctBefore), closes: right && (!left || punctAfter) };
}

// Pairs delimiters from the inside out, as CommonMark does, over the flat list of nodes.
function foldEmphasis(nodes) {
  for (let closer = 0; closer < nodes.length; closer += 1) {
    if (nodes[closer].type !== "delimiter" || !nodes[closer].closes) continue;
    const opener = findOpener(nodes, closer);
    if (opener >= 0) closer = wrap(nodes, opener, closer);
  }
  return nodes.flatMap(settle);
}

// How far back an opener is looked for; bounds the work on hostile runs of asterisks.
const REACH = 400;

function findOpener(nodes, closer) {
  const end = nodes[closer];
  for (let at = closer - 1; at >= Math.max(0, closer - REACH); at -= 1) {
    const node = nodes[at];
    if (node.type !== "delimiter" || node.char !== end.char || !node.opens || node.count === 0) continue;
    const both = node.closes || end.opens;
    if (both && (node.original + end.original) % 3 === 0 && (node.original % 3 || end.original % 3)) continue;
    return at;
  }
  return -1;
}

// Wraps what stands between the two and returns the index from which to look on.
function wrap(nodes, opener, closer) {
  const open = nodes[opener], close = nodes[closer];
  const strong = open.count >= 2 && close.count >= 2;
  const type = open.char === "~" ? "strike" : strong ? "strong" : "em";
  const children = nodes.slice(opener + 1, closer).flatMap(settle);
  open.count -= strong ? 2 : 1;
  close.count -= strong ? 2 : 1;
  const kept = [open, { type, children }, close].filter((node) => node.type !== "delimiter" || node.count > 0);
  nodes.splice(opener, closer - opener + 1, ...kept);
  return opener + kept.length - (close.count > 0 ? 2 : 1);
}

// A delimiter that found no partner is text; raw text gets its entities decoded here, last, so
// that an entity can never act as markup.
function settle(node) {
  if (node.type === "delimiter") return { type: "text", text: node.char.repeat(node.count) };
  if (node.type === "raw") return { type: "text", text: decodeEntities(node.raw) };
  return node;
}
