import type { Database } from '../db/database.ts'
import type { Reader, Row } from '../db/tables.ts'
import { genesisHash, hashOf } from '../log/append.ts'
import { facts as catalogue, type FactType, metadata } from '../log/facts.ts'
import { lastPosition, readRows } from '../log/read.ts'
import { type Drift, verifyTables } from '../projections/replay.ts'

/** Something that is not as it was written. `stream`, `version` and `position` say where in the log, if there. */
export type LogFault = {
  kind: 'position' | 'version' | 'previous_hash' | 'hash' | 'catalogue' | 'drift' | 'replay'
  stream: string | null
  version: number | null
  position: number | null
  message: string
}

export type VerifyReport = {
  position: number
  facts: number
  streams: number
  seconds: number
  ok: boolean
  faults: LogFault[]
  /** The faults of kind `drift`, value by value. */
  drift: Drift[]
}

/**
 * Checks the log (positions and versions without gaps, hash chains, facts that fit the catalogue), then the tables
 * against it. Changes nothing.
 */
export async function verify(
  db: Database,
  options: { onProgress?: ((position: number, last: number) => void) | undefined } = {},
): Promise<VerifyReport> {
  const start = performance.now()
  const log = await verifyLog(db.reader, options.onProgress)
  const tables = await checkTables(db, options.onProgress)
  const faults = [...log.faults, ...tables.faults]
  const { drift } = tables
  return {
    position: log.position,
    facts: log.facts,
    streams: log.streams,
    seconds: Number(((performance.now() - start) / 1000).toFixed(3)),
    ok: faults.length === 0,
    faults,
    drift,
  }
}

/** The log alone, up to the last fact that it has now. */
export async function verifyLog(
  reader: Reader,
  onProgress?: (position: number, last: number) => void,
): Promise<Pick<VerifyReport, 'position' | 'facts' | 'streams' | 'faults'>> {
  const heads = new Map<string, { version: number; hash: string }>()
  const faults: LogFault[] = []
  const until = await lastPosition(reader)
  let position = 0
  let facts = 0
  for await (const row of readRows(reader, { until })) {
    const at = { stream: row.stream, version: row.version, position: row.position }
    const fault = (kind: LogFault['kind'], message: string) => faults.push({ kind, ...at, message })
    if (row.position !== position + 1)
      fault('position', `positions ${position + 1} to ${row.position - 1} are missing`)
    const head = heads.get(row.stream) ?? { version: 0, hash: genesisHash }
    if (row.version !== head.version + 1)
      fault('version', `the stream goes from version ${head.version} to ${row.version}`)
    if (row.previous_hash !== head.hash)
      fault('previous_hash', 'previous_hash is not the hash of the fact before it in the stream')
    const problem = problemOf(row)
    if (problem !== null) fault('catalogue', problem)
    if (row.hash !== hashOf(row)) fault('hash', 'the hash is not that of the columns: the fact was changed')
    heads.set(row.stream, { version: row.version, hash: row.hash })
    position = row.position
    facts += 1
    if (facts % 1000 === 0) onProgress?.(position, until)
  }
  return { position, facts, streams: heads.size, faults }
}

function problemOf(row: Row<'billing_events'>): string | null {
  try {
    const schema = catalogue[row.type as FactType]
    if (schema === undefined) return `no fact of the catalogue is called ${row.type}`
    const problems = [
      ...(schema.safeParse(JSON.parse(row.data)).error?.issues ?? []),
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
  onProgress: ((position: number, last: number) => void) | undefined,
): Promise<{ drift: Drift[]; faults: LogFault[] }> {
  const nowhere = { stream: null, version: null, position: null }
  try {
    const { drift } = await verifyTables(db, { onProgress })
    return { drift, faults: drift.map((one) => ({ kind: 'drift', ...nowhere, message: driftText(one) })) }
  } catch (error) {
    // A log that was tampered with may hold what no projection can read.
    const message = `the log cannot be replayed: ${error instanceof Error ? error.message : String(error)}`
    return { drift: [], faults: [{ kind: 'replay', ...nowhere, message }] }
  }
}

/** One line for people. */
export function driftText({ table, key, column, expected, actual }: Drift): string {
  if (column === null)
    return expected === null
      ? `${table} ${key}: the log knows no such row`
      : `${table} ${key}: the row is missing`
  return `${table} ${key} ${column}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`
}
