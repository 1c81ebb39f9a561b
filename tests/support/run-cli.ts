import { type ChildProcess, type ChildProcessWithoutNullStreams, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { testKey } from './databases.ts'
import { compileCache } from './service-process.ts'

const host = fileURLToPath(new URL('cli-host.ts', import.meta.url))
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
  const child = spawn(
    process.execPath,
    [...(options.nodeOptions ?? []), options.launcher ?? ownLauncher, ...args],
    { cwd: options.cwd, env: environment(options) },
  )
  return { child, ended: ended(child) }
}

export type CliResult = { code: number | null; stdout: string; stderr: string }

let hostProcess: ChildProcess | undefined
let last: Promise<unknown> = Promise.resolve()

/** Runs a command of `stepledger` to its end, in one process with the others, one at a time. `startCli`: as users do. */
export function runCli(args: string[], options: Pick<CliOptions, 'cwd' | 'env'> = {}): Promise<CliResult> {
  const result = last.then(() => runInHost(args, options))
  last = result.catch(() => {})
  return result
}

async function runInHost(args: string[], options: CliOptions): Promise<CliResult> {
  hostProcess ??= startHost()
  const child = hostProcess
  const dead = new AbortController()
  const died = once(child, 'exit', { signal: dead.signal }).then(() => {
    hostProcess = undefined
    throw new Error(`stepledger ${args.join(' ')} ended the process of the commands`)
  })
  child.send({ args, cwd: options.cwd ?? process.cwd(), env: environment(options) })
  const [result] = await Promise.race([once(child, 'message'), died])
  dead.abort()
  return cliResult.parse(result)
}

function startHost(): ChildProcess {
  // Without the options of a test's process, by which Node would find other builds of the libraries.
  const child = fork(host, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: environment({}),
    execArgv: [],
  })
  // It waits for commands as long as the tests go on, and keeps nobody from ending.
  child.unref()
  child.channel?.unref()
  return child
}

const cliResult = z.object({ code: z.number(), stdout: z.string(), stderr: z.string() })

function environment({ env }: CliOptions): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env
  return { PATH, HOME, ...compileCache, PERSONAL_DATA_KEY: testKey.toString('base64'), ...env }
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
