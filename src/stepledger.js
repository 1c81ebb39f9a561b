#!/usr/bin/env node
// Plain JavaScript, so that any Node can read it and say what is missing.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const oldestMajor = 24
const ownNode = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url))

if (Number(process.versions.node.split('.')[0]) >= oldestMajor) await run()
else if (existsSync(ownNode)) runWith(ownNode)
else {
  console.error(`stepledger needs Node ${oldestMajor} or newer; this is Node ${process.versions.node}`)
  process.exitCode = 2
}

async function run() {
  const { stripOwnTypes } = await import('./cli/strip-types.js')
  stripOwnTypes()
  const { cli } = await import('./cli/program.ts')
  process.exitCode = await cli(process.argv.slice(2), () => import('./main.ts'))
}

/** The same command in a newer Node, which gets our signals and whose end is ours. */
function runWith(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      // A terminal's Ctrl-C reaches the child by itself; sent on, it would be the second one, which means "at once".
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  child.on('error', (error) => {
    console.error(`stepledger could not start ${node}: ${error.message}`)
    process.exit(2)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}
