import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { dirname, resolve } from 'node:path'
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { codeOf } from '../db/private-file.ts'

/** Calls of one tenant under one key. The key is given with the first call, so a recovered batch keeps it. */
export type Batch = {
  readonly idempotencyKey: string
  readonly tenantId: string
  quantity: number
  /** Unix milliseconds of the last call in `quantity`. */
  lastCallMs: number
}

type Journal = {
  /** What an earlier process noted and did not forget. Never add calls to these: they may be recorded already. */
  readonly recovered: readonly Batch[]
  /** Appends the batch's present quantity; the last note of a batch is the one that holds. Never throws. */
  note(batch: Batch): void
  /** The batches are recorded for good. Never throws. */
  forget(idempotencyKeys: readonly string[]): void
  /** Closes the file and releases the lock. What is not forgotten stays for the next `openJournal`. */
  close(): void
}

/**
 * An append-only file of counts, one line per call, each with a checksum: `crc32 ["=",key,tenant,quantity,ms]` or
 * `crc32 ["-",[keys]]`. A note is handed to the kernel before it returns: it survives kill -9 of the process, not a
 * loss of power (there is no fsync). The file is rewritten through a rename once it passes `maxBytes` (1 MiB), and
 * emptied whenever nothing is left to remember.
 *
 * A torn last line is dropped: its note never returned. Other unreadable lines go to `onError` as one error and are
 * skipped, and the file is kept as `PATH.corrupt-MS`. A failed write (disk full) goes to `onError` once per streak;
 * notes carry whole quantities, so the next one that succeeds makes up for those that failed.
 *
 * The lock `PATH.lock` holds between the processes of one machine that see each other's process ids: containers
 * that share a volume need a journal each.
 * @throws JournalInUse, and the file system's errors at opening
 */
export function openJournal(
  path: string,
  options: { onError: (error: unknown) => void; maxBytes?: number },
): Journal {
  const { onError, maxBytes = 1024 * 1024 } = options
  const file = resolve(path)
  fs.mkdirSync(dirname(file), { recursive: true })
  const unlock = lock(file)
  let fd = -1
  let sizeBytes = 0
  let limitBytes = maxBytes
  let failing = false
  let live: Map<string, Batch>

  const rewrite = () => {
    // Doubled first: a rewrite that fails, or that frees little, is not tried again at every call.
    limitBytes = Math.max(maxBytes, 2 * sizeBytes)
    const text = [...live.values()].map(noteLine).join('')
    const next = fs.openSync(`${file}.new`, appending | fs.constants.O_TRUNC, 0o600)
    try {
      fs.writeFileSync(next, text)
      fs.renameSync(`${file}.new`, file)
    } catch (error) {
      fs.closeSync(next)
      throw error
    }
    if (fd >= 0) fs.closeSync(fd)
    fd = next
    sizeBytes = Buffer.byteLength(text)
    limitBytes = Math.max(maxBytes, 2 * sizeBytes)
  }

  const append = (line: string) => {
    const bytes = Buffer.byteLength(line)
    let written = -1
    try {
      written = fs.writeSync(fd, line)
    } finally {
      // The half that was written would spoil the line after it.
      if (written !== bytes) fs.ftruncateSync(fd, sizeBytes)
    }
    if (written !== bytes) throw new Error(`${file}: ${written} of ${bytes} bytes were written`)
    sizeBytes += bytes
    if (sizeBytes > limitBytes) rewrite()
  }

  const attempt = (write: () => void) => {
    // After close() the number of the descriptor may be another file's.
    if (fd < 0) return
    try {
      write()
      failing = false
    } catch (error) {
      if (!failing) onError(error)
      failing = true
    }
  }

  try {
    live = replay(file, onError)
    rewrite()
  } catch (error) {
    unlock()
    throw error
  }

  return {
    recovered: [...live.values()],
    note: (batch) => {
      live.set(batch.idempotencyKey, batch)
      attempt(() => append(noteLine(batch)))
    },
    forget: (keys) => {
      for (const key of keys) live.delete(key)
      attempt(() => {
        if (live.size > 0) return append(line(JSON.stringify(['-', keys])))
        fs.ftruncateSync(fd, 0)
        sizeBytes = 0
      })
    },
    close: () => {
      if (fd < 0) return
      fs.closeSync(fd)
      fd = -1
      unlock()
    },
  }
}

