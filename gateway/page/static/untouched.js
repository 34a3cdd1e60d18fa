// Waits until no finger is on the page. What is renewed under one loses the tap, or gives it to what has come in its place.

const AFTER = 400; // ms in which a finger that has left makes its click
const LONGEST = 10000; // ms after which a finger whose leaving was never told counts as gone

let held = false;
let timer = 0;
let waits = [];

function gone() {
  clearTimeout(timer);
  held = false;
  const all = waits;
  waits = [];
  for (const go of all) go();
}

function goneIn(ms) {
  clearTimeout(timer);
  timer = setTimeout(gone, ms);
}

function touched() {
  held = true;
  goneIn(LONGEST);
}

addEventListener("pointerdown", touched, true);
addEventListener("pointerup", () => goneIn(AFTER), true);
addEventListener("pointercancel", gone, true);
addEventListener("click", () => goneIn(0), true);

export const untouched = () => (held ? new Promise((go) => waits.push(go)) : Promise.resolve());
