import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Batch, JournalInUse, openJournal } from '../../src/usage/journal.ts'

let dir: string
let path: string
let errors: unknown[]
const onError = (error: unknown) => errors.push(error)

beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'journal-'))
  path = join(dir, 'usage.journal')
  errors = []
})
afterEach(() => fs.rmSync(dir, { recursive: true }))

const batch = (key: string, quantity: number, tenantId = 'Jeturing_a'): Batch => ({
  idempotencyKey: key,
  tenantId,
  quantity,
  lastCallMs: 1_700_000_000_000 + quantity,
})

/** What the next process would find. */
const recover = (): Batch[] => {
  const journal = openJournal(path, { onError })
  journal.close()
  return [...journal.recovered]
}

describe('what is noted', () => {
  test('the last note of each batch is recovered, whatever characters its tenant has', () => {
    const journal = openJournal(path, { onError })
    const strange = batch('k2', 3, 'a"b\\c\nd\u2028é\u{1f600}')
    for (let quantity = 1; quantity <= 5; quantity += 1) journal.note(batch('k1', quantity))
    journal.note(strange)
    journal.close()
    expect(recover()).toEqual([batch('k1', 5), strange])
    expect(recover(), 'reading it changes nothing').toEqual([batch('k1', 5), strange])
    expect(errors).toEqual([])
  })

  test('a forgotten batch is not recovered, and a journal with nothing to remember is empty', () => {
    const journal = openJournal(path, { onError })
    for (const key of ['k1', 'k2', 'k3']) journal.note(batch(key, 1))
    journal.forget(['k1', 'k3'])
    fs.copyFileSync(path, join(dir, 'copy'))
    journal.forget(['k2'])
    expect(fs.statSync(path).size).toBe(0)
    journal.note(batch('k4', 1))
    journal.close()
    expect(recover()).toEqual([batch('k4', 1)])
    fs.copyFileSync(join(dir, 'copy'), path)
    expect(recover()).toEqual([batch('k2', 1)])
  })

  test('the file stays small under a million bytes of notes, and loses none of them', () => {
    const journal = openJournal(path, { onError, maxBytes: 4096 })
    let largest = 0
    for (let quantity = 1; quantity <= 10_000; quantity += 1) {
      journal.note(batch('k1', quantity))
      journal.note(batch('k2', quantity, 'Jeturing_b'))
      largest = Math.max(largest, fs.statSync(path).size)
    }
    journal.close()
    expect(largest).toBeLessThan(4096 + 200)
    expect(recover()).toEqual([batch('k1', 10_000), batch('k2', 10_000, 'Jeturing_b')])
  })

  test('after close nothing is written, not even to a file that got the same descriptor', () => {
    const journal = openJournal(path, { onError })
    journal.close()
    const other = join(dir, 'other')
    const fd = fs.openSync(other, 'w')
    journal.note(batch('k1', 1))
    journal.forget(['k1'])
    journal.close()
    fs.closeSync(fd)
    expect(fs.readFileSync(other, 'utf8')).toBe('')
    expect(errors).toEqual([])
  })
})

describe('a damaged file', () => {
  test('a torn last line is dropped without a word', () => {
    const journal = openJournal(path, { onError })
    journal.note(batch('k1', 1))
    journal.note(batch('k1', 2))
    journal.close()
    fs.truncateSync(path, fs.statSync(path).size - 1)
    expect(recover()).toEqual([batch('k1', 1)])
    expect(errors).toEqual([])
  })

  test('unreadable lines are told once with their numbers, skipped, and kept in a copy', () => {
    const journal = openJournal(path, { onError })
    for (const key of ['k1', 'k2', 'k3']) journal.note(batch(key, 1))
    journal.note(batch('k2', 2))
    journal.close()
    const lines = fs.readFileSync(path, 'utf8').split('\n')
    // A digit that changed is still valid JSON: the checksum finds it.
    const spoilt = lines.with(1, lines[1]?.replace(',1,', ',9,') ?? '').with(2, '\0\0\0')
    fs.writeFileSync(path, spoilt.join('\n'))
    expect(recover()).toEqual([batch('k1', 1), batch('k2', 2)])
    expect(errors.map(String)).toEqual([expect.stringMatching(/2 unreadable line\(s\) \(2, 3\)/)])
    const copy = fs.readdirSync(dir).find((name) => name.includes('.corrupt-'))
    expect(fs.readFileSync(join(dir, copy ?? ''), 'utf8')).toBe(spoilt.join('\n'))
    expect(recover(), 'and told only once').toHaveLength(2)
    expect(errors).toHaveLength(1)
  })

  test('no content makes opening throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        fs.writeFileSync(path, bytes)
        expect(recover()).toEqual([])
      }),
      { numRuns: 50 },
    )
  })

  test('a full disk throws nothing, is told once, and costs nothing once there is room', () => {
    const program = `
      import { openJournal } from './src/usage/journal.ts'
      const errors = []
      const journal = openJournal(${JSON.stringify(path)}, { onError: (error) => errors.push(error.code ?? error.message) })
      const other = { idempotencyKey: 'other', tenantId: 't', quantity: 1, lastCallMs: 1 }
      const batch = { idempotencyKey: 'k1', tenantId: 't', quantity: 0, lastCallMs: 1 }
      journal.note(other)
      for (let call = 0; call < 200; call += 1) { batch.quantity += 1; journal.note(batch) }
      console.log(JSON.stringify(errors))`
    // The shell's file size limit: 4 blocks of 1024 bytes, in the middle of a line.
    const run = spawnSync(
      'bash',
      ['-c', 'ulimit -f 4; exec "$0" --input-type=module -e "$1"', process.execPath, program],
      {
        encoding: 'utf8',
      },
    )
    expect(run.stderr).toBe('')
    expect(JSON.parse(run.stdout)).toHaveLength(1)
    const [other, cut] = recover()
    expect(other?.quantity).toBe(1)
    expect(cut?.quantity).toBeGreaterThan(50)
    expect(cut?.quantity).toBeLessThan(200)
    expect(errors, 'no half line is left').toEqual([])
  })
})

