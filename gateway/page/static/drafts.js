// What is set in a form stays on this phone until the box has it: behind the end of a session, a lost line, a detour into another app it
// is offered again, to whom set it, on the page of the same box. Kept is only what is ticked or chosen from a list, and a field that says
// `data-kept`: a figure, a time, an identifier. Nothing else that is typed: names, notes, numbers and addresses of people, secrets; and of
// an alarm nothing. Whoever signs out takes all of it off the phone, and so does the next look at a page of the box a day later.
// Without script the browser keeps what it keeps.

const KEPT = 24 * 3600 * 1000; // ms
const LONGEST = 2000; // characters of one field
const LARGEST = 16000; // characters of one draft
const MOST = 12; // drafts on this phone; the oldest are forgotten first
const SHAPE = 2; // of a draft: what was kept by an earlier version, with names in it, is forgotten
const OURS = "draft:";
const SECRET = ["hidden", "password", "tel", "file", "submit", "button", "textarea"]; // into a textarea go keys and certificates
const words = document.body.dataset;
const mine = words.drafts ? `${OURS}${words.drafts}:` : ""; // box and person; "" where nobody is signed in
const shown = new Map(); // key -> what offers it

const chosen = (field) => field.type === "checkbox" || field.type === "radio";
const sure = (field) => ["sure", "although"].includes(field.name); // whoever means it ticks it anew
const marked = (field) => "secret" in field.dataset || field.readOnly || /password/.test(field.autocomplete);
const secret = (field) => SECRET.includes(field.type) || marked(field) || sure(field);
const harmless = (field) => chosen(field) || field.tagName === "SELECT" || "kept" in field.dataset;
const fields = (form) => [...form.elements].filter((field) => field.name && harmless(field) && !secret(field));
const plain = (text) => text.slice(0, LONGEST).replace(/\/\/[^/]*@/, "//"); // an address may be pasted with its password
const hidden = (form, name) => form.querySelector(`input[type=hidden][name="${name}"]`);
const said = (form, name) => (hidden(form, name) || { value: "" }).value;

// What a form holds; what it held as it was drawn.
function typed(form) {
  const set = fields(form).filter((field) => !chosen(field) || field.checked);
  return set.map((field) => [field.name, plain(field.value)]);
}

function drawn(form) {
  const first = (select) => [...select.options].find((one) => one.defaultSelected) || select.options[0] || { value: "" };
  const set = fields(form).filter((field) => !chosen(field) || field.defaultChecked);
  return set.map((field) => [field.name, plain(field.tagName === "SELECT" ? first(field).value : chosen(field) ? field.value : field.defaultValue)]);
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function keyOf(form) {
  if (!mine || !form || form.method !== "post" || !fields(form).length) return "";
  if (new URL(form.action).pathname.startsWith("/do/")) return ""; // what is done about an alarm, a device, an absence
  const about = ["device", "replace", "model", "address", "signal", "port"].map((name) => said(form, name));
  return [mine + new URL(form.action).pathname, ...about].join(" ").trim();
}

// Where the page is that a form stands on: without what only says how one came to it.
function here() {
  const query = new URLSearchParams(location.search);
  for (const name of ["lang", "theme", "said", "saved", "kept", "done", "told", "did", "try", "heard", "undo", "q"]) query.delete(name);
  return location.pathname + (String(query) ? `?${query}` : "");
}

// -- on the phone

function read(key) {
  try {
    const draft = JSON.parse(localStorage.getItem(key));
    return draft && draft.shape === SHAPE && Array.isArray(draft.fields) && Array.isArray(draft.before) && Math.abs(Date.now() - draft.since) < KEPT ? draft : null;
  } catch {
    return null; // not ours
  }
}

function forget(key) {
  try {
    localStorage.removeItem(key);
  } catch {
    // a phone that keeps nothing
  }
  const offer = shown.get(key);
  if (offer) offer.remove();
  shown.delete(key);
}

function all(of) {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(of));
  } catch {
    return [];
  }
}

function write(key, draft) {
  const text = JSON.stringify(draft);
  if (text.length > LARGEST) return;
  const since = (one) => (read(one) || { since: 0 }).since;
  const others = all(OURS).filter((one) => one !== key);
  for (const old of others.sort((a, b) => since(a) - since(b)).slice(0, Math.max(0, others.length - MOST + 1))) forget(old);
  try {
    localStorage.setItem(key, text);
  } catch {
    // full, or a phone that keeps nothing
  }
}

function keep(form) {
  const key = keyOf(form);
  if (!key) return;
  if (same(typed(form), drawn(form))) {
    forget(key);
    return;
  }
  write(key, {
    shape: SHAPE,
    since: Date.now(),
    page: here(),
    title: document.title.replace(/^\(\d+\) /, "").split(" · ")[0],
    fields: typed(form),
    before: drawn(form),
    once: said(form, "once"),
    rests: ["revision", "seen"].map((name) => [name, said(form, name)]),
  });
}

