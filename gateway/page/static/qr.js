// Reads a QR code in a picture (ISO/IEC 18004), where the browser has no reader of its own. Pure: pixels in, text or null out.

// Error correction words of one block, and blocks, of versions 1 to 40: ISO/IEC 18004, table 9. In the order of the two format bits.
const L = [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28, 30];
const M = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28];
const Q = [13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30, 24, 28, 28, 26, 30, 28, 30, 30, 30, 30, 28, 30];
const H = [17, 28, 22, 16, 22, 28, 26, 26, 24, 28, 24, 28, 22, 24, 24, 30, 28, 28, 26, 28, 30, 24, 30];
const L_BLOCKS = [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25];
const M_BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49];
const Q_BLOCKS = [1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 8, 10, 12, 16, 12, 17, 16, 18, 21, 20, 23, 23, 25, 27, 29, 34, 34, 35, 38, 40, 43, 45, 48, 51, 53, 56, 59, 62, 65, 68];
const H_BLOCKS = [1, 1, 2, 4, 4, 4, 5, 6, 8, 8, 11, 11, 16, 16, 18, 16, 19, 21, 25, 25, 25, 34, 30, 32, 35, 37, 40, 42, 45, 48, 51, 54, 57, 60, 63, 66, 70, 74, 77, 81];
const WORDS = [M, L, H, Q];
const BLOCKS = [M_BLOCKS, L_BLOCKS, H_BLOCKS, Q_BLOCKS];
const ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const MASKS = [
  (y, x) => (y + x) % 2,
  (y) => y % 2,
  (_, x) => x % 3,
  (y, x) => (y + x) % 3,
  (y, x) => ((y >> 1) + Math.floor(x / 3)) % 2,
  (y, x) => ((y * x) % 2) + ((y * x) % 3),
  (y, x) => (((y * x) % 2) + ((y * x) % 3)) % 2,
  (y, x) => (((y + x) % 2) + ((y * x) % 3)) % 2,
];

// -- from pixels to dark and light ---------------------------------------------------------------------------------------

// A pixel is dark where it is darker than what lies around it: a shadow over half of the label does no harm.
function darkened({ data, width, height }) {
  const grey = new Uint8Array(width * height);
  for (let i = 0, at = 0; i < grey.length; i += 1, at += 4) grey[i] = (data[at] * 77 + data[at + 1] * 151 + data[at + 2] * 28) >> 8;
  const sums = new Float64Array((width + 1) * (height + 1));
  for (let y = 0; y < height; y += 1) {
    let row = 0;
    for (let x = 0; x < width; x += 1) {
      row += grey[y * width + x];
      sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
    }
  }
  const half = Math.max(8, Math.min(width, height) >> 3);
  const dark = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const top = Math.max(0, y - half) * (width + 1);
    const low = Math.min(height, y + half + 1) * (width + 1);
    const high = (low - top) / (width + 1);
    for (let x = 0; x < width; x += 1) {
      const left = Math.max(0, x - half);
      const right = Math.min(width, x + half + 1);
      const mean = (sums[low + right] - sums[low + left] - sums[top + right] + sums[top + left]) / (high * (right - left));
      dark[y * width + x] = grey[y * width + x] < mean * 0.88 ? 1 : 0;
    }
  }
  return { dark, width, height };
}

function at(picture, x, y) {
  const column = Math.floor(x);
  const row = Math.floor(y);
  if (column < 0 || row < 0 || column >= picture.width || row >= picture.height) return 0;
  return picture.dark[row * picture.width + column];
}

// -- the three large marks -----------------------------------------------------------------------------------------------

function isMark(runs) {
  const size = (runs[0] + runs[1] + runs[2] + runs[3] + runs[4]) / 7;
  const slack = size * 0.6;
  return [1, 1, 3, 1, 1].every((n, i) => runs[i] > 0 && Math.abs(runs[i] - n * size) < slack * (n === 3 ? 1.5 : 1));
}

