// Keeps a page up to date. Without it the page is the same, only not by itself.
// A part is fetched again when the server says that something has changed; what a person is typing into stays.

import { fetching, listen, part, QUIET } from "./part.js";

const live = document.getElementById("live");
let heard = Date.now(); // a page without a word of the box for QUIET is not live, whatever the connection looks like

function tell(on) {
  if (on) heard = Date.now();
  live.hidden = false;
  live.textContent = on ? live.dataset.on : live.dataset.off;
  live.classList.toggle("off", !on);
}

// A card that is the same stays the same element, so that a screen reader, the focus and an open form are not disturbed.
function renew(now, next) {
  const known = new Map([...now.children].filter((c) => c.dataset.key).map((c) => [c.dataset.key, c]));
  for (const fresh of [...next.children]) {
    const old = known.get(fresh.dataset.key);
    if (!old) continue;
    if (fresh.dataset.version && fresh.dataset.version === old.dataset.version) {
      const age = fresh.querySelector("[data-age]");
      const shown = old.querySelector("[data-age]");
      if (age && shown) shown.replaceWith(age);
      fresh.replaceWith(old);
    } else if (inUse(old)) {
      keep(old, fresh);
    }
  }
  now.replaceChildren(...next.childNodes);
}

const inUse = (card) => card.querySelector("details[open]") || card.contains(document.activeElement);

function keep(old, fresh) {
  for (const open of old.querySelectorAll("details[open][data-key]")) {
    const same = fresh.querySelector(`details[data-key="${CSS.escape(open.dataset.key)}"]`);
    if (!same) continue;
    same.open = true;
    for (const field of open.querySelectorAll("input:not([type=hidden]), select, textarea")) {
      const other = same.querySelector(`#${CSS.escape(field.id)}, [name="${field.name}"][value="${CSS.escape(field.value)}"]`);
      if (!other) continue;
      if (field.type === "radio") other.checked = field.checked;
      else other.value = field.value;
    }
  }
}

function show(text) {
  const box = document.createElement("div");
  box.innerHTML = text;
  const focus = document.activeElement && document.activeElement.id;
  for (const place of [["[data-key=alarms]"], ["[data-key=faults]"]]) {
    const now = part.querySelector(place[0]);
    const next = box.querySelector(place[0]);
    if (now && next) {
      renew(now, next);
      now.className = next.className;
      next.replaceWith(now);
    }
  }
  for (const card of part.querySelectorAll("[data-key]")) {
    const next = box.querySelector(`[data-key="${CSS.escape(card.dataset.key)}"]`);
    if (next && next !== card && !next.querySelector("[data-version]") && inUse(card)) {
      if (["away", "devices"].includes(card.dataset.key)) next.replaceWith(card);
    }
  }
  part.replaceChildren(...box.childNodes);
  if (focus && document.activeElement.id !== focus) document.getElementById(focus)?.focus();
  const real = part.querySelectorAll(".alarm:not(.is-test)").length;
  document.title = (real ? `(${real}) ` : "") + document.title.replace(/^\(\d+\) /, "");
}

document.addEventListener("visibilitychange", () => {
  heard = Date.now();
});
const anew = listen(fetching(show, tell), { hello: () => {}, told: tell, later: 10000 });
addEventListener("offline", () => tell(false));

// A network that is gone closes no connection: the mark has a clock of its own. What hangs is begun anew.
setInterval(() => {
  if (document.hidden || Date.now() - heard < QUIET) return;
  heard = Date.now(); // the next look in as long again
  tell(false);
  anew();
}, 1000);
