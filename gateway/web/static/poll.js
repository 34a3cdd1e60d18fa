// Fetches a part of the page anew every second or so. Without it the page is the same after loading it again.

const part = document.getElementById("part");
const said = document.getElementById("said");

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(part.dataset.part, { credentials: "same-origin", headers: { accept: "text/html" } });
      if (answer.redirected || answer.status === 401) {
        location.reload();
        return;
      }
      if (answer.ok) renew(await answer.text());
    } catch {
      // the next look may get through
    }
  }
  setTimeout(look, Number(part.dataset.every));
}

function renew(text) {
  const box = document.createElement("div");
  box.innerHTML = text;
  for (const only of box.querySelectorAll("noscript")) only.remove();
  const focus = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.replaceChildren(...box.childNodes);
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  const word = document.getElementById("poll").dataset.say;
  if (word && said.textContent !== word) said.textContent = word; // told once to a screen reader
}

setTimeout(look, Number(part.dataset.every));
