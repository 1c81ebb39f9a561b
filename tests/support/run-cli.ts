import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { testKey } from './databases.ts'
import { compileCache } from './service-process.ts'

const ownLauncher = fileURLToPath(new URL('../../src/stepledger.js', import.meta.url))

export type CliOptions = {
  cwd?: string
  launcher?: string
  nodeOptions?: string[]
  /** Besides the key of the tests' databases. */
  env?: Record<string, string>
}

/** Starts `stepledger` as a process of its own, without the environment's settings. */
export function startCli(args: string[], options: CliOptions = {}) {
  const { PATH, HOME } = process.env
  const child = spawn(
    process.execPath,
    [...(options.nodeOptions ?? []), options.launcher ?? ownLauncher, ...args],
    {
      cwd: options.cwd,
      env: { PATH, HOME, ...compileCache, PERSONAL_DATA_KEY: testKey.toString('base64'), ...options.env },
    },
  )
  return { child, ended: ended(child) }
}

export type CliResult = { code: number | null; stdout: string; stderr: string }

export function runCli(args: string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).ended
}

async function ended(child: ChildProcessWithoutNullStreams): Promise<CliResult> {
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}
