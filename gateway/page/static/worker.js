// Runs beside the page in the browser; the box puts VERSION, KEPT (addresses) and NAMES before it. Nothing of the home is kept, no form is
// touched. On the phone of a technician on duty it shows what the box sends, also while no page is open.

const NAME = `page ${VERSION}`;
const LANGUAGE = "/language"; // the language of the page that was drawn last, kept under this name
const WAIT = 15000; // ms in which a box that can be reached has begun to answer

self.addEventListener("install", (event) => event.waitUntil(fetched()));
self.addEventListener("activate", (event) => event.waitUntil(tidied()));

async function fetched() {
  const cache = await caches.open(NAME);
  // Without cookies: what is kept is what a stranger sees, and the language that somebody chose stays.
  await cache.addAll(KEPT.map((address) => new Request(address, { credentials: "omit", cache: "no-cache" })));
  await self.skipWaiting();
}

async function tidied() {
  for (const name of await caches.keys()) {
    if (name !== NAME) await caches.delete(name);
  }
  await self.clients.claim();
}

async function language() {
  const noted = await (await caches.open(NAME)).match(LANGUAGE);
  return noted && (await noted.text()) === "en" ? "en" : "zh";
}

async function kept(path) {
  return (await caches.open(NAME)).match(`${path}?lang=${await language()}`);
}

async function noted(response) {
  const tag = response.headers.get("content-language");
  if (!tag) return;
  const cache = await caches.open(NAME);
  await cache.put(LANGUAGE, new Response(tag.slice(0, 2)));
}

async function asked(request) {
  const late = new Promise((_, no) => setTimeout(() => no(new Error("late")), WAIT));
  const response = await Promise.race([fetch(request), late]);
  await noted(response).catch(() => {});
  return response;
}

async function page(event) {
  const open = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (!open.length) {
    const shown = await kept("/opening");
    if (shown) return shown;
  }
  try {
    return await asked(event.request);
  } catch (error) {
    const path = new URL(event.request.url).pathname;
    const shown = await kept(path === "/help" ? "/help" : "/offline");
    if (shown) return shown;
    throw error;
  }
}

async function file(request) {
  const cache = await caches.open(NAME);
  return (await cache.match(request)) || fetch(request);
}

self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== self.location.origin) return;
  if (mode === "navigate" && !pathname.includes(".")) event.respondWith(page(event));
  else if (pathname.startsWith(`/static/${VERSION}/`)) event.respondWith(file(event.request));
});

// -- alarms

function read(data) {
  try {
    return data.json() || {};
  } catch {
    return {}; // not ours, or newer than this worker: it is shown all the same
  }
}

async function shown(said) {
  const tongue = await language();
  const { title = NAMES[tongue], body = "" } = said[tongue] || {};
  await self.registration.showNotification(title, {
    body,
    tag: said.tag || "alarm",
    renotify: Boolean(said.loud),
    silent: said.loud === false && said.tag !== "test",
    requireInteraction: Boolean(said.loud),
    icon: `/static/${VERSION}/icon-192.png`,
    lang: tongue === "en" ? "en" : "zh-CN",
    data: Number.isInteger(said.alarm) && said.alarm > 0 ? `/alarms/${said.alarm}` : "/",
  });
}

async function gone(path) {
  const [page] = await self.clients.matchAll({ type: "window" });
  try {
    await (await page.focus()).navigate(path);
  } catch {
    await self.clients.openWindow(path); // none is open, or it is not this worker's
  }
}

self.addEventListener("push", (event) => event.waitUntil(shown(event.data ? read(event.data) : {})));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(gone(event.notification.data));
});
