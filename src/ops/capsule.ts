import { z } from 'zod'
import { finalStatuses } from '../../machines/onboarding-steps.ts'
import type { Database } from '../db/database.ts'
import { tableRow } from '../db/fields.ts'
import type { Reader, Row } from '../db/tables.ts'
import { sessionRow } from '../inbox/sessions/store.ts'
import { genesisHash, hashOf } from '../log/append.ts'
import { canonicalJson } from '../log/canonical-json.ts'
import { type Fact, streams } from '../log/facts.ts'
import { factOf, readFacts } from '../log/read.ts'
import { personalOf } from '../log/subject.ts'
import type { JsonObject } from '../log/take-apart.ts'
import { maskValue } from '../logging/mask.ts'
import { machineVersion } from '../session/session.ts'
import { foldCapsule } from './fold-capsule.ts'
import { placeholders } from './placeholders.ts'
import { PathStep, Stranded } from './session-path.ts'

const factRow = z.object({
  position: z.int().positive(),
  stream: z.string(),
  version: z.int().positive(),
  fact_id: z.string(),
  type: z.string(),
  tenant_id: z.string().nullable(),
  data: z.record(z.string(), z.unknown()),
  metadata: z.record(z.string(), z.unknown()),
  occurred_at: z.string(),
  recorded_at: z.string(),
  previous_hash: z.string(),
  hash: z.string(),
})

/** An incident in one file: what happened to a session, without personal data, and how it ended. */
export const capsule = z.object({
  format: z.literal('stepledger-capsule/1'),
  session_id: z.string(),
  tenant_id: z.string(),
  exported_at: z.string(),
  machine_version: z.string(),
  /** The session's, and its tenant's billing facts meanwhile. Hashes chain them as they stand here, in this order. */
  facts: z.array(factRow),
  result: z.object({
    /** As the live table had it. */
    place: z.string().nullable(),
    status: z.string(),
    stranded: Stranded.nullable(),
    path: z.array(PathStep.pick({ position: true, type: true, place: true })),
    /** The tenant's rows as these facts alone make them. */
    tables: z.record(z.string(), z.array(tableRow)),
  }),
})
export type Capsule = z.infer<typeof capsule>

/**
 * The session's facts, and those of its tenant's billing from the session's first fact on: to its last one if it is
 * over, else to the log's end. @throws NotFound
 */
export async function exportCapsule({ reader }: Database, sessionId: string, now: Date): Promise<Capsule> {
  const row = await sessionRow(reader, sessionId)
  const own = await Array.fromAsync(readFacts(reader, { stream: streams.onboarding(sessionId) }))
  const billing = readFacts(reader, {
    stream: streams.billing(row.tenant_id),
    after: own[0]?.position ?? 0,
    until: finalStatuses.includes(row.status) ? row.last_position : undefined,
  })
  const all = [...own, ...(await Array.fromAsync(billing))].sort((a, b) => a.position - b.position)
  const facts = chained(await redacted(reader, all))
  const folded = await foldCapsule(
    facts.map((row) => factOf(row)),
    sessionId,
    row.tenant_id,
  )
  return {
    format: 'stepledger-capsule/1',
    session_id: sessionId,
    tenant_id: row.tenant_id,
    exported_at: now.toISOString(),
    machine_version: machineVersion,
    facts: facts.map((fact) => ({
      ...fact,
      data: JSON.parse(fact.data),
      metadata: JSON.parse(fact.metadata),
    })),
    result: {
      place: row.place,
      status: row.status,
      stranded: folded.stranded,
      path: folded.path.map(({ position, type, place }) => ({ position, type, place })),
      tables: folded.tables,
    },
  }
}

export type CapsuleReplay = {
  session_id: string
  machine_version: string
  /** Of the code that wrote the capsule. */
  recorded_machine_version: string
  path: PathStep[]
  place: string | null
  recorded_place: string | null
  stranded: Stranded | null
  /** What is not as it was recorded, for people. */
  differences: string[]
  ok: boolean
}

/**
 * Folds a capsule by this code, offline. A session that was stranded when it was recorded, and is not any more, is
 * mended: its place and rows have nothing to be compared with.
 */
