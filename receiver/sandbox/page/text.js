// Character entities and emoji codes: what becomes a plain character inside card text.

const NAMED = {
  amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'", nbsp: "\u00a0", sim: "\u223c", zwj: "\u200d",
  zwnj: "\u200c", ensp: "\u2002", emsp: "\u2003", thinsp: "\u2009", copy: "\u00a9", reg: "\u00ae",
  hellip: "\u2026", mdash: "\u2014", ndash: "\u2013", middot: "\u00b7", bull: "\u2022", times: "\u00d7",
  larr: "\u2190", rarr: "\u2192", uarr: "\u2191", darr: "\u2193", deg: "\u00b0", yen: "\u00a5",
};

const ENTITY = /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z]{2,8}));/g;

export function decodeEntities(source) {
  return source.replace(ENTITY, (whole, decimal, hex, name) => {
    if (name) return Object.hasOwn(NAMED, name) ? NAMED[name] : whole;
    return codePoint(decimal ? parseInt(decimal, 10) : parseInt(hex, 16));
  });
}

function codePoint(number) {
  const legal = number > 0 && number <= 0x10ffff && !(number >= 0xd800 && number <= 0xdfff);
  return legal ? String.fromCodePoint(number) : "\ufffd";
}

// The codes people meet most; an unknown code stays as written.
export const EMOJI = {
  OK: "👌", THUMBSUP: "👍", ThumbsDown: "👎", THANKS: "🙏", MUSCLE: "💪", FINGERHEART: "🫰", APPLAUSE: "👏",
  CLAP: "👏", FISTBUMP: "👊", JIAYI: "➕", DONE: "✅", SMILE: "🙂", BLUSH: "😊", LAUGH: "😄", SMIRK: "😏",
  LOL: "😂", FACEPALM: "🤦", LOVE: "😍", WINK: "😉", PROUD: "😌", WITTY: "😜", SMART: "🤓", SCOWL: "😠",
  THINKING: "🤔", SOB: "😭", CRY: "😢", ERROR: "🚫", WOW: "😮", YEAH: "✌️", TEARS: "🥲", KISS: "😘",
  DROOL: "🤤", MONEY: "🤑", SHOCKED: "😱", TERROR: "😨", SKULL: "💀", SWEAT: "😓", SPEECHLESS: "😶",
  SLEEP: "😴", YAWN: "🥱", SICK: "🤒", PUKE: "🤮", ANGRY: "😡", HUG: "🤗", SHHH: "🤫", DIZZY: "😵",
  SALUTE: "🫡", SHAKE: "🤝", HIGHFIVE: "🙌", ROSE: "🌹", HEART: "❤️", PARTY: "🎉", BEER: "🍺", CAKE: "🎂",
  GIFT: "🎁", Coffee: "☕", Yes: "✅", No: "❌", CheckMark: "✔️", CrossMark: "❌", Hundred: "💯",
  Pin: "📌", Alarm: "⏰", Loudspeaker: "📣", Trophy: "🏆", Fire: "🔥", FIRE: "🔥", BOMB: "💣", Music: "🎵",
  Lemon: "🍋", Get: "🆗", LGTM: "👀", OnIt: "🏃", OneSecond: "⏳", Typing: "⌨️", WAVE: "👋",
};

export function emoji(code) {
  return Object.hasOwn(EMOJI, code) ? EMOJI[code] : null;
}
