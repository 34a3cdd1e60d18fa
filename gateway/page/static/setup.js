// Set-up pages: a part that is running is fetched again each second; a chosen file is put into its field. Without script the page
// loads itself again, and a certificate is pasted.

import { focused, got, part, pause } from "./part.js";
import { untouched } from "./untouched.js";

let shown = part ? part.innerHTML : "";
let missed = 0;

async function look() {
  const wait = (ms) => setTimeout(look, ms);
  if (document.hidden) return wait(1000);
  let ms = 1000;
  try {
    const text = await (await got(part.dataset.part)).text();
    await untouched();
    missed = 0;
    if (text !== shown) {
      const focus = document.activeElement && document.activeElement.id;
      shown = text;
      part.innerHTML = text;
      focused(focus);
    }
  } catch (error) {
    ms = pause(missed, error); // the box is away for a moment: ask again
    missed += 1;
  }
  if (part.querySelector("[data-running]")) wait(ms);
}
if (part && part.querySelector("[data-running]")) setTimeout(look, 700);

for (const chosen of document.querySelectorAll("input[type=file][data-into]")) {
  const into = document.getElementById(chosen.dataset.into);
  const say = document.getElementById(`${chosen.dataset.into}-say`);
  chosen.closest("[hidden]").hidden = false;
  chosen.addEventListener("change", async () => {
    const file = chosen.files[0];
    if (!file) return;
    if (file.size > Number(chosen.dataset.most)) {
      say.textContent = chosen.dataset.large;
      return;
    }
    into.value = await new Response(file).text();
    say.textContent = file.name;
  });
}

// A file that is too large is refused before it is sent.
for (const chosen of document.querySelectorAll("input[type=file][data-most]:not([data-into])")) {
  const say = document.getElementById(`${chosen.id}-say`);
  const before = say.textContent;
  chosen.addEventListener("change", () => {
    const large = Array.from(chosen.files).some((file) => file.size > Number(chosen.dataset.most) - 4096); // room for the other fields
    chosen.setCustomValidity(large ? chosen.dataset.large : "");
    say.textContent = large ? chosen.dataset.large : before;
    chosen.closest(".field").classList.toggle("is-wrong", large);
  });
}
