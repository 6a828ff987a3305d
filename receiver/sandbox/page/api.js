// Talks to the sandbox that serves this page: state, events, clicks, and the validator.

export async function fetchState() {
  const answer = await fetch("/api/state");
  if (!answer.ok) throw new Error(`state: HTTP ${answer.status}`);
  return answer.json();
}

// Both resolve to the answer's body, or to null when the sandbox cannot be reached.
export const postClick = (body) => post("/api/click", body);
export const postSay = (body) => post("/api/say", body);
export const postPrivate = (body) => post("/api/private", body);
export const postDraw = (card, signal) => post("/api/draw", { card }, signal);

async function post(path, body, signal) {
  try {
    const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal });
    return await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return null;
  }
}

const RETRY_MS = [500, 1000, 2000, 5000];

// `on`: {open, event, lost}. A stream that breaks is opened again, for as long as the page lives.
export function follow(on) {
  let failures = 0;
  const connect = () => {
    const source = new EventSource("/api/events");
    source.onopen = () => { failures = 0; on.open(); };
    source.onmessage = ({ data }) => on.event(JSON.parse(data));
    source.onerror = () => {
      source.close();
      on.lost();
      setTimeout(connect, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
      failures += 1;
    };
  };
  connect();
}
