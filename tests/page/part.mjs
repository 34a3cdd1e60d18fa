// A part of a page that asks a box, by a clock of its own: node part.mjs FOLDER < {answers: [...], until: ms, told: {history state}}.
// Answers in order, the last one for good: a status, [status, seconds of Retry-After], "away", "moved" (to another page).
// Prints what happened: [ms, what].
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { answers, until, state } = JSON.parse(readFileSync(0, "utf8"));
const happened = [];
const timers = new Map();
let now = 0;
let number = 0;
const note = (what) => happened.push([now, what]);
const settled = async () => {
  for (let n = 0; n < 5; n += 1) await new Promise((ok) => setImmediate(ok));
};

globalThis.setTimeout = (does, ms, ...given) => {
  timers.set((number += 1), { at: now + ms, does: () => does(...given) });
  return number;
};
globalThis.clearTimeout = (which) => timers.delete(which);
globalThis.addEventListener = () => {};
globalThis.document = { hidden: false, getElementById: () => ({ dataset: { part: "/?part=1" }, querySelector: () => null }) };
globalThis.history = { state, replaceState: (next) => (history.state = next) };
globalThis.location = { reload: () => note("reload") };
globalThis.fetch = async () => {
  note("ask");
  const next = answers.length > 1 ? answers.shift() : answers[0];
  if (next === "away") throw new TypeError("away");
  const [status, after] = [].concat(next === "moved" ? 200 : next);
  return { ok: status < 300, status, redirected: next === "moved", headers: new Headers(after ? { "retry-after": after } : {}), text: async () => "news" };
};

const { fetching } = await import(pathToFileURL(`${process.argv[2]}/part.js`).href);
const look = fetching(note, (came) => note(came ? "came" : "missed"));
look();
await settled();
for (;;) {
  const [which, next] = [...timers].sort((a, b) => a[1].at - b[1].at)[0] || [];
  if (!next || next.at > until) break;
  timers.delete(which);
  now = next.at;
  next.does();
  await settled();
}
console.log(JSON.stringify({ happened, state: history.state }));
