// The page that we are framed in: who it is, what it says, what we say to it.
// Only that one origin is listened to and spoken to; the launcher names it in our address, and a page
// that names another gets nothing, because the browser delivers messages by origin.

const params = new URLSearchParams(location.search);
const framed = window.parent !== window;
export const origin = originOf(params.get("host"));
export const onlyForget = params.has("forget");

function originOf(text) {
  try {
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) ? url.origin : null;
  } catch {
    return null;
  }
}

export function tell(type, more = {}) {
  if (framed && origin) window.parent.postMessage({ deskhand: 1, type, ...more }, origin);
}

// handlers: {options, shown, hidden, forget}
export function listen(handlers) {
  addEventListener("message", (event) => {
    if (!framed || event.source !== window.parent || event.origin !== origin) return;
    const said = event.data;
    if (said?.deskhand === 1 && Object.hasOwn(handlers, said.type)) handlers[said.type](said);
  });
}

// Opened by itself, without a shop round it, the chat is simply there.
export const alone = !framed;
