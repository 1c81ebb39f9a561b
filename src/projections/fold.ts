import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as giveWay } from 'node:timers/promises'
import { sql } from 'kysely'
import { type Database, openScratch } from '../db/database.ts'
import { migrate } from '../db/migrate.ts'
import { blindSeals, missingPersonalKeys, sealsOf } from '../db/seals.ts'
import type { Reader } from '../db/tables.ts'
import { factOf, readPage } from '../log/read.ts'
import { project } from './project.ts'

/** The tables as the log makes them, in a SQLite file of their own. */
export type Fold = {
  /** The log is folded up to here. */
  readonly position: number
  /** How many facts were folded. */
  readonly facts: number
  /** A key is missing: personal columns are null, whatever the log has. */
  readonly isBlind: boolean
  readonly tables: Reader
  /** Folds what `log` has after `position`, up to and with `until`. */
  advance(log: Reader, until: number): Promise<void>
  /** The file goes too, unless it was named. */
  close(): Promise<void>
}

type FoldOptions = {
  /** Only this tenant's facts, and those of no tenant. */
  tenantId?: string | undefined
  /** Default: a temporary file, with its journal in memory, since nobody needs it after a crash. */
  file?: string | undefined
  onProgress?: ((position: number) => void) | undefined
}

/** @param source the database whose facts are folded: its keys open what is sealed in them */
export async function openFold(
  source: Pick<Database, 'reader' | 'personalKeys'>,
  options: FoldOptions = {},
): Promise<Fold> {
  const { reader, personalKeys } = source
  const isBlind = (await missingPersonalKeys(reader, personalKeys)).length > 0
  // What is sealed is opened where the log is being read: there may be no other connection.
  let seals = blindSeals
  const directory = options.file === undefined ? await mkdtemp(join(tmpdir(), 'stepledger-fold-')) : undefined
  const scratch = openScratch(options.file ?? join(directory ?? '', 'fold.db'), {
    ...blindSeals,
    open: (subject, sealed) => seals.open(subject, sealed),
  })
  if (directory !== undefined) await giveUpDurability(scratch)
  await migrate(scratch)
  let position = 0
  let facts = 0
  return {
    get position() {
      return position
    },
    get facts() {
      return facts
    },
    isBlind,
    tables: scratch.reader,
    async advance(log, until) {
      if (!isBlind) seals = sealsOf(log, personalKeys)
      while (position < until) {
        const filter = { after: position, until, tenantId: options.tenantId, andTenantless: true }
        const page = await readPage(log, filter, pageSize)
        await scratch.transact(async (trx) => {
          if (options.file !== undefined && page.length > 0)
            await trx.insertInto('billing_events').values(page).execute()
          await project(trx, page.map(factOf))
        })
        position = page.length < pageSize ? until : (page.at(-1)?.position ?? until)
        facts += page.length
        options.onProgress?.(position)
        await giveWay()
      }
    },
    async close() {
      await scratch.close()
      if (directory !== undefined) await rm(directory, { recursive: true, force: true })
    },
  }
}

/** SQLite's calls are synchronous: a service that replays in its own process answers between two pages. */
const pageSize = 250

/** Keys come in no order, so pages are kept; what is overwritten goes with the file. */
async function giveUpDurability({ reader }: Database): Promise<void> {
  for (const setting of [
    'journal_mode = memory',
    'synchronous = off',
    'locking_mode = exclusive',
    'secure_delete = off',
    `cache_size = -${cacheKib}`,
  ])
    await sql.raw(`pragma ${setting}`).execute(reader)
}

const cacheKib = 64 * 1024
