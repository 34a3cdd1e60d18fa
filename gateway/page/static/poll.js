// Keeps a part of a set-up page up to date. Without script the page loads itself.

import { fetching, fill, focused, got, listen, part, pause } from "./part.js";
import { untouched } from "./untouched.js";

const said = document.getElementById("said");
let end = 0;

function renew(text) {
  const box = document.createElement("div");
  box.innerHTML = text;
  for (const only of box.querySelectorAll("noscript")) only.remove();
  const focus = part.contains(document.activeElement) ? document.activeElement.id : "";
  const ran = part.querySelector("[data-running]");
  const searched = part.querySelector(".countdown");
  for (const open of part.querySelectorAll("details[open][data-keep]")) {
    const same = box.querySelector(`details[data-keep="${open.dataset.keep}"]`);
    if (same) same.open = true;
  }
  fill(part, box);
  focused(focus);
  if (Boolean(ran) !== Boolean(part.querySelector("[data-running]"))) filled();
  counted();
  goOn(searched);
  const word = document.getElementById("poll").dataset.say;
  if (word && said.textContent !== word) said.textContent = word; // told once to a screen reader
}

// A search that ran out while one was in another app, a maker's for instance, goes on when one is back.
let away = document.hidden;
document.addEventListener("visibilitychange", () => (away = away || document.hidden));
function goOn(searched) {
  const begin = document.getElementById("begin");
  if (searched && away && begin) begin.click();
  if (!document.hidden) away = false;
}

// What was read stands in the form too, where nobody has typed anything: the form is that of the page as it is now.
async function filled(missed = 0) {
  const form = document.getElementById("settings");
  if (!form || form.dataset.touched) return;
  let text = "";
  try {
    text = await (await got(location.pathname + location.search)).text();
  } catch (error) {
    setTimeout(filled, pause(missed, error), missed + 1);
    return;
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  const fresh = page.getElementById("settings");
  await untouched();
  if (fresh && !form.dataset.touched) fill(form, fresh);
}
const settings = document.getElementById("settings");
if (settings) settings.addEventListener("input", () => (settings.dataset.touched = "1"));

function counted() {
  const count = part.querySelector("[data-count]");
  end = count ? Date.now() + Number(count.dataset.count) * 1000 : 0;
}

setInterval(() => {
  const count = part.querySelector("[data-count]");
  if (!count || !end) return;
  const left = Math.max(0, Math.round((end - Date.now()) / 1000));
  count.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}, 500);

counted();
listen(fetching(renew));