test('any run of operations, cut anywhere after its last rewrite, recovers what was noted up to the cut', () => {
  const key = fc.constantFrom('k1', 'k2', 'k3', 'k4')
  const operation = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('note' as const), key }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('forget' as const), key }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), key }) },
  )
  fc.assert(
    fc.property(
      fc.array(operation, { maxLength: 60 }),
      fc.integer({ min: 150, max: 2000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (operations, maxBytes, cut) => {
        fs.rmSync(path, { force: true })
        let journal = openJournal(path, { onError, maxBytes })
        const model = new Map<string, Batch>()
        const points = [{ bytes: 0, inode: fs.statSync(path).ino, live: new Map(model) }]
        for (const [index, { kind, key }] of operations.entries()) {
          if (kind === 'restart') {
            journal.close()
            journal = openJournal(path, { onError, maxBytes })
            expect(new Map(journal.recovered.map((b) => [b.idempotencyKey, b]))).toEqual(model)
          } else if (kind === 'note') {
            const noted = batch(key, (model.get(key)?.quantity ?? 0) + 1 + (index % 3))
            journal.note(noted)
            model.set(key, noted)
          } else {
            journal.forget([key])
            model.delete(key)
          }
          const { size: bytes, ino: inode } = fs.statSync(path)
          const before = points.at(-1)
          // A rewrite or an emptying: it is one rename or truncation, and no cut can fall inside it.
          if (inode !== before?.inode || bytes < before.bytes) points.length = 0
          points.push({ bytes, inode, live: new Map(model) })
        }
        journal.close()
        const [first, last] = [points[0]?.bytes ?? 0, points.at(-1)?.bytes ?? 0]
        const end = first + Math.floor(cut * (last - first))
        fs.truncateSync(path, end)
        const expected = points.findLast((point) => point.bytes <= end)?.live
        expect(new Map(recover().map((b) => [b.idempotencyKey, b]))).toEqual(expected)
        expect(errors).toEqual([])
      },
    ),
    { numRuns: 150 },
  )
})

describe('the lock', () => {
  test('a second opener is refused with the process that holds the file, until that one closes', () => {
    const journal = openJournal(path, { onError })
    expect(() => openJournal(path, { onError })).toThrow(JournalInUse)
    expect(() => openJournal(path, { onError })).toThrow(`in use by process ${process.pid}`)
    const program = `import { openJournal } from './src/usage/journal.ts'
      openJournal(${JSON.stringify(path)}, { onError() {} })`
    const other = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    expect(other.stderr).toContain(`in use by process ${process.pid}`)
    journal.note(batch('k1', 1))
    journal.close()
    expect(recover()).toEqual([batch('k1', 1)])
    expect(fs.readdirSync(dir)).toEqual(['usage.journal'])
  })

  test.each([
    ['a dead process', () => JSON.stringify({ pid: spawnSync('true').pid, started: 'x', token: 't' })],
    [
      'an earlier process with the same id',
      () => JSON.stringify({ pid: process.pid, started: 'x', token: 't' }),
    ],
    ['a machine that lost power', () => ''],
    ['a process group', () => JSON.stringify({ pid: -1, started: '', token: 't' })],
  ])('the lock of %s is taken over', (_name, content) => {
    fs.writeFileSync(`${path}.lock`, content())
    expect(recover()).toEqual([])
    expect(fs.readdirSync(dir)).toEqual(['usage.journal'])
  })

  test('of several processes that find a dead lock, exactly one gets the journal', async () => {
    fs.writeFileSync(`${path}.lock`, JSON.stringify({ pid: spawnSync('true').pid, started: 'x', token: 't' }))
    const program = `
      import { createInterface } from 'node:readline'
      import { openJournal } from './src/usage/journal.ts'
      const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
      console.log('ready')
      await lines.next()
      try { openJournal(${JSON.stringify(path)}, { onError() {} }); console.log('mine') }
      catch (error) { console.log(error.name) }
      await lines.next()`
    const racers = Array.from({ length: 4 }, () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program])
      return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
    })
    const answers = () => Promise.all(racers.map(async ({ lines }) => (await lines.next()).value))
    expect(await answers()).toEqual(Array(4).fill('ready'))
    for (const { child } of racers) child.stdin.write('go\n')
    const outcome = await answers()
    await Promise.all(
      racers.map(({ child }) => {
        child.stdin.end()
        return once(child, 'close')
      }),
    )
    expect(outcome.toSorted()).toEqual(['JournalInUse', 'JournalInUse', 'JournalInUse', 'mine'])
  })
})
