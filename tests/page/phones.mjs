// What the browser of an old phone does not understand in the page's files. Usage, in the folder of node_modules:
// node phones.mjs CHROME FOLDER. Prints a line for each finding. Syntax is TypeScript's word: what it would rewrite for ES2019 is
// newer. Which version of Chrome knows a call, a property, a value or a selector is MDN's table (@mdn/browser-compat-data).
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";

const need = createRequire(path.join(process.cwd(), "package.json"));
const ts = need("typescript");
const css = need("css-tree");
const mdn = need("@mdn/browser-compat-data");
const [chrome, folder] = [Number(process.argv[2]), process.argv[3]];

// Since when Chrome knows a thing: a version, null where the table does not have it.
function since(entry) {
  const all = entry && entry.__compat && entry.__compat.support.chrome;
  if (!all) return null;
  const plain = [all].flat().filter((one) => one.version_added && !one.flags && !one.alternative_name && (one.partial_implementation || !one.version_removed));
  return plain.length ? Math.min(...plain.map((one) => parseFloat(one.version_added) || 1)) : Infinity;
}
const told = (file, line, what, version) => console.log(`${file}:${line} ${what}${version === undefined ? "" : ` (Chrome ${version})`}`);

// -- scripts

// Where TypeScript's interfaces are called otherwise than the table's.
const MIXED = { ParentNode: ["Element", "Document"], ChildNode: ["Element"], Body: ["Response"], HTMLOrSVGElement: ["HTMLElement"] };
const HOLDERS = [["Global", "Window"], ["Window", "Window"], ["Document", "Document"], ["Canvas", "CanvasRenderingContext2D"]];

function rows(owner, name) {
  const builtin = owner.replace(/Constructor$|^Readonly/g, "");
  const holders = [owner, ...(MIXED[owner] || []), ...HOLDERS.filter(([start]) => owner.startsWith(start)).map(([, holder]) => holder)];
  const found = [];
  for (const holder of holders) for (const key of [name, `${name}_static`]) found.push((mdn.api[holder] || {})[key]);
  found.push((mdn.javascript.builtins[builtin] || {})[name], mdn.api[name], mdn.javascript.builtins[name]);
  return found.filter(Boolean);
}

const EITHER = [ts.SyntaxKind.AmpersandAmpersandToken, ts.SyntaxKind.BarBarToken];
const everywhere = (name) => [mdn.api, mdn.javascript.builtins].flatMap((all) => Object.values(all).map((holder) => holder[name])).filter(Boolean);

