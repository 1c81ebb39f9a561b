import { createHash } from 'node:crypto'
import { tableOf } from '../db/keys-of.ts'
import { prepared } from '../db/prepared.ts'
import type { Row, Trx } from '../db/tables.ts'
import { Conflict } from '../errors.ts'
import { canonicalJson } from './canonical-json.ts'
import { facts as catalogue, type Fact, metadata, type NewFact } from './facts.ts'
import { factOf, lastPosition } from './read.ts'
import { subjectOf } from './subject.ts'

/**
 * Appends facts to the end of one stream, in this order. Facts whose id the log (or this call) has already are left out, so that
 * appending twice is harmless; what comes back are the facts that are new.
 * @param expectedVersion the version of the stream's last fact as the caller decided on it (0: no facts), or 'any'
 * @throws StreamMoved when the stream has other facts by now; ZodError when a fact does not fit the catalogue
 */
export async function append(
  trx: Trx,
  stream: string,
  expectedVersion: number | 'any',
  newFacts: readonly NewFact[],
  now: string,
): Promise<Fact[]> {
  const idsInLog = await findIds(trx, newFacts)
  const fresh = newFacts.filter(({ fact_id }) => !idsInLog.has(fact_id) && idsInLog.add(fact_id))
  if (fresh.length === 0) return []
  // Safe from races: `transact` lets one writer in at a time, of all processes.
  let { version, hash: previousHash } = trx.logEnd.heads.get(stream) ?? (await headOfStream(trx, stream))
  if (expectedVersion !== 'any' && expectedVersion !== version)
    throw new StreamMoved(stream, expectedVersion, version)
  let position = trx.logEnd.position ?? (await lastPosition(trx))

  const recorded: Fact[] = []
  const rows: Row<'billing_events'>[] = []
  for (const fact of fresh) {
    const data = catalogue[fact.type].parse(fact.data) as Clear
    const row: Row<'billing_events'> = {
      position: ++position,
      stream,
      version: ++version,
      fact_id: fact.fact_id,
      type: fact.type,
      tenant_id: fact.tenant_id,
      ...(await stored(trx, fact, data, now)),
      metadata: canonicalJson(metadata.parse(fact.metadata)),
      occurred_at: fact.occurred_at,
      recorded_at: now,
      previous_hash: previousHash,
      hash: '',
    }
    row.hash = hashOf(row)
    previousHash = row.hash
    rows.push(row)
    const written = factOf(row)
    // Whoever brings the tables up to date now need not open it.
    const { personal } = data
    recorded.push(
      row.sealed === null || fact.sealed
        ? written
        : ({ ...written, data: { ...written.data, personal } } as unknown as Fact),
    )
  }
  // 14 columns a row: SQLite takes 32,766 parameters in a statement.
  for (let start = 0; start < rows.length; start += 500)
    await insertFacts(trx, { rows: rows.slice(start, start + 500) })
  trx.logEnd.position = position
  trx.logEnd.heads.set(stream, { version, hash: previousHash })
  return recorded
}

async function headOfStream(trx: Trx, stream: string): Promise<{ version: number; hash: string }> {
  const { rows } = await lastOfStream(trx, { stream })
  return rows[0] ?? { version: 0, hash: genesisHash }
}

const insertFacts = prepared((db, { rows }: { rows: Row<'billing_events'>[] }) =>
  db.insertInto('billing_events').values(rows),
)

const lastOfStream = prepared((db, { stream }: { stream: string }) =>
  db
    .selectFrom('billing_events')
    .select(['version', 'hash'])
    .where('stream', '=', stream)
    .orderBy('version', 'desc')
    .limit(1),
)

type Clear = Record<string, unknown> & { personal?: Record<string, unknown> }

/** The fact's columns for its data. What is empty is not sealed: then there is nothing that could be erased. */
async function stored(
  trx: Trx,
  fact: NewFact,
  { personal, ...data }: Clear,
  now: string,
): Promise<Pick<Row<'billing_events'>, 'data' | 'subject' | 'sealed'>> {
  if (fact.sealed !== undefined && fact.sealed.subject !== null) {
    // In the fact that this one repeats: it is not sealed twice. Whose it is may have become known.
    if (fact.tenant_id !== null) await trx.seals.handOver(fact.sealed.subject, fact.tenant_id)
    return { data: canonicalJson(data), ...fact.sealed }
  }
  if (personal === undefined) return { data: canonicalJson(data), subject: null, sealed: null }
  if (isEmpty(personal)) return { data: canonicalJson({ ...data, personal }), subject: null, sealed: null }
  const subject = subjectOf(fact)
  const sealed = await trx.seals.seal(subject, fact.tenant_id, canonicalJson(personal), now)
  return { data: canonicalJson(data), subject, sealed }
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'string') return value === ''
  return value === null || (typeof value === 'object' && Object.values(value).every(isEmpty))
}

/** `previous_hash` of a stream's first fact. */
export const genesisHash = '0'.repeat(64)

/** SHA-256, hex, over the canonical JSON of all columns but `position` (the order among streams) and the hash itself. */
export function hashOf(row: Omit<Row<'billing_events'>, 'hash' | 'position'>): string {
  const hashed = tableOf(hashedColumns, (column) => row[column])
  return createHash('sha256').update(canonicalJson(hashed)).digest('hex')
}

const hashedColumns = [
  ...(['stream', 'version', 'fact_id', 'type', 'tenant_id', 'data', 'subject', 'sealed'] as const),
  ...(['metadata', 'occurred_at', 'recorded_at', 'previous_hash'] as const),
]

/** Somebody else appended to the stream after the caller had read it. The same request again decides anew. */
export class StreamMoved extends Conflict {
  constructor(stream: string, expected: number, actual: number) {
    super('Another request changed this at the same moment; send the same request again', {
      stream,
      expected_version: expected,
      actual_version: actual,
    })
    this.name = 'StreamMoved'
  }
}

async function findIds(trx: Trx, newFacts: readonly NewFact[]): Promise<Set<string>> {
  const ids = newFacts.map((fact) => fact.fact_id)
  const idsInLog = new Set<string>()
  for (let start = 0; start < ids.length; start += 1000) {
    const { rows } = await presentIds(trx, { ids: ids.slice(start, start + 1000) })
    for (const row of rows) idsInLog.add(row.fact_id)
  }
  return idsInLog
}

const presentIds = prepared((db, { ids }: { ids: string[] }) =>
  db.selectFrom('billing_events').select('fact_id').where('fact_id', 'in', ids),
)
