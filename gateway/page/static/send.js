// A form that is sent while the box cannot be reached stays on the page with what was typed, and is sent when that is asked for again.
// Without script the browser says so in its own words.

const WAIT = 4000; // ms in which a box that can be reached has answered
const LATELY = 15000; // ms for which an answer stands: a form that is sent soon is not kept waiting for another
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
  try {
    await fetch("/static/icon.svg", { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(WAIT) });
    met = Date.now(); // whatever it says
    return true;
  } catch {
    return false;
  }
}

let looking = false;
let go = null; // sends what was not sent

async function send(form, by) {
  if (looking) return;
  looking = true;
  const there = await reached();
  looking = false;
  if (there) {
    say.remove();
    form.dataset.reached = "1";
    form.requestSubmit(by);
    delete form.dataset.reached;
    return;
  }
  go = () => send(form, by);
  document.body.append(say);
  button.focus();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.dataset.reached || event.defaultPrevented) return;
  if (navigator.onLine && Date.now() - met < LATELY) return;
  event.preventDefault();
  send(form, event.submitter);
});
button.addEventListener("click", () => go?.());
