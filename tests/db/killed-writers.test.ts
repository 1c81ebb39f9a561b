import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyLog } from '../../src/ops/verify.ts'
import { verifyTables } from '../../src/projections/replay.ts'
import { createPostgres, createSqlite, type TestDatabase, testKey } from '../support/databases.ts'
import { oneFile } from '../support/one-file.ts'

let program: Awaited<ReturnType<typeof oneFile>>
beforeAll(async () => {
  program = await oneFile(new URL('../support/writing-process.ts', import.meta.url))
})
afterAll(() => program.remove())

type Process = { acknowledged: string[]; hasEnded(): boolean; first: Promise<unknown>; kill(): Promise<void> }

/** Writes until it is killed. `first`: it has had an acknowledgement. */
function startWriting({ url }: TestDatabase, prefix: string): Process {
  const child: ChildProcess = spawn(process.execPath, [program.path, url, prefix, testKey.toString('hex')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (child.stdout === null) throw new Error('no output')
  const acknowledged: string[] = []
  const lines = createInterface(child.stdout)
  lines.on('line', (line) => acknowledged.push(line))
  const ended = Promise.all([once(child, 'exit'), once(lines, 'close')])
  return {
    acknowledged,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    first: Promise.race([once(lines, 'line'), ended]),
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** What was acknowledged is there, every write is there as a whole or not at all, and the log and its tables are sound. */
async function judge(db: TestDatabase, processes: readonly Process[]): Promise<void> {
  const rows = await db.reader.selectFrom('billing_events').select('fact_id').execute()
  const present = new Set(rows.map(({ fact_id }) => fact_id))
  for (const { acknowledged } of processes) {
    expect(acknowledged.length).toBeGreaterThan(0)
    expect(acknowledged.filter((name) => !present.has(`${name}:a`))).toEqual([])
  }
  for (const id of present)
    expect(present.has(id.endsWith(':a') ? id.replace(/a$/, 'b') : id.replace(/b$/, 'a'))).toBe(true)
  expect((await verifyLog(db.reader)).faults.first).toEqual([])
  expect(await verifyTables(db)).toMatchObject({ ok: true })
}

const aMoment = () => sleep(Math.random() * 150)

describe('kill -9 at any moment: what was acknowledged is in the log, and nothing is half there', () => {
  test('two processes on one SQLite file, of which one is killed again and again', async () => {
    const db = await createSqlite()
    try {
      const steady = startWriting(db, 'steady')
      const killed: Process[] = []
      for (let round = 0; round < 3; round += 1) {
        const one = startWriting(db, `killed${round}`)
        killed.push(one)
        await one.first
        await aMoment()
        await one.kill()
      }
      await steady.kill()
      await judge(db, [steady, ...killed])
    } finally {
      await db.close()
    }
  })

  test('three instances on one PostgreSQL, of which one is killed, and the others go on', async () => {
    const db = await createPostgres()
    try {
      const [one, ...others] = ['one', 'two', 'three'].map((prefix) => startWriting(db, prefix))
      if (one === undefined) throw new Error('no process')
      await Promise.all([one, ...others].map(({ first }) => first))
      await aMoment()
      await one.kill()
      for (const other of others) {
        const before = other.acknowledged.length
        while (other.acknowledged.length <= before + 8 && !other.hasEnded()) await sleep(5)
        expect(other.hasEnded()).toBe(false)
      }
      for (const other of others) await other.kill()
      await judge(db, [one, ...others])
    } finally {
      await db.close()
    }
  })
})
