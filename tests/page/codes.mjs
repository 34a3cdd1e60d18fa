// What the page makes of scanned texts: node codes.mjs FOLDER < JSON lines {kind, text}; a meaning in JSON each.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { MEANT } = await import(pathToFileURL(`${process.argv[2]}/codes.js`).href);
for (const line of readFileSync(0, "utf8").trim().split("\n")) {
  const { kind, text } = JSON.parse(line);
  console.log(JSON.stringify(MEANT[kind](text)));
}
