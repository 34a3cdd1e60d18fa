// A part of a page that is kept up to date: it is fetched again whenever the gateway has something new.

import { untouched } from "./untouched.js";

export const QUIET = 10000; // ms after which a question, or a silent page, counts as lost
const SOON = 1000; // ms until what brought nothing is asked for again: twice as long each time, as long as the box says ...
const LATEST = 10000; // ... and no longer than this
const BUSY = 1000; // ms until a part that holds a sent form is looked at again
export const part = document.getElementById("part");

// Returns what ends a question to the box that has had its time.
export function within(ms) {
  const ends = new AbortController();
  setTimeout(() => ends.abort(), ms);
  return ends.signal;
}

export function fill(place, fresh) {
  while (place.firstChild) place.firstChild.remove();
  place.append(...fresh.childNodes);
}

// Gives the focus back to an element that was renewed.
export function focused(id) {
  const found = id && document.activeElement.id !== id ? document.getElementById(id) : null;
  if (found) found.focus({ preventScroll: true });
}

// Returns the answer, which is one with what was asked for. Any other is none: it throws, with `after`, the ms that the box asks for. Where
// nobody or somebody else is signed in now, the page is loaded anew, to show what that person may see: once, until an answer came.
export async function got(address) {
  const answer = await fetch(address, { credentials: "same-origin", headers: { accept: "text/html" }, signal: within(QUIET) });
  const refused = answer.redirected || answer.status === 401 || answer.status === 403;
  const tried = history.state && history.state.anew;
  if (refused && !tried) {
    history.replaceState({ anew: true }, "");
    location.reload();
    return new Promise(() => {}); // the page goes
  }
  if (refused || !answer.ok) throw Object.assign(new Error(answer.status), { after: 1000 * Number(answer.headers.get("retry-after")) });
  if (tried) history.replaceState(null, "");
  return answer;
}

// Returns the ms until it is asked again, after `missed` times that brought nothing.
export function pause(missed, error) {
  return Math.min(LATEST, Math.max(SOON * 2 ** missed, error.after || 0));
}

// Returns what fetches the part, one at a time and once more where that is asked for meanwhile. What brings nothing is tried again by
// itself. `renew` shows its text; `told` hears whether it came.
export function fetching(renew, told = () => {}) {
  let busy = false;
  let again = false;
  let missed = 0;
  let next = 0;
  let rests = false; // the box has said how long it is to be left alone
  return async function look() {
    if (busy) {
      again = true;
      return;
    }
    if (rests) return;
    clearTimeout(next);
    busy = true;
    try {
      const text = await (await got(part.dataset.part)).text();
      await untouched();
      missed = 0;
      told(true);
      // A form that was sent and is not answered stays as it is: another in its place would be another act.
      if (part.querySelector("form[aria-busy]")) setTimeout(look, BUSY);
      else renew(text);
    } catch (error) {
      told(false); // the network may be pulled on purpose just now: the next look may get through
      rests = error.after > 0;
      next = setTimeout(() => {
        rests = false;
        if (!document.hidden) look();
      }, pause(missed, error));
      missed += 1;
    } finally {
      busy = false;
      if (again) {
        again = false;
        look();
      }
    }
  };
}

// Looks whenever something is new, and `hello` when the stream begins. Returns what begins anew. A page that nobody sees gives its place
// back; where too many are open the stream is `brief`: it ends at once, and the browser asks again, with the number it was told last.
export function listen(look, { hello = look, told = () => {}, later = 2000 } = {}) {
  let source = null;
  let brief = false;
  function close() {
    if (source) source.close();
    source = null;
  }
  function open() {
    if (source || document.hidden) return;
    source = new EventSource(part.dataset.live);
    source.addEventListener("hello", () => {
      brief = false;
      told(true);
      hello();
    });
    source.addEventListener("brief", () => {
      brief = true;
      told(true);
    });
    source.addEventListener("still", () => told(true));
    source.addEventListener("changed", look);
    source.addEventListener("over", () => location.reload());
    source.onerror = () => {
      if (!brief) told(false);
      brief = false;
      if (!source || source.readyState !== EventSource.CLOSED) return;
      source = null;
      setTimeout(() => {
        look();
        open();
      }, later);
    };
  }
  function anew() {
    close();
    if (document.hidden) return;
    look();
    open();
  }
  document.addEventListener("visibilitychange", anew);
  addEventListener("pagehide", close);
  open();
  return anew;
}
