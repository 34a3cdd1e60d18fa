// Looks again while somebody sees the page. No stream: when something is told would say more than what the page shows.

import { fetching, part } from "./part.js";

const EVERY = 20000; // ms
const stale = document.getElementById("stale");
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
  (reached) => (stale.hidden = reached),
);
setInterval(() => document.hidden || look(), EVERY);
document.addEventListener("visibilitychange", () => document.hidden || look());