function scripts(names) {
  const options = { allowJs: true, checkJs: true, noEmit: true, target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext };
  const program = ts.createProgram(names, { ...options, lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.webworker.importscripts.d.ts"] });
  const types = program.getTypeChecker();
  for (const name of names) {
    const file = path.basename(name);
    const text = fs.readFileSync(name, "utf8");
    const as = (target) => ts.transpileModule(text, { compilerOptions: { target, module: ts.ModuleKind.ESNext } }).outputText.split("\n");
    const [plain, newest] = [as(ts.ScriptTarget.ES2019), as(ts.ScriptTarget.ESNext)];
    const differs = newest.find((line) => !plain.includes(line));
    if (differs !== undefined) told(file, text.slice(0, text.indexOf(differs.trim())).split("\n").length, `newer than ES2019: ${differs.trim()}`);
    const source = program.getSourceFile(name);
    const asked = new Set(); // what the script looks for before it uses it
    const used = [];
    (function walk(node) {
      const test = ts.isIfStatement(node) ? node.expression : ts.isConditionalExpression(node) ? node.condition : null;
      const left = ts.isBinaryExpression(node) && EITHER.includes(node.operatorToken.kind) ? node.left : null;
      for (const one of [test, left]) if (one && ts.isPropertyAccessExpression(one)) asked.add(one.name.text);
      if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.InKeyword) asked.add(node.left.text);
      if (ts.isPropertyAccessExpression(node)) used.push(node.name);
      else if (ts.isIdentifier(node) && !ts.isPropertyAccessExpression(node.parent)) used.push(node);
      ts.forEachChild(node, walk);
    })(source);
    for (const node of used) {
      const symbol = types.getSymbolAtLocation(node);
      const made = symbol && symbol.declarations && symbol.declarations[0];
      const called = ts.isPropertyAccessExpression(node.parent) && node.parent.name === node;
      if (called && /\.dataset$/.test(node.parent.expression.getText())) continue;
      if (asked.has(node.text) || (made ? !program.isSourceFileDefaultLibrary(made.getSourceFile()) : !called)) continue;
      const holder = made && made.parent && ts.isTypeLiteralNode(made.parent) ? made.parent.parent : made && made.parent;
      const owner = holder && holder.name ? holder.name.text : "";
      // of what has no type here, any interface may be meant
      const entries = made ? rows(owner, node.text) : everywhere(node.text);
      const known = entries.map(since).filter((v) => v !== null);
      if (known.length && Math.min(...known) > chrome) {
        told(file, source.getLineAndCharacterOfPosition(node.getStart()).line + 1, `${owner || "?"}.${node.text}`, Math.min(...known));
      }
    }
  }
}

// -- styles

// What an old browser leaves out without harm: looks alone, or a question that it answers with no.
const HARMLESS = new Set(["accent-color", "color-scheme", "text-wrap", "scroll-margin-top", "print-color-adjust", "scrollbar-width", "font", "font-family"]);
const ASKED = new Set(["prefers-color-scheme", "prefers-reduced-motion"]);

function styles(name) {
  const file = path.basename(name);
  const tree = css.parse(fs.readFileSync(name, "utf8"), { positions: true });
  const say = (node, what, version) => told(file, node.loc.start.line, what, version);
  const props = mdn.css.properties;
  const old = []; // selectors that are spaced otherwise where flex has no gap
  const late = (entry) => (since(entry) !== null && since(entry) > chrome ? since(entry) : 0);
  const flexing = [];
  css.walk(tree, {
    visit: "Atrule",
    enter(node) {
      if (node.name === "supports" && css.generate(node.prelude) === "not (aspect-ratio:1)") {
        css.walk(node.block, { visit: "Rule", enter: (rule) => rule.prelude.children.forEach((one) => old.push(css.generate(one))) });
      }
    },
  });
  css.walk(tree, {
    enter(node) {
      if (node.type === "Atrule") {
        const entry = mdn.css["at-rules"][node.name];
        if (!entry || late(entry)) say(node, `@${node.name}`, entry ? late(entry) : undefined);
        // what stands in here is only read by who knows it
        if (node.name === "supports" && !css.generate(node.prelude).startsWith("not ")) return this.skip;
      }
      if (node.type === "Feature" && !ASKED.has(node.name)) {
        const entry = mdn.css["at-rules"].media[node.name.replace(/^(min|max)-/, "")];
        if (!entry || late(entry)) say(node, `(${node.name})`, entry ? late(entry) : undefined);
      }
      if (node.type === "FeatureRange") say(node, `(${css.generate(node)})`, since(mdn.css["at-rules"].media.range_syntax));
      if (node.type === "PseudoClassSelector" || node.type === "PseudoElementSelector") {
        const entry = mdn.css.selectors[node.name] || mdn.css.selectors[`${node.name}()`];
        if (!node.name.startsWith("-webkit-") && (!entry || late(entry))) say(node, `:${node.name}`, entry ? late(entry) : undefined);
        if (node.name === "not" && node.children.first.children.size > 1) say(node, ":not(a, b)", 88);
      }
      if (node.type === "Rule") {
        const own = {};
        node.block.children.forEach((one) => one.type === "Declaration" && (own[one.property] = css.generate(one.value)));
        const flex = /flex/.test(own.display || "");
        node.prelude.children.forEach((one) => {
          const selector = css.generate(one);
          if (flex) flexing.push(selector);
          const spaced = own.gap || own["column-gap"] || own["row-gap"];
          if (spaced && spaced !== "0" && !/grid/.test(own.display || "") && !own.columns && (flex || !own.display) && !old.some((o) => o.startsWith(`${selector}>`))) {
            say(node, `gap without grid: ${selector}`, 84);
          }
        });
        const good = new Set(); // properties with an earlier line that is understood
        node.block.children.forEach((one) => one.type === "Declaration" && declared(one, good, flex));
      }
      return undefined;
    },
  });

  function declared(one, good, flex) {
    const name = one.property;
    if (name.startsWith("--") || name.startsWith("-webkit-") || HARMLESS.has(name)) return;
    const entry = props[name] || mdn.svg.global_attributes[name];
    if (!entry) return say(one, `unknown property ${name}`);
    if (late(entry)) return say(one, name, late(entry));
    let worst = 0;
    let what = "";
    css.walk(one.value, (part) => {
      const word = part.type === "Function" || part.type === "Identifier" ? part.name : "";
      if (!word || word.startsWith("--")) return;
      const found = part.type === "Function" ? mdn.css.types[word] || (mdn.css.types.color || {})[word] : entry[word] || entry[word.replace("-", "_")];
      const grid = (entry.flex_context || {}).start_end;
      const version = late(found) || (flex && /^(align|justify)-/.test(name) && /^(start|end)$/.test(word) ? late(grid) : 0);
      if (version > worst) [worst, what] = [version, `${name}: ${word}`];
    });
    if (!worst) good.add(name);
    else if (!good.has(name)) say(one, what, worst);
    return undefined;
  }
}

const all = fs.readdirSync(folder).map((name) => path.join(folder, name));
scripts(all.filter((name) => name.endsWith(".js")));
for (const name of all.filter((one) => one.endsWith(".css"))) styles(name);
