import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { StartService } from './world.ts'

const launcher = fileURLToPath(new URL('../../stepledger.js', import.meta.url))

/** The service in a process of its own, as its users run it: `kill` gives it no time to end anything. */
export const childService: StartService = async (environment, directory) => {
  const child = spawn(process.execPath, [launcher, 'serve', '--json'], {
    // Where no .env of somebody's lies.
    cwd: directory,
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
  return { url: await firstUrl(child), stop: () => end('SIGTERM'), kill: () => end('SIGKILL') }
}

async function firstUrl(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no standard output')
  for await (const line of createInterface(child.stdout))
    if (line.startsWith('{"url"')) return JSON.parse(line).url
  throw new Error(`the service ended with ${child.exitCode} before it listened`)
}

/** A port that was free a moment ago, for a service that comes back on the same one. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
