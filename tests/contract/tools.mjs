// Reads the contract as other people's programs do: the AsyncAPI parser, ajv in its strict mode, classes for TypeScript with every example in them.
// Usage, in the folder of node_modules: node tools.mjs CONTRACT MESSAGES OUT. MESSAGES has {name, body} of each line; OUT gets contract.ts and messages.ts.
// Prints one sentence a line for each thing that is wrong.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(join(process.cwd(), 'package.json'))
const { Parser } = require('@asyncapi/parser')
const Ajv = require('ajv/dist/2020').default
const { compile } = require('json-schema-to-typescript')

const [contract, messages, out] = process.argv.slice(2)
const text = readFileSync(join(contract, 'asyncapi.json'), 'utf8')
const wrong = (sentence) => console.log(sentence)

const NEWER = 'asyncapi-latest-version' // that there is a newer AsyncAPI than ours is no fault of the document
const { document, diagnostics } = await new Parser().parse(text)
for (const one of diagnostics) if (one.code !== NEWER) wrong(`asyncapi.json: ${one.code} at ${one.path.join('/')}: ${one.message}`)
const known = document === undefined ? [] : document.messages().all().map((message) => message.id())
if (known.length === 0) wrong('asyncapi.json: the parser knows no message of it')

const BY_HTTPS = ['answer', 'poll'] // go by no broker's topic, so AsyncAPI has no place for them
const valid = {}
for (const file of readdirSync(contract).filter((name) => name.endsWith('.schema.json'))) {
  const name = file.split('.')[0]
  if (!known.includes(name) && !BY_HTTPS.includes(name)) wrong(`asyncapi.json has no message ${name}`)
  try {
    valid[name] = new Ajv({ strict: true, allErrors: true }).compile(JSON.parse(readFileSync(join(contract, file), 'utf8')))
  } catch (error) {
    wrong(`${file}: ajv refuses it: ${error.message}`)
  }
}
const all = readFileSync(messages, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line))
for (const { name, body } of all) {
  if (!valid[name](body)) wrong(`${name} ${JSON.stringify(body).slice(0, 80)}: ${JSON.stringify(valid[name].errors[0])}`)
}

const api = JSON.parse(text)
const moved = (part) => JSON.parse(JSON.stringify(part).replaceAll('#/components/schemas/', '#/$defs/'))
const payloads = Object.fromEntries(Object.entries(api.components.messages).map(([name, message]) => [name, moved(message.payload)]))
const whole = { title: 'Everything', type: 'object', additionalProperties: false, properties: payloads, $defs: moved(api.components.schemas) }
writeFileSync(join(out, 'contract.ts'), await compile(whole, 'Everything', { bannerComment: '', format: false }))
const lines = all.filter(({ name }) => !BY_HTTPS.includes(name)).map(({ name, body }, n) => `export const m${n}: NonNullable<Everything['${name}']> = ${JSON.stringify(body)}`)
writeFileSync(join(out, 'messages.ts'), `import type { Everything } from './contract'\n${lines.join('\n')}\n`)
