import type { Database } from '../db/database.ts'
import type { Reader, Row } from '../db/tables.ts'
import { genesisHash, hashOf } from '../log/append.ts'
import { facts as catalogue, type FactType, metadata } from '../log/facts.ts'
import { headOf, positionOfHead, type StreamHeads } from '../log/head.ts'
import { lastPosition, readRows } from '../log/read.ts'
import { type Drift, driftText } from '../projections/drift.ts'
import { verifyTables } from '../projections/replay.ts'
import { Tally } from '../projections/tally.ts'

/** Something that is not as it was written. `stream`, `version` and `position` say where in the log, if there. */
export type LogFault = {
  kind: 'position' | 'version' | 'previous_hash' | 'hash' | 'catalogue' | 'head' | 'drift' | 'replay'
  stream: string | null
  version: number | null
  position: number | null
  message: string
}

export type VerifyReport = {
  position: number
  /** `POSITION:HASH`: the log as it was verified, to be compared with another day. */
  head: string
  facts: number
  streams: number
  seconds: number
  ok: boolean
  /** False: the key of what is sealed was not here, and personal columns were not compared. */
  personal_compared: boolean
  /** The first thousand. */
  faults: LogFault[]
  fault_count: number
  /** The faults of kind `drift`, value by value: the first thousand. */
  drift: Drift[]
  drift_count: number
}

export type VerifyOptions = {
  /** The head that the log had once: at its position it must have it still. */
  head?: string | undefined
  onProgress?: ((position: number, last: number) => void) | undefined
}

/**
 * Checks the log (positions and versions without gaps, hash chains, facts that fit the catalogue), then the tables
 * against it. Changes nothing.
 */
export async function verify(db: Database, options: VerifyOptions = {}): Promise<VerifyReport> {
  const start = performance.now()
  const { faults, ...log } = await verifyLog(db.reader, options)
  const { personal_compared, drift, drift_count } = await checkTables(db, faults, options)
  return {
    ...log,
    seconds: Number(((performance.now() - start) / 1000).toFixed(3)),
    ok: faults.count === 0,
    personal_compared,
    faults: faults.first,
    fault_count: faults.count,
    drift,
    drift_count,
  }
}

/** The log alone, up to the last fact that it has now. */
export async function verifyLog(
  reader: Reader,
  { head: wanted, onProgress }: VerifyOptions = {},
): Promise<Pick<VerifyReport, 'position' | 'head' | 'facts' | 'streams'> & { faults: Tally<LogFault> }> {
  const heads: StreamHeads = new Map()
  const faults = new Tally<LogFault>()
  const until = await lastPosition(reader)
  const wantedAt = wanted === undefined ? undefined : positionOfHead(wanted)
  let wantedIs: string | undefined
  let position = 0
  let facts = 0
  for await (const row of readRows(reader, { until })) {
    if (wantedAt !== undefined && row.position > wantedAt) wantedIs ??= headOf(wantedAt, heads)
    const at = { stream: row.stream, version: row.version, position: row.position }
    const fault = (kind: LogFault['kind'], message: string) => faults.add({ kind, ...at, message })
    if (row.position !== position + 1)
      fault('position', `positions ${position + 1} to ${row.position - 1} are missing`)
    const last = heads.get(row.stream) ?? { version: 0, hash: genesisHash }
    if (row.version !== last.version + 1)
      fault('version', `the stream goes from version ${last.version} to ${row.version}`)
    if (row.previous_hash !== last.hash)
      fault('previous_hash', 'previous_hash is not the hash of the fact before it in the stream')
    const problem = problemOf(row)
    if (problem !== null) fault('catalogue', problem)
    if (row.hash !== hashOf(row)) fault('hash', 'the hash is not that of the columns: the fact was changed')
    heads.set(row.stream, { version: row.version, hash: row.hash })
    position = row.position
    facts += 1
    if (facts % 1000 === 0) onProgress?.(position, until)
  }
  const head = headOf(position, heads)
  if (wanted !== undefined) faults.add(...headFaults(wanted, wantedIs ?? head))
  return { position, head, facts, streams: heads.size, faults }
}

/** @param actual the head at the wanted one's position, or at the log's end if that comes before it */
function headFaults(wanted: string, actual: string): LogFault[] {
  if (wanted === actual) return []
  const [position, end] = [positionOfHead(wanted), positionOfHead(actual)]
  const message =
    end < position
      ? `the log ends at position ${end}: its end is missing`
      : `the log's head there is ${actual}: its facts are not those of then`
  return [{ kind: 'head', stream: null, version: null, position, message }]
}

function problemOf(row: Row<'billing_events'>): string | null {
  try {
    const schema = catalogue[row.type as FactType]
    if (schema === undefined) return `no fact of the catalogue is called ${row.type}`
    const { error } = schema.safeParse(JSON.parse(row.data))
    // What is sealed was checked before it was sealed, and may be erased.
    const isSealed = (path: PropertyKey[]) => row.subject !== null && path[0] === 'personal'
    const problems = [
      ...(error?.issues.filter(({ path }) => !isSealed(path)) ?? []),
      ...(metadata.safeParse(JSON.parse(row.metadata)).error?.issues ?? []),
    ]
    if (problems.length === 0) return null
    return problems.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
  } catch {
    return 'data or metadata is not JSON'
  }
}

async function checkTables(
  db: Database,
  faults: Tally<LogFault>,
  { onProgress }: VerifyOptions,
): Promise<Pick<VerifyReport, 'personal_compared' | 'drift' | 'drift_count'>> {
  const nowhere = { stream: null, version: null, position: null }
  try {
    const { personal_compared, drift, drift_count } = await verifyTables(db, { onProgress })
    const first = drift.map((one) => ({ kind: 'drift' as const, ...nowhere, message: driftText(one) }))
    faults.addAll({ first, count: drift_count })
    return { personal_compared, drift, drift_count }
  } catch (error) {
    // A log that was tampered with may hold what no projection can read.
    const message = `the log cannot be replayed: ${error instanceof Error ? error.message : String(error)}`
    faults.add({ kind: 'replay', ...nowhere, message })
    return { personal_compared: false, drift: [], drift_count: 0 }
  }
}