// The five runs through a point along one direction, and the middle of the third; null where they are no mark.
function through(picture, x, y, dx, dy) {
  const runs = [0, 0, 0, 0, 0];
  const walk = (sign, order) => {
    let step = sign > 0 ? 1 : 0;
    for (const [i, want] of order) {
      while (runs[i] < 999 && inside(picture, x + sign * step * dx, y + sign * step * dy) && at(picture, x + sign * step * dx, y + sign * step * dy) === want) {
        runs[i] += 1;
        step += 1;
      }
    }
    return step;
  };
  walk(-1, [[2, 1], [1, 0], [0, 1]]);
  const before = runs[2];
  walk(1, [[2, 1], [3, 0], [4, 1]]);
  if (!isMark(runs)) return null;
  return { off: (runs[2] - before - before) / 2 + 0.5, size: runs.reduce((a, b) => a + b) / 7 };
}

function inside(picture, x, y) {
  return x >= 0 && y >= 0 && x < picture.width && y < picture.height;
}

function marks(picture) {
  const found = [];
  for (let y = 0; y < picture.height; y += 1) {
    let runs = [0, 0, 0, 0, 0];
    let last = at(picture, 0, y);
    let length = 0;
    for (let x = 0; x <= picture.width; x += 1) {
      const now = x < picture.width ? at(picture, x, y) : 1 - last;
      if (now === last) {
        length += 1;
        continue;
      }
      runs = [runs[1], runs[2], runs[3], runs[4], length];
      if (last === 1 && isMark(runs)) noted(picture, found, x - runs[4] - runs[3] - runs[2] / 2, y);
      last = now;
      length = 1;
    }
  }
  return found.filter((m) => m.times > 1).sort((a, b) => b.times - a.times).slice(0, 12);
}

function noted(picture, found, x, y) {
  const down = through(picture, Math.floor(x), y, 0, 1);
  if (!down) return;
  const middle = y + down.off;
  const across = through(picture, Math.floor(x), Math.floor(middle), 1, 0);
  if (!across) return;
  const mark = { x: Math.floor(x) + across.off, y: middle, size: (down.size + across.size) / 2, times: 1 };
  const same = found.find((m) => Math.abs(m.x - mark.x) < m.size * 2 && Math.abs(m.y - mark.y) < m.size * 2);
  if (!same) {
    found.push(mark);
    return;
  }
  for (const name of ["x", "y", "size"]) same[name] = (same[name] * same.times + mark[name]) / (same.times + 1);
  same.times += 1;
}

const away = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);

// Threes of marks that may be one code: [corner, right of it, below it], the likeliest first.
function corners(found) {
  const out = [];
  for (let i = 0; i < found.length; i += 1)
    for (let j = i + 1; j < found.length; j += 1)
      for (let k = j + 1; k < found.length; k += 1) {
        const three = [found[i], found[j], found[k]];
        const sizes = three.map((m) => m.size);
        if (Math.max(...sizes) > 1.8 * Math.min(...sizes)) continue;
        const sides = three.map((m, n) => ({ mark: m, side: away(three[(n + 1) % 3], three[(n + 2) % 3]) })).sort((a, b) => b.side - a.side);
        const [long, one, two] = sides;
        const bent = Math.abs(one.side ** 2 + two.side ** 2 - long.side ** 2) / long.side ** 2;
        if (bent > 0.45 || one.side > 1.8 * two.side) continue;
        const [a, b, c] = [long.mark, one.mark, two.mark];
        const turn = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
        out.push({ bent, three: turn > 0 ? [a, b, c] : [a, c, b] });
      }
  return out.sort((a, b) => a.bent - b.bent).slice(0, 8).map((o) => o.three);
}

// Pixels of one module at mark a along the line to b: a mark ends three and a half modules from its middle.
function module(picture, a, b) {
  const long = away(a, b);
  const [dx, dy] = [(b.x - a.x) / long / 4, (b.y - a.y) / long / 4];
  const edge = (sign) => {
    let changes = 0;
    let last = 1;
    for (let step = 0; step < long * 4; step += 1) {
      const now = at(picture, a.x + sign * step * dx, a.y + sign * step * dy);
      if (now !== last) changes += 1;
      if (changes === 3) return step / 4 / 3.5;
      last = now;
    }
    return 0;
  };
  const both = [edge(1), edge(-1)].filter(Boolean);
  return both.length ? both.reduce((m, n) => m + n) / both.length : a.size;
}

