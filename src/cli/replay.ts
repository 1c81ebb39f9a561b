import { Command } from 'commander'
import { replayCapsule } from '../ops/capsule.ts'
import { buildPast, ImpossiblePast } from '../ops/past.ts'
import { type Drift, driftText } from '../projections/drift.ts'
import { type ReplayReport, replay, verifyTables } from '../projections/replay.ts'
import { printCapsuleReplay, readCapsule } from './capsule.ts'
import { Misuse } from './misuse.ts'
import { printJson, printLine, printTable } from './print.ts'
import { withProgress } from './progress.ts'
import { notCompared } from './verify.ts'
import { type DatabaseOptions, withDatabase } from './with-database.ts'

type Options = DatabaseOptions & {
  tenant?: string
  verify?: boolean
  until?: string
  into?: string
  fromCapsule?: string
}

export const replayCommand = () =>
  new Command('replay')
    .description('rebuild the tables from the log, while the service runs')
    .option('--tenant <id>', 'only this tenant’s rows')
    .option('--verify', 'change nothing; list each value that differs from the log, exit code 1 if any does')
    .option('--until <moment>', 'a position, or a UTC time in ISO 8601: rebuild what was then (needs --into)')
    .option('--into <file>', 'the SQLite file to make for --until; it must not exist')
    .option('--from-capsule <file>', 'fold the session of an incident capsule instead, without a database')
    .option('--json', 'print the report as one JSON document')
    .action((options: Options) => {
      assertTogether(options)
      if (options.fromCapsule !== undefined) return replayFile(options.fromCapsule, options)
      return withDatabase(options, async (db) => {
        const { tenant: tenantId, until, into } = options
        const report = await withProgress('Replaying', (onProgress) => {
          if (until !== undefined && into !== undefined) return buildPast(db, until, into, onProgress)
          return options.verify
            ? verifyTables(db, { tenantId, onProgress })
            : replay(db, { tenantId, onProgress })
        }).catch((error: unknown) => {
          throw error instanceof ImpossiblePast ? new Misuse(error.message) : error
        })
        if (options.json) await printJson(report)
        else await printReport(report)
        if (!report.ok) process.exitCode = 1
      })
    })

function assertTogether({ until, into, verify, tenant, fromCapsule }: Options): void {
  if (fromCapsule !== undefined && [until, into, verify, tenant].some((option) => option !== undefined))
    throw new Misuse('--from-capsule needs no database: leave out the other options')
  if ((until === undefined) !== (into === undefined))
    throw new Misuse('--until and --into go together: the past is built in a file of its own')
  if (until !== undefined && (verify || tenant !== undefined))
    throw new Misuse('--until builds the whole past: leave out --verify and --tenant')
}

async function replayFile(file: string, { json }: Options): Promise<void> {
  const report = await replayCapsule(await readCapsule(file))
  if (json) await printJson(report)
  else await printCapsuleReplay(report)
  if (!report.ok) process.exitCode = 1
}

async function printReport(report: ReplayReport): Promise<void> {
  const rows = Object.entries(report.tables).map(([table, { rows, sha256 }]) => [
    table,
    rows,
    sha256.slice(0, 16),
  ])
  await printTable(['table', 'rows', 'sha256'], rows)
  await printLine(
    `\n${report.facts} facts to position ${report.position} in ${report.seconds} s (${report.facts_per_second} a second)`,
  )
  await printDrift('Put right', report.mended, report.mended_count)
  await printDrift('Differs from the log', report.drift, report.drift_count)
  if (!report.personal_compared) await printLine(notCompared)
  if (report.ok) await printLine('The tables are what the log says')
}

/** The first hundred, for a screen; `--json` has a thousand. */
async function printDrift(heading: string, drift: Drift[], count: number): Promise<void> {
  if (count === 0) return
  await printLine(`${heading}:`)
  for (const one of drift.slice(0, 100)) await printLine(`  ${driftText(one)}`)
  if (count > 100) await printLine(`  and ${count - 100} more`)
}
