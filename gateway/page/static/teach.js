// The form of a device: "teach" takes the next signal that is heard; a key is counted while it is typed, and may come from a file.
// Without script signals are chosen from the list, and the key is pasted.

import { got, pause } from "./part.js";

const teach = document.getElementById("teach");
let waits = null; // the button that waits for a signal
let since = 0;
let missed = 0;

async function look() {
  let ms = 500;
  try {
    heard(await (await got(teach.dataset.from)).json());
    missed = 0;
  } catch (error) {
    ms = pause(missed, error);
    missed += 1;
  }
  if (waits) setTimeout(look, ms);
}

function heard(found) {
  for (const select of teach.querySelectorAll("select")) {
    for (const one of found.signals) {
      let option = [...select.options].find((o) => o.value === one.signal);
      if (!option) {
        option = new Option(one.label, one.signal);
        select.append(option);
      } else if (option.textContent !== one.label) option.textContent = one.label;
    }
  }
  if (!waits) return;
  const fresh = found.signals.find((one) => one.acted_s !== null && one.acted_s * 1000 < Date.now() - since);
  if (fresh) take(fresh.signal);
  else if (!found.open) done(teach.dataset.closed);
}

function take(signal) {
  const select = document.getElementById(waits.dataset.learn);
  select.value = signal;
  select.closest(".function").classList.add("known");
  done(`${select.labels[0].textContent}: ${signal}`);
}

function done(word) {
  waits.textContent = document.getElementById(waits.dataset.learn).value ? teach.dataset.again : teach.dataset.learn;
  waits.closest(".function").classList.remove("waits");
  waits = null;
  document.getElementById("taught").textContent = word;
}

for (const button of teach ? teach.querySelectorAll("button[data-learn]") : []) {
  button.hidden = false;
  button.addEventListener("click", () => {
    if (waits) done("");
    waits = button;
    since = Date.now();
    button.textContent = teach.dataset.waits;
    button.closest(".function").classList.add("waits");
    document.getElementById("taught").textContent = teach.dataset.waits;
    look();
  });
}
for (const select of teach ? teach.querySelectorAll("select") : [])
  select.addEventListener("change", () => select.closest(".function").classList.toggle("known", Boolean(select.value)));

// -- a key

const key = document.querySelector("textarea[data-digits]");

function counted() {
  const say = document.getElementById("d-secret-say");
  const digits = Number(key.dataset.digits);
  const plain = key.value.replace(/[\s:-]/g, "");
  const runs = new Set((key.value.match(new RegExp(`(?<![0-9A-Za-z])[0-9a-fA-F]{${digits}}(?![0-9A-Za-z])`, "g")) || []).map((r) => r.toLowerCase()));
  const good = (/^[0-9a-f]+$/i.test(plain) && plain.length === digits) || runs.size === 1;
  say.textContent = good ? key.dataset.good : key.dataset.short.replace("{found}", plain.length).replace("{count}", digits);
  say.classList.toggle("good", good);
}
if (key) {
  key.addEventListener("input", counted);
  const chosen = document.querySelector("input[type=file][data-into]");
  chosen.closest("[hidden]").hidden = false;
  chosen.addEventListener("change", async () => {
    const file = chosen.files[0];
    if (!file) return;
    if (file.size > 4000) {
      document.getElementById("d-secret-say").textContent = chosen.dataset.large;
      return;
    }
    key.value = await new Response(file).text();
    counted();
  });
}
