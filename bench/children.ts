import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const launcher = fileURLToPath(new URL('../src/stepledger.js', import.meta.url))
export const adminKey = 'sl_of_the_benchmark_0123456789abcdef0123456789abcdef'
export const webhookSecret = 'whsec_of_the_benchmark'

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))

export type Server = {
  url: string
  pid: number
  /** A sandbox, which has to be told when a card was typed in. */
  confirmAt?: string
  stop: (signal?: 'SIGTERM' | 'SIGKILL') => Promise<void>
}

/** A folder of one contestant's files. */
export async function scratch(): Promise<{ directory: string; remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'stepledger-bench-'))
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) }
}

/** The service as its users run it, which calls Stripe at `stripeUrl`. */
export const startService = (
  directory: string,
  stripeUrl: string,
  environment: Record<string, string> = {},
): Promise<Server> =>
  startChild([launcher, 'serve', '--json'], directory, {
    ADMIN_API_KEY: adminKey,
    DATABASE_URL: `file:${join(directory, 'forensics.db')}`,
    STRIPE_API_BASE: stripeUrl,
    STRIPE_SECRET_KEY: 'sk_test_of_the_benchmark',
    STRIPE_PUBLISHABLE_KEY: 'pk_test_of_the_benchmark',
    STRIPE_WEBHOOK_SECRET: webhookSecret,
    PERSONAL_DATA_KEY: Buffer.alloc(32, 7).toString('base64'),
    LOG_LEVEL: 'error',
    RETURN_URL_ORIGINS: 'http://localhost:8080',
    PORT: '0',
    ...environment,
  })

export const startSandbox = (directory: string): Promise<Server> =>
  startChild(
    [launcher, 'sandbox', '--json', '--port', '0', '--file', join(directory, 'sandbox.db')],
    directory,
    {},
  )

/** A program of `peers/`, which prints a line with its `url` when it listens. */
export const startPeer = (
  file: string,
  directory: string,
  environment: Record<string, string> = {},
): Promise<Server> =>
  startChild([fileURLToPath(new URL(`peers/${file}`, import.meta.url))], directory, environment)

async function startChild(
  args: string[],
  directory: string,
  environment: Record<string, string>,
): Promise<Server> {
  const child = spawn(process.execPath, args, {
    cwd: directory,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: directory,
      NODE_NO_WARNINGS: '1',
      NODE_COMPILE_CACHE: join(tmpdir(), 'stepledger-compiled'),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  const url = await firstUrl(child)
  return {
    url,
    pid: child.pid as number,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill(signal)
      await once(child, 'exit')
    },
  }
}

async function firstUrl(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no standard output')
  const lines = createInterface(child.stdout)
  for await (const line of lines)
    if (line.startsWith('{"url"')) {
      child.stdout.resume()
      return JSON.parse(line).url
    }
  throw new Error(`${child.spawnargs.join(' ')} ended with ${child.exitCode} before it listened`)
}
