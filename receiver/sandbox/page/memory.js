// What the reader did to a card that a redraw must not undo: typed text, open panels, pages.

export function createMemory() {
  const fields = new Map();
  return {
    panels: new Map(),
    pages: new Map(),
    // A typed value comes back only while the form (or lone field) is the very same, as `print` tells.
    recall(key, print) {
      const saved = fields.get(key);
      if (saved && saved.print !== print) fields.delete(key);
      return saved?.print === print ? saved.value : undefined;
    },
    keep(key, print, value) {
      fields.set(key, { print, value });
    },
    forget(prefix) {
      for (const key of [...fields.keys()]) if (key.startsWith(prefix)) fields.delete(key);
    },
  };
}
