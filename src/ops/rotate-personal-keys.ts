import type { Database } from '../db/database.ts'
import { readKeyFile, rewriteKeyFile } from '../db/personal-key-file.ts'
import { keyId, newKey } from '../db/personal-keys.ts'
import { assertPersonalKeys } from '../db/seals.ts'
import type { Trx } from '../db/tables.ts'

type Rotation = {
  /** The id of the key that wraps all subjects' keys now. */
  wrapped_by: string
  /** How many this run has wrapped anew, and how many there are. */
  rewrapped: number
  subjects: number
}

/**
 * Wraps every subject's key by the newest of the service's keys; what is sealed by the subjects' keys stays as it is. A crash
 * anywhere leaves every row openable by a key that is still kept, and the same call again goes on.
 * @param file the key file, which gets a new key; undefined: the keys are settings, and the new one is set already
 * @throws NoPersonalKey when something is wrapped by a key that is not here
 */
export async function rotatePersonalKeys(
  db: Database,
  file: string | undefined,
  onProgress?: (done: number, total: number) => void,
): Promise<Rotation> {
  await assertPersonalKeys(db)
  // Whoever wraps looks at the file in its own turn: after this turn, nobody wraps by an older key any more.
  if (file !== undefined) await db.transact((trx) => addNewKey(trx, file))
  const { newest } = db.personalKeys
  const total = await countKeys(db)
  let rewrapped = 0
  for (let after: string | undefined = ''; after !== undefined; ) {
    const from: string = after
    const page = await db.transact((trx) => rewrapPage(trx, db, newest, from))
    rewrapped += page.length
    onProgress?.(rewrapped, total)
    after = page.at(-1)
  }
  return { wrapped_by: newest, rewrapped, subjects: await countKeys(db) }
}

/**
 * The new key stands in the file before anything is wrapped by it, and the old ones that still wrap something, behind it. Those
 * that wrap nothing, of earlier rotations, leave. Doing it twice does no harm: if the first key does not wrap everything yet, it
 * is the new one of a rotation that was cut off.
 */
async function addNewKey(trx: Trx, file: string): Promise<void> {
  const rows = await trx.selectFrom('subject_keys').select('wrapped_by').distinct().execute()
  const used = new Set(rows.map(({ wrapped_by }) => wrapped_by))
  const [first, ...others] = readKeyFile(file).map((key) => ({ key, isUsed: used.delete(keyId(key)) }))
  const isCutOff = first === undefined || used.size > 0 || others.some(({ isUsed }) => isUsed)
  if (isCutOff) return
  rewriteKeyFile(file, [newKey(), first.key])
}

/** The subjects of the next rows that another key wraps: now the newest does. */
async function rewrapPage(
  trx: Trx,
  { personalKeys }: Pick<Database, 'personalKeys'>,
  newest: string,
  after: string,
): Promise<string[]> {
  const rows = await trx
    .selectFrom('subject_keys')
    .select(['subject', 'wrapped', 'wrapped_by'])
    .where('wrapped_by', '<>', newest)
    .where('subject', '>', after as never)
    .orderBy('subject')
    .limit(pageSize)
    .execute()
  for (const { subject, ...wrapped } of rows)
    await trx
      .updateTable('subject_keys')
      .set(personalKeys.wrap(subject, personalKeys.unwrap(subject, wrapped)))
      .where('subject', '=', subject)
      .execute()
  return rows.map(({ subject }) => subject)
}

/** A service's writers wait for one page, some 10 ms. */
const pageSize = 200

async function countKeys({ reader }: Pick<Database, 'reader'>): Promise<number> {
  const { count } = await reader
    .selectFrom('subject_keys')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return count
}
