import { Command } from 'commander'
import { headPattern } from '../log/head.ts'
import { type LogFault, type VerifyReport, verify } from '../ops/verify.ts'
import { Misuse } from './misuse.ts'
import { printJson, printLine } from './print.ts'
import { withProgress } from './progress.ts'
import { type DatabaseOptions, withDatabase } from './with-database.ts'

type Options = DatabaseOptions & { head?: string }

export const verifyCommand = () =>
  new Command('verify')
    .description('check the hash chains of the log, and the tables against it; exit code 1 on a fault')
    .option(
      '--head <head>',
      'what an earlier verify printed as the head: at that position the log must have it still',
    )
    .option('--json', 'print the report as one JSON document')
    .action((options: Options) => {
      const { head } = options
      if (head !== undefined && !headPattern.test(head))
        throw new Misuse('--head is not accepted; expected POSITION:HASH, as verify prints it')
      return withDatabase(options, async (db) => {
        const report = await withProgress('Verifying', (onProgress) => verify(db, { head, onProgress }))
        if (options.json) await printJson(report)
        else await printReport(report)
        if (!report.ok) process.exitCode = 1
      })
    })

async function printReport({ faults, fault_count, ...report }: VerifyReport): Promise<void> {
  for (const fault of faults) await printLine(lineOf(fault))
  if (fault_count > faults.length) await printLine(`and ${fault_count - faults.length} more`)
  const found = report.ok ? 'no fault' : `${fault_count} faults`
  await printLine(
    `${report.facts} facts in ${report.streams} streams to position ${report.position}: ${found}`,
  )
  // A log that cannot be replayed says so above.
  if (!report.personal_compared && !faults.some(({ kind }) => kind === 'replay')) await printLine(notCompared)
  await printLine(`head ${report.head}`)
}

/** Of a verification without the key. */
export const notCompared =
  'Personal columns were not compared: the key that opens them is not here (PERSONAL_DATA_KEY, --personal-key)'

function lineOf({ kind, stream, version, position, message }: LogFault): string {
  if (stream !== null) return `${kind} at position ${position}, ${stream}@${version}: ${message}`
  return `${kind}${position === null ? '' : ` at position ${position}`}: ${message}`
}
