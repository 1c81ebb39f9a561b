import { randomUUID } from 'node:crypto'
import type { AppContext } from '../context.ts'
import type { Reader } from '../db/tables.ts'
import { NotFound } from '../errors.ts'
import type { By } from '../log/by.ts'
import { type Fact, streams } from '../log/facts.ts'
import { factOf } from '../log/read.ts'
import { openFact } from '../log/subject.ts'
import { aboutIn } from './about.ts'
import { type RedactedFact, redact } from './redact.ts'

/**
 * A fact with all that may be shown of it: of Stripe's object everything but its texts. `personal` says `[erased]` where
 * nobody can open it any more.
 * @throws NotFound
 */
export async function showFact(reader: Reader, position: number): Promise<RedactedFact> {
  const fact = await factAt(reader, position)
  const view = { ...redact(fact), about: await aboutIn(reader, fact) }
  return (await wasErased(reader, fact)) ? { ...view, data: { ...view.data, personal: '[erased]' } } : view
}

/** Without its subject's key, or recorded after that was destroyed. */
async function wasErased(reader: Reader, { subject, sealed }: Fact): Promise<boolean> {
  if (subject === null || sealed === null) return subject !== null
  const key = await reader
    .selectFrom('subject_keys')
    .select('subject')
    .where('subject', '=', subject)
    .executeTakeFirst()
  return key === undefined
}

/** The fact with its personal data. Whoever looks leaves a fact. @throws NotFound */
export async function viewPersonal(
  { db, transact }: Pick<AppContext, 'db' | 'transact'>,
  position: number,
  by: By,
): Promise<RedactedFact> {
  const fact = await factAt(db.reader, position)
  await transact(by, (turn) =>
    turn.record(streams.operators, [
      {
        fact_id: `view:${randomUUID()}`,
        type: 'operator.personal_viewed',
        tenant_id: fact.tenant_id,
        data: { position, fact_id: fact.fact_id },
      },
    ]),
  )
  const { data } = await openFact(db.reader, fact)
  return { ...redact(fact), data, about: await aboutIn(db.reader, fact) }
}

async function factAt(reader: Reader, position: number): Promise<Fact> {
  const row = await reader
    .selectFrom('billing_events')
    .selectAll()
    .where('position', '=', position)
    .executeTakeFirst()
  if (row === undefined) throw new NotFound('fact')
  return factOf(row)
}
