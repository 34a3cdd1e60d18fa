// Alarms on this phone: asks the browser when the button is tapped, and gives the gateway the address that it was given.

const card = document.getElementById("duty");
const form = document.getElementById("duty-set");
const why = document.getElementById("duty-why");
const WAIT = 20000; // ms in which a browser's push service has answered

function refused(word) {
  form.querySelector("button").removeAttribute("aria-busy");
  why.textContent = card.dataset[word];
  why.hidden = false;
  why.tabIndex = -1;
  why.focus();
}

function able() {
  return "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
}

function bytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

async function subscribed() {
  const worker = await navigator.serviceWorker.getRegistration("/");
  if (!worker || !worker.active) throw new Error("untrusted");
  const before = await worker.pushManager.getSubscription();
  if (before) await before.unsubscribe(); // it may be for another key
  const late = new Promise((_, no) => setTimeout(() => no(new Error("unreached")), WAIT));
  const asked = worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(card.dataset.key) });
  return Promise.race([asked, late]);
}

async function set(button) {
  const may = await Notification.requestPermission();
  if (may !== "granted") {
    refused("denied");
    return;
  }
  try {
    const { endpoint, keys } = (await subscribed()).toJSON();
    for (const [name, value] of [["endpoint", endpoint], ["p256dh", keys.p256dh], ["auth", keys.auth]]) {
      form.querySelector(`[name=${name}]`).value = value;
    }
    button.click();
  } catch (error) {
    const named = { NotAllowedError: "denied", AbortError: "unreached" }[error.name];
    refused(["untrusted", "unreached"].includes(error.message) ? error.message : named || "failed");
  }
}

if (form && able()) {
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    if (form.querySelector("[name=endpoint]").value) return;
    event.preventDefault();
    const button = form.querySelector("button");
    if (button.getAttribute("aria-busy")) return;
    button.setAttribute("aria-busy", "true");
    why.hidden = true;
    set(button);
  });
} else if (form) {
  why.textContent = card.dataset[window.isSecureContext ? "unable" : "untrusted"];
  why.className = "quiet";
  why.removeAttribute("role");
  why.hidden = false;
}