export async function replayCapsule(recorded: Capsule): Promise<CapsuleReplay> {
  const differences = brokenChain(recorded)
  const rows = recorded.facts.map((fact) => rowOf(fact, fact.previous_hash))
  const folded = await foldCapsule(
    rows.map((row) => factOf(row)),
    recorded.session_id,
    recorded.tenant_id,
  )
  const place = folded.path.at(-1)?.place ?? null
  if (recorded.result.stranded === null) {
    if (place !== recorded.result.place)
      differences.push(`the session ends in ${place}; recorded was ${recorded.result.place}`)
    differences.push(...otherSteps(recorded, folded.path), ...otherRows(recorded, folded.tables))
  }
  return {
    session_id: recorded.session_id,
    machine_version: machineVersion,
    recorded_machine_version: recorded.machine_version,
    path: folded.path,
    place,
    recorded_place: recorded.result.place,
    stranded: folded.stranded,
    differences,
    ok: differences.length === 0 && folded.stranded === null,
  }
}

/** With placeholders in the clear where the log has what is sealed: a capsule is read without any key. */
async function redacted(reader: Reader, facts: Fact[]): Promise<Unchained[]> {
  const { hide, hideTexts } = placeholders()
  const rows: Unchained[] = []
  for (const fact of facts) {
    const { data } = fact
    const personal = await personalIn(reader, fact)
    const isStripes = 'event' in data || 'object' in data
    rows.push({
      ...fact,
      data: maskValue({
        ...data,
        ...(personal === undefined ? {} : { personal: isStripes ? hideTexts(personal) : hide(personal) }),
      }),
      // A request id may be the caller's own text.
      metadata: maskValue(fact.metadata),
    })
  }
  return rows
}

/** Undefined: the fact has none. */
async function personalIn(reader: Reader, fact: Fact): Promise<JsonObject | undefined> {
  const { data } = fact
  if (!('personal' in data)) return undefined
  const { personal } = data
  return ((await personalOf<object>(reader, { ...fact, data: { personal } })) ?? {}) as JsonObject
}

function chained(facts: Unchained[]): Row<'billing_events'>[] {
  let previousHash = genesisHash
  return facts.map((fact) => {
    const row = rowOf(fact, previousHash)
    previousHash = row.hash
    return row
  })
}

type Unchained = Omit<z.infer<typeof factRow>, 'previous_hash' | 'hash'>

function rowOf(fact: Unchained, previousHash: string): Row<'billing_events'> {
  const { position, stream, version, fact_id, type, tenant_id, occurred_at, recorded_at } = fact
  const row = {
    ...{ position, stream, version, fact_id, type, tenant_id, occurred_at, recorded_at },
    ...{ subject: null, sealed: null },
    data: canonicalJson(fact.data),
    metadata: canonicalJson(fact.metadata),
    previous_hash: previousHash,
  }
  return { ...row, hash: hashOf(row) }
}

function brokenChain({ facts }: Capsule): string[] {
  let previousHash = genesisHash
  for (const fact of facts) {
    const { hash } = rowOf(fact, previousHash)
    if (fact.previous_hash !== previousHash || fact.hash !== hash)
      return [`the fact at position ${fact.position} was changed after the export`]
    previousHash = hash
  }
  return []
}

function otherSteps({ result }: Capsule, path: PathStep[]): string[] {
  const index = path.findIndex(({ place }, step) => place !== result.path[step]?.place)
  const step = path[index]
  return step === undefined
    ? []
    : [`after ${step.type} (${step.position}) it is in ${step.place}, not in ${result.path[index]?.place}`]
}

/** A column that the table did not have then is no difference. */
function otherRows({ result }: Capsule, tables: Capsule['result']['tables']): string[] {
  return Object.entries(result.tables)
    .filter(([table, rows]) => {
      const present = tables[table] ?? []
      return (
        rows.length !== present.length ||
        rows.some((row, index) =>
          Object.entries(row).some(([name, value]) => present[index]?.[name] !== value),
        )
      )
    })
    .map(([table]) => `the facts make other rows of ${table}`)
}