// -- offered again

// Puts it back. Where somebody has changed the same form meanwhile, it rests on what was there then: the box says so, and shows both.
// Returns what has no place in the form as it is now.
function put(form, draft) {
  const named = new Map();
  for (const [name, value] of draft.fields) named.set(name, [...(named.get(name) || []), value]);
  const missing = new Map(named);
  if (!same(drawn(form), draft.before)) for (const [name, value] of draft.rests) if (hidden(form, name) && value) hidden(form, name).value = value;
  for (const field of fields(form)) {
    const values = named.get(field.name) || [];
    missing.delete(field.name);
    if (chosen(field)) field.checked = values.includes(field.value);
    else if (values.length) field.value = values[0];
    const inside = field.closest("details");
    if (inside && values.length && !chosen(field) && field.value !== field.defaultValue) inside.open = true;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
  const around = form.closest("details");
  if (around) around.open = true;
  return [...missing.values()].map((values) => values.join(" ")).filter((text) => text.trim());
}

function made(tag, more) {
  return Object.assign(document.createElement(tag), more);
}

function pressed(text, does, main) {
  const button = made("button", { type: "button", textContent: text, className: main ? "put" : "" });
  button.addEventListener("click", does);
  return button;
}

function offer(key, text, first, place) {
  const box = made("div", { className: "notice wait draft" });
  const acts = made("p", { className: "acts" });
  box.setAttribute("role", "status");
  acts.append(first, pressed(words.draftForget, () => forget(key)));
  box.append(made("p", { textContent: text }), acts);
  place(box);
  shown.set(key, box);
}

function backInto(key, form) {
  const draft = read(key);
  const there = [...document.forms].find((one) => keyOf(one) === key);
  if (!draft || !there) return;
  const missing = put(there, draft);
  const box = shown.get(key);
  shown.delete(key);
  box.querySelector(".acts").remove();
  if (missing.length) box.firstChild.textContent = words.draftMissing.replace("{what}", missing.join(" · "));
  else box.remove();
  const first = fields(there).find((field) => !chosen(field) && field.value !== field.defaultValue) || fields(there)[0];
  if (first) first.focus();
}

function clock(when) {
  const two = (number) => String(number).padStart(2, "0");
  const day = when.toDateString() === new Date().toDateString() ? "" : `${two(when.getMonth() + 1)}-${two(when.getDate())} `;
  return `${day}${two(when.getHours())}:${two(when.getMinutes())}`;
}

function drafts() {
  const now = /(?:^|; )saved=([0-9a-f]{24})/.exec(document.cookie); // the form that the box has
  const forms = new Map([...document.forms].map((form) => [keyOf(form), form]));
  for (const key of all(OURS)) {
    const draft = read(key);
    if (!draft || (now && draft.once === now[1])) {
      forget(key);
      continue;
    }
    if (!mine || !key.startsWith(mine) || shown.has(key)) continue;
    const time = clock(new Date(draft.since));
    const form = forms.get(key);
    const part = document.getElementById("part");
    if (form) {
      if (same(typed(form), draft.fields)) continue;
      // Where it is seen: not in what is folded, nor in what renews itself.
      const card = part && part.contains(form) ? part : form.closest(".acts") || form.closest("details") || form;
      offer(key, words.draftHere.replace("{time}", time), pressed(words.draftPut, () => backInto(key), true), (box) => card.before(box));
    } else if (["/", "/setup"].includes(location.pathname) && draft.page !== here()) {
      const go = made("a", { className: "button", href: draft.page, textContent: words.draftGo });
      const text = words.draftThere.replace("{page}", draft.title).replace("{time}", time);
      // An open alarm comes first.
      const place = document.querySelector(".alarm:not(.is-test)") ? (box) => part.after(box) : (box) => document.querySelector("main").prepend(box);
      offer(key, text, go, place);
    }
  }
}

for (const name of ["input", "change"])
  document.addEventListener(name, (event) => {
    if (event.isTrusted && event.target.form) keep(event.target.form);
  });
// What was typed and is sent: by its number the box says later that it has it. Whoever signs out leaves nothing.
document.addEventListener("submit", (event) => {
  if (new URL(event.target.action).pathname === "/sign-out") all(OURS).forEach(forget);
  const key = keyOf(event.target);
  const draft = key && read(key);
  if (draft) write(key, Object.assign(draft, { once: said(event.target, "once") }));
});
addEventListener("pageshow", drafts); // by then the browser has put back what it keeps itself