/** Another living process (or another `openJournal` of this one) writes to the file. */
export class JournalInUse extends Error {
  readonly pid: number
  constructor(file: string, pid: number) {
    super(
      `The usage journal ${file} is in use by process ${pid}: give each process a journal of its own, or stop it`,
    )
    this.name = 'JournalInUse'
    this.pid = pid
  }
}

const appending = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_APPEND

const id = z.string().min(1)
const entry = z.union([
  z.tuple([z.literal('='), id, id, z.int().positive(), z.int().min(0).max(8.64e15)]),
  z.tuple([z.literal('-'), z.array(id)]),
])

const line = (payload: string) => `${crc32(payload).toString(16).padStart(8, '0')} ${payload}\n`

const noteLine = (batch: Batch) =>
  line(
    `["=",${JSON.stringify(batch.idempotencyKey)},${JSON.stringify(batch.tenantId)},${batch.quantity},${batch.lastCallMs}]`,
  )

function replay(file: string, onError: (error: unknown) => void): Map<string, Batch> {
  const live = new Map<string, Batch>()
  const unreadable: number[] = []
  const lines = (readIfThere(file) ?? '').split('\n').slice(0, -1)
  for (const [index, text] of lines.entries()) {
    const parsed = parseLine(text)
    if (parsed === undefined) unreadable.push(index + 1)
    else if (parsed[0] === '-') for (const key of parsed[1]) live.delete(key)
    else {
      const [, idempotencyKey, tenantId, quantity, lastCallMs] = parsed
      live.set(idempotencyKey, { idempotencyKey, tenantId, quantity, lastCallMs })
    }
  }
  if (unreadable.length > 0) {
    const copy = `${file}.corrupt-${Date.now()}`
    fs.copyFileSync(file, copy)
    const which = unreadable.slice(0, 10).join(', ') + (unreadable.length > 10 ? ', …' : '')
    onError(
      new Error(
        `The usage journal ${file} has ${unreadable.length} unreadable line(s) (${which}): calls noted there alone are not counted; a copy is in ${copy}`,
      ),
    )
  }
  return live
}

function parseLine(text: string): z.infer<typeof entry> | undefined {
  const payload = text.slice(9)
  if (line(payload) !== `${text}\n`) return undefined
  try {
    return entry.safeParse(JSON.parse(payload)).data
  } catch {
    return undefined
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function lock(file: string): () => void {
  const path = `${file}.lock`
  const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid), token: randomUUID() })
  take(path, mine, file)
  return () => {
    if (readIfThere(path) === mine) fs.unlinkSync(path)
  }
}

function take(path: string, mine: string, file: string): void {
  const draft = `${path}.${randomUUID()}`
  fs.writeFileSync(draft, mine, { flag: 'wx', mode: 0o600 })
  try {
    for (;;) {
      try {
        // A link appears with its content: nobody reads a lock that is half written.
        fs.linkSync(draft, path)
        return
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error
      }
      const held = readIfThere(path)
      if (held === undefined) continue
      const pid = livingOwner(held)
      if (pid !== undefined) throw new JournalInUse(file, pid)
      // Of two that find a dead owner's lock, one alone gets the right to replace exactly that lock.
      const right = `${path}.${crc32(held).toString(16)}`
      take(right, mine, file)
      try {
        if (readIfThere(path) !== held) continue
        fs.renameSync(draft, path)
        return
      } finally {
        fs.unlinkSync(right)
      }
    }
  } finally {
    fs.rmSync(draft, { force: true })
  }
}

const owner = z.object({ pid: z.int().positive(), started: z.string() })

function livingOwner(held: string): number | undefined {
  let content: unknown
  try {
    content = JSON.parse(held)
  } catch {}
  const { data } = owner.safeParse(content)
  if (data === undefined) return undefined
  try {
    process.kill(data.pid, 0)
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return undefined
  }
  const started = startOf(data.pid)
  return started === '' || data.started === '' || started === data.started ? data.pid : undefined
}

/** Tells a process from a later one with its id (a container's is 1 each time). Empty where there is no /proc. */
function startOf(pid: number): string {
  try {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    if (fields[0] === 'Z' || fields[0] === 'X') return 'dead'
    return `${fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`
  } catch {
    return ''
  }
}
