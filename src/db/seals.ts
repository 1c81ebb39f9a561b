import { createHmac } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Database } from './database.ts'
import { NoPersonalKey, newKey, type PersonalKeys } from './personal-keys.ts'
import { prepared } from './prepared.ts'
import { seal, unseal } from './seal.ts'
import { hasTable } from './stored-form.ts'
import type { Seals, Subject, Tables } from './tables.ts'

/** Of connections that outlive an erasure: no key is remembered, and nothing is sealed. */
export function freshSealsOf(db: Kysely<Tables>, keys: PersonalKeys): Seals {
  const onlyInTransactions = () =>
    Promise.reject(new Error('Facts are sealed in the transaction that records them'))
  return {
    seal: onlyInTransactions,
    handOver: onlyInTransactions,
    forgetKeys: () => {},
    hash: onlyInTransactions,
    open: (subject, sealed) => sealsOf(db, keys).open(subject, sealed),
  }
}

/** @param db where `subject_keys` is read, and written when something is sealed: a transaction then */
export function sealsOf(db: Kysely<Tables>, keys: PersonalKeys): Seals {
  // For as long as this transaction or replay lasts: what is rolled back is forgotten with it.
  const opened = new Map<Subject, Buffer | null>()
  const keyOf = async (subject: Subject) => {
    let key = opened.get(subject)
    if (key !== undefined) return key
    const row = (await wrappedKey(db, { subject })).rows[0]
    key = row === undefined ? null : keys.unwrap(subject, row)
    if (opened.size >= rememberedKeys) opened.clear()
    opened.set(subject, key)
    return key
  }
  const createKey = async (subject: Subject, tenantId: string | null, now: string) => {
    const key = newKey()
    await db
      .insertInto('subject_keys')
      .values({ subject, tenant_id: tenantId, ...keys.wrap(subject, key), created_at: now })
      .execute()
    opened.set(subject, key)
    return key
  }
  return {
    async seal(subject, tenantId, text, now) {
      let key = await keyOf(subject)
      if (key === null) {
        if (await isForgotten(db, subject, tenantId)) return null
        key = await createKey(subject, tenantId, now)
      }
      return seal(key, subject, text)
    },
    async open(subject, sealed) {
      const key = await keyOf(subject)
      return key === null ? null : unseal(key, subject, sealed).toString('utf8')
    },
    async handOver(subject, tenantId) {
      await db
        .updateTable('subject_keys')
        .set({ tenant_id: tenantId })
        .where('subject', '=', subject)
        .where('tenant_id', 'is', null)
        .execute()
    },
    forgetKeys: () => opened.clear(),
    async hash(text, now) {
      const key = (await keyOf('hashes')) ?? (await createKey('hashes', null, now))
      return createHmac('sha256', key).update(text).digest('hex')
    },
  }
}

const wrappedKey = prepared((db, { subject }: { subject: Subject }) =>
  db.selectFrom('subject_keys').select(['wrapped', 'wrapped_by']).where('subject', '=', subject),
)

/** An event that is nobody's may still be about a customer of an erased tenant. */
async function isForgotten(db: Kysely<Tables>, subject: Subject, tenantId: string | null): Promise<boolean> {
  if (tenantId !== null) return isErased(db, tenantId)
  if (!subject.startsWith('customer:')) return false
  const customer = await db
    .selectFrom('billing_customers')
    .select('tenant_id')
    .where('customer_id', '=', subject.slice('customer:'.length))
    .executeTakeFirst()
  return customer !== undefined && isErased(db, customer.tenant_id)
}

export async function isErased(db: Kysely<Tables>, tenantId: string): Promise<boolean> {
  const row = await db
    .selectFrom('erased_tenants')
    .select('tenant_id')
    .where('tenant_id', '=', tenantId)
    .executeTakeFirst()
  return row !== undefined
}

const rememberedKeys = 10_000

/** For who has no key and needs none: everything personal reads as erased. */
export const blindSeals: Seals = {
  seal: () => Promise.reject(new NoPersonalKey()),
  open: () => Promise.resolve(null),
  handOver: () => Promise.reject(new NoPersonalKey()),
  forgetKeys: () => {},
  hash: () => Promise.reject(new NoPersonalKey()),
}

/** The ids of the service's keys that are needed here and are not at hand: empty when everything can be opened. */
export async function missingPersonalKeys(db: Kysely<Tables>, keys: PersonalKeys): Promise<string[]> {
  const rows = await db.selectFrom('subject_keys').select('wrapped_by').distinct().execute()
  return rows.map(({ wrapped_by }) => wrapped_by).filter((id) => !keys.has(id))
}

/** Also before the schema is there: nothing is sealed then. @throws NoPersonalKey */
export async function assertPersonalKeys(
  db: Pick<Database, 'reader' | 'dialect' | 'personalKeys'>,
): Promise<void> {
  if (!(await hasTable(db, 'subject_keys'))) return
  const [missing] = await missingPersonalKeys(db.reader, db.personalKeys)
  if (missing !== undefined) throw new NoPersonalKey(missing)
}
