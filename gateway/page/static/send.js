// A form is sent once, however often its button is tapped. One that is sent while the box cannot be reached stays on the page with what
// was typed, and is sent when that is asked for again. Without script the browser says so in its own words.

const WAIT = 4000; // ms in which a box that can be reached has answered
const LATELY = 15000; // ms for which an answer stands: a form that is sent soon is not kept waiting for another
const SENT = 8000; // ms after which a form whose answer did not come may be sent again
let met = Date.now(); // this page has come from the box
const say = document.createElement("div");
const button = document.createElement("button");
say.className = "answer bad";
say.id = "unsent";
say.setAttribute("role", "alert");
say.append(Object.assign(document.createElement("p"), { textContent: document.body.dataset.unsent }), button);
button.type = "button";
button.textContent = document.body.dataset.again;

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

let looking = false;
let go = () => {}; // sends what was not sent

async function send(form, by) {
  if (looking) return;
  looking = true;
  const there = await reached();
  looking = false;
  if (there) {
    say.remove();
    by.click();
    return;
  }
  go = () => send(form, by);
  document.body.append(say);
  button.focus();
}

// The button that a form is sent with; a browser that does not tell has it in the focus, else Enter was the first one.
function sender(event) {
  const all = event.target.querySelectorAll("button:not([type=button])");
  return event.submitter || [...all].find((one) => one === document.activeElement) || all[0];
}

const sent = new Set();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (sent.has(form)) {
    event.preventDefault();
    return;
  }
  if (navigator.onLine && Date.now() - met < LATELY) {
    sent.add(form);
    form.setAttribute("aria-busy", "true");
    setTimeout(() => free(form), SENT);
    return;
  }
  event.preventDefault();
  send(form, sender(event));
});

function free(form) {
  sent.delete(form);
  form.removeAttribute("aria-busy");
}

// A page that is come back to may be sent again.
addEventListener("pageshow", () => [...sent].forEach(free));
button.addEventListener("click", () => go());
