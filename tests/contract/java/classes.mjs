// Makes Java classes of the contract. Usage, in the folder of node_modules: node classes.mjs ASYNCAPI.JSON OUT. Prints how many.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { JavaFileGenerator } = createRequire(join(process.cwd(), 'package.json'))('@asyncapi/modelina')
const [contract, out] = process.argv.slice(2)
const made = await new JavaFileGenerator().generateToFiles(JSON.parse(readFileSync(contract, 'utf8')), out, { packageName: 'eldercare' })
console.log(made.length)
