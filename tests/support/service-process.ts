import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { adminKey, requestsAt, type SendRequest } from './requests.ts'

const launcher = fileURLToPath(new URL('../../src/stepledger.js', import.meta.url))
/** Where services run that keep nothing beside a database of their own. */
const directory = mkdtempSync(join(tmpdir(), 'stepledger-services-'))
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
/** A start takes a third less time where Node finds what it compiled before. Not part of the tests' results. */
export const compileCache = { NODE_COMPILE_CACHE: join(tmpdir(), 'stepledger-compiled') }

export type ServiceProcess = {
  url: string
  /** `path` without /api/v1; rejects when the process dies under it. */
  request: SendRequest
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null>
}

/** The service as its users run it, in a process of its own. Resolves when it listens. */
export async function startProcess(env: Record<string, string>): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [launcher, 'serve', '--json'], {
    cwd: directory,
    env: {
      PATH: process.env.PATH ?? '',
      ...compileCache,
      ADMIN_API_KEY: adminKey,
      LOG_LEVEL: 'error',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await firstUrl(child)
  return {
    url,
    request: requestsAt(url),
    async kill(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
      child.kill(signal)
      await once(child, 'exit')
      return child.exitCode
    },
  }
}

/** The service in a process of its own, to watch its start and its end. */
export function spawnService(
  env: Record<string, string>,
  command = [process.execPath, launcher, 'serve', '--json'],
) {
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: {
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '',
      ...compileCache,
      ADMIN_API_KEY: adminKey,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  const listening = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', () => {
      if (/"url"|^API /m.test(stdout)) resolve()
    })
    void ended.then((code) => reject(new Error(`it ended with ${code} before it listened: ${stderr}`)))
  })
  listening.catch(() => {})
  return { child, listening, ended, stdout: () => stdout, stderr: () => stderr }
}

async function firstUrl(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no standard output')
  for await (const line of createInterface(child.stdout))
    if (line.startsWith('{"url"')) return JSON.parse(line).url
  throw new Error(`the service ended with ${child.exitCode} before it listened`)
}
