import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { adminKey } from './children.ts'

/** `data` of what is answered is an object of texts, as far as the benchmarks read it. */
export type Answer = { status: number; body: { data: Record<string, string> } }
export type Client = {
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>
  get(path: string): Promise<Answer>
  close(): Promise<void>
}

/** So many connections to a server, each with one request at a time, kept open. */
export function clientOf(url: string, connections: number): Client {
  const pool = new Pool(url, { connections, pipelining: 1, headersTimeout: 60_000 })
  const send = async (
    method: 'GET' | 'POST',
    path: string,
    body?: string,
    headers?: Record<string, string>,
  ) => {
    const answer = await pool.request({
      method,
      path: `/api/v1${path}`,
      headers: { 'content-type': 'application/json', 'x-api-key': adminKey, ...headers },
      body: body ?? null,
    })
    const text = await answer.body.text()
    return { status: answer.statusCode, body: text.startsWith('{') ? JSON.parse(text) : { data: {} } }
  }
  return {
    post: (path, body, headers) =>
      send('POST', path, typeof body === 'string' ? body : JSON.stringify(body), headers),
    get: (path) => send('GET', path),
    close: () => pool.close(),
  }
}

/** Milliseconds from the moment each was due, not from the one it could be sent at: who is late is seen to be late. */
export async function openLoop(
  perSecond: number,
  count: number,
  send: (index: number) => Promise<Answer>,
): Promise<number[]> {
  const latencies: number[] = []
  const running: Promise<void>[] = []
  const start = performance.now()
  for (let index = 0; index < count; index += 1) {
    const dueAt = start + (index * 1000) / perSecond
    const waitMs = dueAt - performance.now()
    if (waitMs > 1) await sleep(waitMs)
    running.push(
      send(index).then(({ status, body }) => {
        if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
        latencies.push(performance.now() - dueAt)
      }),
    )
  }
  await Promise.all(running)
  return latencies
}

/** CPU time that a process has used so far, in seconds (Linux; elsewhere not known). */
export function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return Number.NaN
  }
}
