// Reads pictures with the page's QR reader: node qr.mjs READER < pictures as JSON lines {width, height, file of grey bytes}; a text in JSON each.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { read } = await import(pathToFileURL(process.argv[2]).href);
for (const line of readFileSync(0, "utf8").trim().split("\n")) {
  const { width, height, file } = JSON.parse(line);
  const grey = readFileSync(file);
  const data = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < grey.length; i += 1) data.set([grey[i], grey[i], grey[i], 255], 4 * i);
  console.log(JSON.stringify(read({ data, width, height })));
}
