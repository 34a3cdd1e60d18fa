// "Scan" beside a field: the camera reads a QR code into it; where there is no camera, a photograph or a file does. Nothing is sent and nothing
// of the picture is kept: what was read stands in the field, to be looked at.

import { MEANT } from "./codes.js";

const WIDTH = 640; // pixels that are looked at
const SHARP = 1280; // ... of a photograph
const EVERY = 200; // ms between two looks
const LONG = 60000; // ms after which the camera is given up
const MOST = 20000; // characters of a file

const scanner = document.getElementById("scanner");
const video = scanner.querySelector("video");
const say = scanner.querySelector("[role=status]");
const stop = scanner.querySelector(".acts button");
const doubt = document.getElementById("scan-doubt");
const words = scanner.dataset;
const canvas = document.createElement("canvas");
let asked = null; // the button that was touched
let although = () => {}; // fills in what a person was asked about
let stream = null;
let reader = null;

// A browser's own reader is the quicker one; ours is fetched where there is none.
function reading() {
  const own = "BarcodeDetector" in window ? window.BarcodeDetector.getSupportedFormats().catch(() => []) : Promise.resolve([]);
  return own.then((formats) => {
    if (formats.includes("qr_code")) {
      const detector = new window.BarcodeDetector({ formats: ["qr_code"] });
      return async (source) => {
        const found = detector.detect ? await detector.detect(source) : [];
        return found.length ? found[0].rawValue : null;
      };
    }
    return new Promise((ok, no) => {
      window.addEventListener("qr", () => ok(ours), { once: true });
      const script = Object.assign(document.createElement("script"), { type: "module", src: words.reader, onerror: no });
      document.head.append(script);
    });
  });
}

async function ours(source, most = WIDTH) {
  const [w, h] = [source.videoWidth || source.width, source.videoHeight || source.height];
  if (!w || !h) return null;
  const by = Math.min(1, most / Math.max(w, h));
  canvas.width = Math.round(w * by);
  canvas.height = Math.round(h * by);
  const on = canvas.getContext("2d");
  on.drawImage(source, 0, 0, canvas.width, canvas.height);
  return window.readQr(on.getImageData(0, 0, canvas.width, canvas.height));
}

// What a person has to be asked before anything is filled in.
function doubts({ open, home }) {
  const own = words.household;
  const other = home && own && home !== own ? words.elsewhere.replace("{there}", home.slice(0, 40)).replace("{here}", own) : "";
  return [other, open ? words.plain : ""].filter(Boolean);
}

function taken(text) {
  const meant = MEANT[asked.dataset.scan](text);
  if (!meant || !meant.values) {
    say.textContent = meant ? words.which : words.other;
    return false;
  }
  const asks = doubts(meant);
  if (!asks.length) {
    filled(meant.values);
    return true;
  }
  dark();
  video.hidden = true;
  say.textContent = "";
  doubt.firstElementChild.textContent = asks.join(" ");
  doubt.hidden = false;
  although = () => filled(meant.values);
  stop.focus();
  return true;
}

function filled(values) {
  const button = asked;
  for (const [name, value] of Object.entries(values)) {
    const field = document.getElementById(name === "into" ? button.dataset.into : name) || button.form.elements[name];
    if (!field) continue;
    if (field.type === "checkbox") field.checked = value;
    else field.value = field.maxLength > 0 ? value.slice(0, field.maxLength) : value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    const shut = field.closest("details");
    if (shut) shut.open = true;
  }
  closed();
  button.nextElementSibling.textContent = words.done;
  document.getElementById(button.dataset.into).focus();
}

function dark() {
  if (stream) stream.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
}

function closed() {
  dark();
  scanner.hidden = true;
  if (asked) asked.focus();
  asked = null;
}

async function watch(mine) {
  const end = Date.now() + LONG;
  while (stream === mine && asked) {
    const found = video.readyState > 1 ? await reader(video).catch(() => null) : null;
    if (stream !== mine || !asked || (found && taken(found))) return;
    if (Date.now() > end) {
      mine.getTracks().forEach((track) => track.stop());
      say.textContent = words.none;
      return;
    }
    await new Promise((ok) => setTimeout(ok, EVERY));
  }
}

async function open(button) {
  asked = button;
  button.nextElementSibling.textContent = "";
  scanner.hidden = false;
  doubt.hidden = true;
  video.hidden = false;
  say.textContent = words.hold;
  stop.focus();
  try {
    reader = reader || (await reading());
  } catch {
    say.textContent = words.failed;
    return;
  }
  if (!navigator.mediaDevices) {
    say.textContent = words.photo;
    return;
  }
  try {
    const got = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: SHARP } } });
    if (asked !== button) {
      got.getTracks().forEach((track) => track.stop());
      return;
    }
    stream = got;
    video.srcObject = got;
    await video.play();
    watch(got);
  } catch (error) {
    if (asked === button) say.textContent = error.name === "NotAllowedError" ? words.denied : words.photo;
  }
}

scanner.querySelector("input").addEventListener("change", async (event) => {
  const file = event.target.files[0];
  event.target.value = "";
  if (!file || !asked) return;
  doubt.hidden = true;
  let text = null;
  try {
    if (/^image\//.test(file.type)) {
      const picture = await createImageBitmap(file);
      text = reader === ours ? (await ours(picture, SHARP)) || (await ours(picture, WIDTH)) : await reader(picture);
    } else if (file.size <= MOST) text = await new Response(file).text();
  } catch {
    text = null;
  }
  if (!asked) return;
  if (text === null) say.textContent = words.unread;
  else taken(text);
});

for (const button of document.querySelectorAll("button[data-scan]")) {
  button.hidden = false;
  button.addEventListener("click", () => open(button));
}
stop.addEventListener("click", closed);
doubt.querySelector("button").addEventListener("click", () => although());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && asked) closed();
});
// A camera that nobody looks through is off.
document.addEventListener("visibilitychange", () => {
  if (document.hidden && asked) closed();
});
