// A phrase is recorded here, or taken from a file: what the phone hears becomes a WAV of 16 kHz in one channel, which can be listened to before
// it is sent. It goes with its form, and nothing of it is kept on the phone.

const RATE = 16000; // samples a second
const FILE = 30 * 1024 * 1024; // bytes of a file that is opened
const AFTER = 2; // seconds behind the longest phrase after which the microphone is closed
const form = document.getElementById("record-form");
const words = form.dataset;
const chosen = document.getElementById("record-file");
const heard = document.getElementById("record-new");
const say = document.getElementById("record-say");
const begin = document.getElementById("record-begin");
const end = document.getElementById("record-end");
const long = document.getElementById("record-long");
let recorder = null;

// Returns what a sound file holds, in one channel.
async function samples(blob) {
  if (blob.size > FILE) throw new Error("large");
  const bytes = await new Response(blob).arrayBuffer();
  const found = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes);
  const long = Math.ceil(found.duration * RATE);
  if (!long || long * 2 + 44 > Number(words.large)) throw new Error("long");
  const one = new OfflineAudioContext(1, long, RATE);
  const source = one.createBufferSource();
  source.buffer = found;
  source.connect(one.destination);
  source.start();
  return (await one.startRendering()).getChannelData(0);
}

function wav(values) {
  const bytes = new DataView(new ArrayBuffer(44 + 2 * values.length));
  const text = (at, name) => [...name].forEach((letter, n) => bytes.setUint8(at + n, letter.charCodeAt(0)));
  text(0, "RIFF");
  bytes.setUint32(4, 36 + 2 * values.length, true);
  text(8, "WAVEfmt ");
  bytes.setUint32(16, 16, true);
  bytes.setUint16(20, 1, true);
  bytes.setUint16(22, 1, true);
  bytes.setUint32(24, RATE, true);
  bytes.setUint32(28, 2 * RATE, true);
  bytes.setUint16(32, 2, true);
  bytes.setUint16(34, 16, true);
  text(36, "data");
  bytes.setUint32(40, 2 * values.length, true);
  values.forEach((value, n) => bytes.setInt16(44 + 2 * n, Math.max(-1, Math.min(1, value)) * 32767, true));
  return new File([bytes], "phrase.wav", { type: "audio/wav" });
}

// Puts a sound into the form, to be listened to; what the browser cannot read is left for the box to judge.
async function taken(blob) {
  if (heard.src) URL.revokeObjectURL(heard.src);
  heard.hidden = true;
  try {
    const file = wav(await samples(blob));
    const held = new DataTransfer();
    held.items.add(file);
    chosen.files = held.files;
    heard.src = URL.createObjectURL(file);
    heard.hidden = false;
    say.textContent = words.ready;
  } catch (error) {
    if (error.message === "long" || error.message === "large") chosen.value = "";
    say.textContent = error.message === "long" || error.message === "large" ? words.long : words.cannot;
  }
}

async function listen() {
  let stream = null;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, autoGainControl: true, noiseSuppression: true } });
  } catch {
    say.textContent = words.denied;
    return;
  }
  const pieces = [];
  recorder = new MediaRecorder(stream);
  recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
  recorder.addEventListener("stop", () => {
    for (const track of stream.getTracks()) track.stop();
    [begin.hidden, end.hidden] = [false, true];
    begin.focus();
    taken(new Blob(pieces, { type: recorder.mimeType }));
  });
  const began = performance.now();
  const clock = setInterval(() => (long.value = (performance.now() - began) / 1000), 200);
  recorder.addEventListener("stop", () => clearInterval(clock));
  long.hidden = false;
  recorder.start();
  [begin.hidden, end.hidden] = [true, false];
  end.focus();
  say.textContent = words.runs;
  setTimeout(finish, 1000 * (Number(words.most) + AFTER), recorder);
}

function finish(which) {
  if (which.state === "recording") which.stop();
}

if (navigator.mediaDevices && navigator.mediaDevices.getUserMedia && "MediaRecorder" in window) {
  document.getElementById("record-here").hidden = false;
  begin.addEventListener("click", listen);
  end.addEventListener("click", () => finish(recorder));
}
chosen.addEventListener("change", () => chosen.files[0] && taken(chosen.files[0]));
