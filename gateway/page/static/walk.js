// Keeps the walk test up to date: the part is fetched again whenever the gateway has counted something. Without it the page loads itself.

import { untouched } from "./untouched.js";

const part = document.getElementById("part");
let shown = part.innerHTML;
let busy = false;
let again = false;
let source = null;

async function look() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    const answer = await fetch(part.dataset.part, { credentials: "same-origin" });
    if (answer.redirected || answer.status === 401) return location.reload();
    if (answer.ok) {
      const text = await answer.text();
      await untouched();
      renew(text);
    }
  } catch {
    // the network may be pulled on purpose just now: ask again
  } finally {
    busy = false;
    if (again) {
      again = false;
      look();
    }
  }
}

// The numbers in a form's hidden fields change each time: what a person sees decides.
const visible = (html) => html.replace(/name="once" value="[0-9a-f]+"/g, "");

function renew(html) {
  if (visible(html) === visible(shown)) return;
  shown = html;
  const focus = part.contains(document.activeElement) ? document.activeElement.id : "";
  const ran = part.querySelector(".running")?.id;
  part.innerHTML = html;
  const runs = part.querySelector(".running")?.id;
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  if (ran && !runs) document.getElementById("sum")?.scrollIntoView({ block: "start" });
}

function listen() {
  if (source || document.hidden) return;
  source = new EventSource(part.dataset.live);
  source.addEventListener("changed", look);
  source.addEventListener("hello", look);
  source.addEventListener("over", () => location.reload());
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return;
    source = null; // too many pages are open: look now and then instead
    setTimeout(() => {
      look();
      listen();
    }, 3000);
  };
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source?.close();
    source = null;
  } else {
    look();
    listen();
  }
});
addEventListener("pagehide", () => source?.close());
listen();
