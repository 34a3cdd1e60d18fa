// Keeps a page up to date. Without it the page is the same, only not by itself.
// A part is fetched again when the server says that something has changed; what a person is typing into stays.

import { fetching, fill, focused, listen, part, QUIET } from "./part.js";

const live = document.getElementById("live");
let old = false; // the last look brought nothing: what is shown is not how things are, however alive the stream is
let heard = Date.now(); // a page without a word of the box for QUIET is not live, whatever the connection looks like

function tell(on) {
  if (on) heard = Date.now();
  live.hidden = false;
  live.textContent = on && !old ? live.dataset.on : live.dataset.off;
  live.classList.toggle("off", !on || old);
}

function looked(came) {
  old = !came;
  tell(came);
}

// Whether somebody has changed a field since the page was drawn.
function touched(field) {
  if (field.type === "radio" || field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.tagName !== "SELECT") return field.value !== field.defaultValue;
  return field.selectedIndex !== Math.max(0, [...field.options].findIndex((o) => o.defaultSelected));
}

function show(text) {
  const box = document.createElement("div");
  box.innerHTML = text;
  const focus = document.activeElement && document.activeElement.id;
  const same = (one, name) => box.querySelector(`${name}="${CSS.escape(one)}"]`);
  // A card that is the same stays the same element, so that a screen reader, the focus and an open form are not disturbed.
  for (const card of part.querySelectorAll("[data-key]")) {
    const next = same(card.dataset.key, "[data-key");
    if (!next || next === card) continue;
    if (card.open) next.open = true;
    if (!card.dataset.version || card.dataset.version !== next.dataset.version) continue;
    const age = next.querySelector("[data-age]");
    const shown = card.querySelector("[data-age]");
    if (age && shown) shown.replaceWith(age);
    next.replaceWith(card);
  }
  // What was typed or ticked stays, also where the card has news.
  for (const field of part.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    const next = touched(field) && same(field.id, "[id");
    if (!next) continue;
    if (field.type === "radio" || field.type === "checkbox") next.checked = field.checked;
    else next.value = field.value;
  }
  fill(part, box);
  focused(focus);
  const real = part.querySelectorAll(".alarm:not(.is-test)").length;
  document.title = (real ? `(${real}) ` : "") + document.title.replace(/^\(\d+\) /, "");
}

document.addEventListener("visibilitychange", () => {
  heard = Date.now();
});
const anew = listen(fetching(show, looked), { hello: () => {}, told: tell, later: 10000 });
addEventListener("offline", () => tell(false));

// A network that is gone closes no connection: the mark has a clock of its own. What hangs is begun anew.
setInterval(() => {
  if (document.hidden || Date.now() - heard < QUIET) return;
  heard = Date.now(); // the next look in as long again
  tell(false);
  anew();
}, 1000);
