// A form is sent once, however often its button is tapped, and the button says that it works. One that is sent while the box cannot be
// reached, or whose answer does not come, stays on the page with what was typed, and is sent when that is asked for again: the box carries
// it out once. Without script the browser says so in its own words.

const WAIT = 4000; // ms in which a box that can be reached has answered
const LATELY = 15000; // ms for which an answer stands: a form that is sent soon is not kept waiting for another
const LATE = 12000; // ms after which a form whose answer did not come may be sent again
const words = document.body.dataset;
let met = Date.now(); // this page has come from the box
const say = document.createElement("div");
const told = document.createElement("p");
const button = document.createElement("button");
const works = document.createElement("p"); // for a screen reader
say.className = "answer bad";
say.id = "unsent";
say.setAttribute("role", "alert");
say.append(told, button);
button.type = "button";
button.textContent = words.again;
works.className = "unseen";
works.setAttribute("role", "status");
document.body.append(works);

async function reached() {
  if (!navigator.onLine) return false;
  const ends = new AbortController();
  const late = setTimeout(() => ends.abort(), WAIT);
  try {
    await fetch("/static/icon.svg", { method: "HEAD", cache: "no-store", signal: ends.signal });
    met = Date.now(); // whatever it says
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(late);
  }
}

const sent = new Map(); // form -> what ends its wait
let go = () => {}; // sends what was not sent

function busy(form, by) {
  for (const one of [form, by, button]) if (one) one.setAttribute("aria-busy", "true");
  works.textContent = words.works;
}

function free(form) {
  clearTimeout(sent.get(form));
  sent.delete(form);
  for (const one of [form, ...form.querySelectorAll("[aria-busy]"), button]) one.removeAttribute("aria-busy");
  works.textContent = "";
}

function tell(text, form, by) {
  free(form);
  told.textContent = text;
  go = () => send(form, by);
  document.body.append(say);
  button.focus();
}

async function send(form, by) {
  if (sent.has(form)) return;
  sent.set(form, 0);
  busy(form, by);
  const there = await reached();
  if (!form.isConnected) return; // the page has renewed itself meanwhile
  if (!there) {
    tell(words.unsent, form, by);
    return;
  }
  free(form);
  by.click();
}

// The button that a form is sent with; a browser that does not tell has it in the focus, else Enter was the first one.
function sender(event) {
  const all = event.target.querySelectorAll("button:not([type=button])");
  return event.submitter || [...all].find((one) => one === document.activeElement) || all[0];
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented) return;
  if (sent.has(form)) {
    event.preventDefault();
    return;
  }
  const by = sender(event);
  if (form.method !== "post" || (navigator.onLine && Date.now() - met < LATELY)) {
    say.remove();
    busy(form, by);
    sent.set(form, setTimeout(() => (form.method === "post" ? tell(words.late, form, by) : free(form)), LATE));
    return;
  }
  event.preventDefault();
  send(form, by);
});

// A page that is come back to may be sent again. What came of a form has the focus, at the thumb or where something is wrong.
addEventListener("pageshow", () => {
  [...sent.keys()].forEach(free);
  const came = document.querySelector("[autofocus]") || document.querySelector(".answer.good");
  if (!came || document.activeElement !== document.body) return;
  if (!came.matches("input, select, textarea")) came.tabIndex = -1;
  came.focus({ preventScroll: came.matches(".answer") });
});
button.addEventListener("click", () => go());
