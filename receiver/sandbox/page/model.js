// What the page knows: chats with their messages, users, calls, and what is unread.

const MAX_CALLS = 200;

export function createModel() {
  const chats = new Map();
  const users = new Map();
  const where = new Map();
  const model = {
    chats, users, calls: [], apps: [], unread: new Map(), open: null, version: 0,
    skew: 0,
    now: () => Date.now() + model.skew,
    chatOf: (id) => where.get(id),
    message: (id) => chats.get(where.get(id))?.messages.find((message) => message.message_id === id),
    names: () => nameTable(model),
    members: (chatId) => (chats.get(chatId)?.members ?? chats.get(model.open)?.members ?? []).map((member) => member.open_id),
    newest: () => newest(chats),
    replace: (state) => replace(model, where, state),
    putChat: (chat) => putChat(model, where, chat),
    put: (message) => put(model, where, message),
    addUnread: (id) => model.unread.set(id, (model.unread.get(id) ?? 0) + 1),
    addCall: (call) => { model.calls = [...model.calls, call].slice(-MAX_CALLS); },
  };
  return model;
}

// `version` changes with the people, since cards show their names.
function nameTable(model) {
  if (model.named !== model.version) {
    model.named = model.version;
    const members = [...model.chats.values()].flatMap((chat) => chat.members);
    model.table = new Map([...members, ...model.users.values()].map((user) => [user.open_id, user.name]));
    for (const user of model.users.values()) if (user.email) model.table.set(user.email, user.name);
  }
  return model.table;
}

function newest(chats) {
  const sorted = [...chats.values()].sort((left, right) => (right.messages.at(-1)?.create_time ?? 0) - (left.messages.at(-1)?.create_time ?? 0));
  return sorted[0]?.chat_id ?? null;
}

function replace(model, where, state) {
  const before = new Set(where.keys());
  const first = model.chats.size === 0;
  const people = JSON.stringify([[...model.users.values()], [...model.chats.values()].map((chat) => chat.members)]);
  model.chats.clear();
  model.users.clear();
  where.clear();
  state.users.forEach((user) => model.users.set(user.open_id, user));
  state.chats.forEach((chat) => putChat(model, where, chat));
  model.calls = state.calls;
  model.apps = state.apps ?? [];
  model.skew = state.now - Date.now();
  if (people !== JSON.stringify([[...model.users.values()], state.chats.map((chat) => chat.members)])) model.version += 1;
  if (first) return;
  // What came while the stream was down.
  for (const [id, chatId] of where) if (!before.has(id) && chatId !== model.open) model.addUnread(chatId);
}

function putChat(model, where, chat) {
  const messages = chat.messages ?? model.chats.get(chat.chat_id)?.messages ?? [];
  model.chats.set(chat.chat_id, { ...chat, members: chat.members ?? [], messages });
  messages.forEach((message) => where.set(message.message_id, chat.chat_id));
  model.version += 1;
}

// True for a new message, false for a changed one, null when its chat is not known yet.
function put(model, where, message) {
  const known = where.get(message.message_id);
  const chat = model.chats.get(known ?? message.chat_id);
  if (!chat) return null;
  if (known !== undefined) {
    const at = chat.messages.findIndex((one) => one.message_id === message.message_id);
    chat.messages[at] = message;
    return false;
  }
  chat.messages.push(message);
  where.set(message.message_id, chat.chat_id);
  return true;
}
