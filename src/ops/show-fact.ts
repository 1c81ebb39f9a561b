import { randomUUID } from 'node:crypto'
import type { AppContext, By } from '../context.ts'
import { metadataOf } from '../context.ts'
import type { Reader } from '../db/tables.ts'
import { NotFound } from '../errors.ts'
import { type Fact, streams } from '../log/facts.ts'
import { factOf } from '../log/read.ts'
import { record } from '../projections/record.ts'
import { aboutIn } from './about.ts'
import { placeholders } from './placeholders.ts'
import { type RedactedFact, redact } from './redact.ts'

/** A fact with all that may be shown of it: of Stripe's object everything but what is personal. @throws NotFound */
export async function showFact(reader: Reader, position: number): Promise<RedactedFact> {
  const fact = await factAt(reader, position)
  const shown = { ...redact(fact), about: await aboutIn(reader, fact) }
  const object = objectIn(fact)
  return object === undefined
    ? shown
    : { ...shown, data: { ...shown.data, object: placeholders().hide(object) } }
}

/** The fact with its personal data. Whoever looks leaves a fact. @throws NotFound */
export async function viewPersonal(
  { db, now }: Pick<AppContext, 'db' | 'now'>,
  position: number,
  by: By,
): Promise<RedactedFact> {
  const fact = await factAt(db.reader, position)
  const time = now().toISOString()
  await db.transact((trx) =>
    record(
      trx,
      streams.operators,
      'any',
      [
        {
          fact_id: `view:${randomUUID()}`,
          type: 'operator.personal_viewed',
          tenant_id: fact.tenant_id,
          data: { position, fact_id: fact.fact_id },
          metadata: metadataOf(by),
          occurred_at: time,
        },
      ],
      time,
    ),
  )
  return { ...redact(fact), data: fact.data, about: await aboutIn(db.reader, fact) }
}

/** Stripe's object, where the fact has one. */
function objectIn({ type, data }: Fact): unknown {
  switch (type) {
    case 'stripe.object_observed':
      return (data as Fact<typeof type>['data']).personal.object
    case 'stripe.event_received':
    case 'stripe.event_released': {
      const { event } = (data as Fact<typeof type>['data']).personal
      return (event.data as { object?: unknown } | undefined)?.object
    }
    default:
      return undefined
  }
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