// -- the grid ------------------------------------------------------------------------------------------------------------

// The projection that takes four places of the grid to four of the picture, as eight numbers.
function projection(from, to) {
  const rows = [];
  from.forEach(([x, y], i) => {
    const [u, v] = to[i];
    rows.push([x, y, 1, 0, 0, 0, -u * x, -u * y, u], [0, 0, 0, x, y, 1, -v * x, -v * y, v]);
  });
  for (let i = 0; i < 8; i += 1) {
    let best = i;
    for (let j = i + 1; j < 8; j += 1) if (Math.abs(rows[j][i]) > Math.abs(rows[best][i])) best = j;
    [rows[i], rows[best]] = [rows[best], rows[i]];
    if (!rows[i][i]) return null;
    for (let j = 0; j < 8; j += 1) {
      if (j === i) continue;
      const by = rows[j][i] / rows[i][i];
      for (let k = i; k < 9; k += 1) rows[j][k] -= by * rows[i][k];
    }
  }
  return rows.map((row, i) => row[8] / row[i]);
}

function projected(p, x, y) {
  const w = p[6] * x + p[7] * y + 1;
  return [(p[0] * x + p[1] * y + p[2]) / w, (p[3] * x + p[4] * y + p[5]) / w];
}

// The small mark near the fourth corner, looked for around where it would be in a flat picture; null where there is none.
function fourth(picture, [a, b, c], size) {
  const ux = [(b.x - a.x) / (size - 7), (b.y - a.y) / (size - 7)];
  const uy = [(c.x - a.x) / (size - 7), (c.y - a.y) / (size - 7)];
  const place = (x, y) => [a.x + (x - 3.5) * ux[0] + (y - 3.5) * uy[0], a.y + (x - 3.5) * ux[1] + (y - 3.5) * uy[1]];
  let best = { fits: 0 };
  const reach = Math.max(3, Math.round(size / 8));
  for (let oy = -reach; oy <= reach; oy += 0.25)
    for (let ox = -reach; ox <= reach; ox += 0.25) {
      let fits = 0;
      for (let y = -2; y <= 2; y += 1)
        for (let x = -2; x <= 2; x += 1) {
          const ring = Math.max(Math.abs(x), Math.abs(y));
          const [px, py] = place(size - 6.5 + ox + x, size - 6.5 + oy + y);
          if (at(picture, px, py) === (ring === 1 ? 0 : 1)) fits += 1;
        }
      const far = Math.hypot(ox, oy);
      if (fits > best.fits || (fits === best.fits && far < best.far)) best = { fits, far, place: place(size - 6.5 + ox, size - 6.5 + oy) };
    }
  return best.fits >= 23 ? best.place : null;
}

function sampled(picture, three, size) {
  const [a, b, c] = three;
  const small = size > 21 ? fourth(picture, three, size) : null;
  const end = size - 3.5;
  const last = small ? size - 6.5 : end;
  const p = projection(
    [[3.5, 3.5], [end, 3.5], [3.5, end], [last, last]],
    [[a.x, a.y], [b.x, b.y], [c.x, c.y], small || [b.x + c.x - a.x, b.y + c.y - a.y]],
  );
  if (!p) return null;
  const grid = [];
  for (let y = 0; y < size; y += 1) {
    grid.push(new Uint8Array(size));
    for (let x = 0; x < size; x += 1) grid[y][x] = at(picture, ...projected(p, x + 0.5, y + 0.5));
  }
  return grid;
}

// -- from the grid to words ----------------------------------------------------------------------------------------------

// (level, mask) of what is nearest to one of the two copies of the format; null where neither is near to any.
function format(grid) {
  const size = grid.length;
  const one = [];
  const two = [];
  for (let i = 0; i < 15; i += 1) {
    if (i < 6) one.push(grid[i][8]);
    else if (i < 8) one.push(grid[i + 1][8]);
    else if (i === 8) one.push(grid[8][7]);
    else one.push(grid[8][14 - i]);
    two.push(i < 8 ? grid[8][size - 1 - i] : grid[size - 15 + i][8]);
  }
  let best = { off: 4 };
  for (let value = 0; value < 32; value += 1) {
    let rest = value;
    for (let i = 0; i < 10; i += 1) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
    const word = ((value << 10) | rest) ^ 0x5412;
    for (const read of [one, two]) {
      const off = read.filter((bit, i) => bit !== ((word >> i) & 1)).length;
      if (off < best.off) best = { off, level: value >> 3, mask: value & 7 };
    }
  }
  return best.off < 4 ? best : null;
}

