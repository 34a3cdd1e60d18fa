// "Scan" beside a field: the camera reads a QR code into it; where there is no camera, a photograph or a file does. Nothing is sent and nothing
// of the picture is kept: what was read stands in the field, to be looked at.

const WIDTH = 640; // pixels that are looked at
const SHARP = 1280; // ... of a photograph
const EVERY = 200; // ms between two looks
const LONG = 60000; // ms after which the camera is given up
const MOST = 20000; // characters of a file

const scanner = document.getElementById("scanner");
const video = scanner.querySelector("video");
const say = scanner.querySelector("[role=status]");
const words = scanner.dataset;
const canvas = document.createElement("canvas");
let asked = null; // the button that was touched
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

const ADDRESS = /(?:^|[^0-9a-f])((?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|[0-9a-f]{12})(?![0-9a-f])/i;
const CODE = /(?:^|[^a-z0-9])([a-z0-9]{5}-[a-z0-9]{5})(?![a-z0-9])/i;

function json(text) {
  try {
    const found = JSON.parse(text);
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}

// What a text means for a field, as {id of a field: value}; null where it is another code.
const TAKEN = {
  address: (text) => {
    const found = ADDRESS.exec(text);
    return found && { [asked.dataset.into]: found[1].replace(/[:-]/g, "").match(/../g).join(":").toUpperCase() };
  },
  key: (text) => (/[0-9a-f]{16}/i.test(text) ? { [asked.dataset.into]: text.slice(0, 4000) } : null),
  code: (text) => {
    const found = CODE.exec(text);
    return found && { [asked.dataset.into]: found[1].toUpperCase() };
  },
  household: (text) => {
    const number = json(text).household;
    return typeof number === "string" ? { [asked.dataset.into]: number } : null;
  },
  platform: (text) => {
    const found = json(text);
    const parts = /^(mqtts?):\/\/([^/:@]+|\[[^\]]+\])(?::([0-9]{1,5}))?\/?$/.exec(typeof found.url === "string" ? found.url : text.trim());
    if (!parts) return null;
    const out = { "p-host": parts[2], "p-port": parts[3] || (parts[1] === "mqtts" ? "8883" : "1883"), tls: parts[1] === "mqtts" };
    for (const name of ["username", "password", "ca"]) if (typeof found[name] === "string") out[`p-${name}`] = found[name];
    return out;
  },
};

function taken(text) {
  const values = TAKEN[asked.dataset.scan](text);
  if (!values) {
    say.textContent = words.other;
    return false;
  }
  const button = asked;
  for (const [name, value] of Object.entries(values)) {
    const field = document.getElementById(name) || button.form.elements[name];
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
  return true;
}

function closed() {
  if (stream) stream.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
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
  say.textContent = words.hold;
  scanner.querySelector("button").focus();
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
scanner.querySelector("button").addEventListener("click", closed);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && asked) closed();
});
// A camera that nobody looks through is off.
document.addEventListener("visibilitychange", () => {
  if (document.hidden && asked) closed();
});
