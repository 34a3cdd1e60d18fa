// Runs beside the page in the browser; the box puts VERSION and KEPT (addresses) before it. Nothing of the home is kept, no form is touched.

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

async function kept(path) {
  const cache = await caches.open(NAME);
  const noted = await cache.match(LANGUAGE);
  const language = noted ? await noted.text() : "zh";
  return cache.match(`${path}?lang=${language}`);
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