function places(version, size) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = version === 32 ? 26 : Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  const out = [6];
  for (let i = count - 2; i >= 0; i -= 1) out.push(size - 7 - i * step);
  return out;
}

// What carries no words: marks, lines between them, format and version.
function reserved(version, size) {
  const out = Array.from({ length: size }, () => new Uint8Array(size));
  const fill = (x, y, w, h) => {
    for (let j = y; j < y + h; j += 1) out[j].fill(1, x, x + w);
  };
  fill(0, 0, 9, 9);
  fill(size - 8, 0, 8, 9);
  fill(0, size - 8, 9, 8);
  fill(6, 0, 1, size);
  fill(0, 6, size, 1);
  const all = places(version, size);
  for (const y of all) for (const x of all) if (!((x === 6 && (y === 6 || y === size - 7)) || (y === 6 && x === size - 7))) fill(x - 2, y - 2, 5, 5);
  if (version > 6) {
    fill(size - 11, 0, 3, 6);
    fill(0, size - 11, 6, 3);
  }
  return out;
}

function words(grid, version, mask) {
  const size = grid.length;
  const none = reserved(version, size);
  const out = [];
  let byte = 0;
  let bits = 0;
  let up = true;
  for (let right = size - 1; right > 0; right -= 2) {
    if (right === 6) right = 5;
    for (let n = 0; n < size; n += 1) {
      const y = up ? size - 1 - n : n;
      for (const x of [right, right - 1]) {
        if (none[y][x]) continue;
        byte = (byte << 1) | (grid[y][x] ^ (MASKS[mask](y, x) === 0 ? 1 : 0));
        bits += 1;
        if (bits === 8) {
          out.push(byte);
          byte = 0;
          bits = 0;
        }
      }
    }
    up = !up;
  }
  return out;
}

// -- error correction: Reed-Solomon over GF(256), x^8 + x^4 + x^3 + x^2 + 1 ----------------------------------------------------

const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i += 1) {
  EXP[i] = x;
  EXP[i + 255] = x;
  LOG[x] = i;
  x = (x << 1) ^ (x > 127 ? 0x11d : 0);
}
const times = (a, b) => (a && b ? EXP[LOG[a] + LOG[b]] : 0);
const over = (a, b) => (a ? EXP[LOG[a] + 255 - LOG[b]] : 0);
const value = (poly, x) => poly.reduceRight((sum, c) => times(sum, x) ^ c, 0); // lowest power first

// Mend a block in place; false where too much of it is wrong (Berlekamp-Massey, Chien, Forney).
function mended(block, count) {
  const high = block.slice().reverse();
  const syndromes = Array.from({ length: count }, (_, i) => value(high, EXP[i]));
  if (syndromes.every((s) => !s)) return true;
  let locator = [1];
  let before = [1];
  let errors = 0;
  let gap = 1;
  let scale = 1;
  for (let n = 0; n < count; n += 1) {
    let off = syndromes[n];
    for (let i = 1; i <= errors; i += 1) off ^= times(locator[i] || 0, syndromes[n - i]);
    if (!off) {
      gap += 1;
      continue;
    }
    const kept = locator.slice();
    const by = over(off, scale);
    before.forEach((c, i) => {
      locator[i + gap] = (locator[i + gap] || 0) ^ times(by, c);
    });
    locator = Array.from(locator, (c) => c || 0);
    if (2 * errors <= n) {
      errors = n + 1 - errors;
      before = kept;
      scale = off;
      gap = 1;
    } else gap += 1;
  }
  if (errors * 2 > count) return false;
  const evaluator = Array.from({ length: count }, (_, i) => locator.reduce((sum, c, j) => (j <= i ? sum ^ times(c, syndromes[i - j]) : sum), 0));
  const derivative = locator.map((c, i) => (i % 2 ? c : 0)).slice(1);
  let found = 0;
  for (let i = 0; i < block.length; i += 1) {
    const inverse = EXP[(255 - i) % 255];
    if (value(locator, inverse)) continue;
    const slope = value(derivative, inverse);
    if (!slope) return false;
    block[block.length - 1 - i] ^= times(EXP[i], over(value(evaluator, inverse), slope));
    found += 1;
  }
  return found === errors;
}

