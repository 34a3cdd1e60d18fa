// Looks again while somebody sees the page. No stream: when something is told would say more than what the page shows.
// Where the box does not say how things are, what it said before is not shown: "all is well" may be over.

import { fetching, part } from "./part.js";

const EVERY = 20000; // ms
const OLD = 60000; // ms after which what was said, by a page that nobody saw meanwhile, waits for a new look
const stale = document.getElementById("stale");
let said = Date.now();
const look = fetching(
  (text) => {
    const old = part.querySelector("strong").textContent;
    const box = document.createElement("div");
    box.innerHTML = text;
    const same = box.querySelector("strong").textContent === old;
    part.setAttribute("aria-live", same ? "off" : "polite"); // the minute alone is not read out
    while (part.firstChild) part.firstChild.remove();
    part.append(...box.childNodes);
  },
  (came) => {
    if (came) said = Date.now();
    stale.hidden = came;
    part.hidden = !came;
  },
);

function seen() {
  if (document.hidden) return;
  if (Math.abs(Date.now() - said) > OLD) part.hidden = true;
  look();
}
setInterval(seen, EVERY);
document.addEventListener("visibilitychange", seen);