function blocks(all, version, level) {
  const each = WORDS[level][version - 1] || 30 - 2 * (level === 0 ? 1 : 0);
  const count = BLOCKS[level][version - 1];
  const short = Math.floor(all.length / count);
  const shorts = count - (all.length % count);
  const made = Array.from({ length: count }, () => []);
  let next = 0;
  for (let i = 0; i <= short - each; i += 1) for (let b = 0; b < count; b += 1) if (i < short - each || b >= shorts) made[b].push(all[next++]);
  for (let i = 0; i < each; i += 1) for (let b = 0; b < count; b += 1) made[b].push(all[next++]);
  const out = [];
  for (const block of made) {
    if (!mended(block, each)) return null;
    out.push(...block.slice(0, block.length - each));
  }
  return out;
}

// -- from words to text --------------------------------------------------------------------------------------------------

function text(bytes, version) {
  let place = 0;
  const left = () => bytes.length * 8 - place;
  const take = (n) => {
    let out = 0;
    for (let i = 0; i < n; i += 1, place += 1) out = (out << 1) | ((bytes[place >> 3] >> (7 - (place & 7))) & 1);
    return out;
  };
  const long = version < 10 ? 0 : version < 27 ? 1 : 2;
  const out = [];
  const add = (part) => {
    for (const c of part) out.push(c.charCodeAt(0));
  };
  while (left() >= 4) {
    const mode = take(4);
    if (mode === 0) break;
    if (mode === 7) {
      const first = take(8);
      if (first >> 7) take(first >> 6 === 2 ? 8 : 16);
    } else if (mode === 1) {
      let n = take([10, 12, 14][long]);
      for (; n > 0 && left() > 0; n -= 3) add(String(take([0, 4, 7, 10][Math.min(n, 3)])).padStart(Math.min(n, 3), "0"));
    } else if (mode === 2) {
      let n = take([9, 11, 13][long]);
      for (; n > 1 && left() > 0; n -= 2) {
        const two = take(11);
        add(ALPHANUMERIC[Math.floor(two / 45)] + ALPHANUMERIC[two % 45]);
      }
      if (n) add(ALPHANUMERIC[take(6)]);
    } else if (mode === 4) {
      const n = take([8, 16, 16][long]);
      if (n * 8 > left()) return null;
      for (let i = 0; i < n; i += 1) out.push(take(8));
    } else return null;
  }
  const raw = Uint8Array.from(out);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(raw);
  } catch {
    return new TextDecoder("iso-8859-1").decode(raw);
  }
}

function decoded(grid) {
  const version = (grid.length - 17) / 4;
  const how = format(grid);
  if (!how) return null;
  const bytes = blocks(words(grid, version, how.mask), version, how.level);
  return bytes && text(bytes, version);
}

// Text of the QR code in {data: RGBA, width, height}; null where none can be read.
export function read(pixels) {
  const picture = darkened(pixels);
  for (const three of corners(marks(picture))) {
    const [a, b, c] = three;
    const one = (module(picture, a, b) + module(picture, b, a) + module(picture, a, c) + module(picture, c, a)) / 4;
    const guess = Math.round(((away(a, b) + away(a, c)) / 2 / one + 7 - 17) / 4);
    for (const version of [guess, guess + 1, guess - 1]) {
      if (version < 1 || version > 40) continue;
      const grid = sampled(picture, three, version * 4 + 17);
      const found = grid && decoded(grid);
      if (found !== null && found !== undefined) return found;
    }
  }
  return null;
}

if (typeof window !== "undefined") {
  window.readQr = read;
  window.dispatchEvent(new Event("qr"));
}
