import { Command } from 'commander'
import { type LogFault, verify } from '../ops/verify.ts'
import { printJson, printLine } from './print.ts'
import { withProgress } from './progress.ts'
import { type DatabaseOptions, withDatabase } from './with-database.ts'

export const verifyCommand = () =>
  new Command('verify')
    .description('check the hash chains of the log, and the tables against it; exit code 1 on a fault')
    .option('--json', 'print the report as one JSON document')
    .action((options: DatabaseOptions) =>
      withDatabase(options, async (db) => {
        const report = await withProgress('Verifying', (onProgress) => verify(db, { onProgress }))
        if (options.json) await printJson(report)
        else {
          for (const fault of report.faults) await printLine(lineOf(fault))
          const found = report.ok ? 'no fault' : `${report.faults.length} faults`
          await printLine(
            `${report.facts} facts in ${report.streams} streams to position ${report.position}: ${found}`,
          )
        }
        if (!report.ok) process.exitCode = 1
      }),
    )

function lineOf({ kind, stream, version, position, message }: LogFault): string {
  const place = stream === null ? '' : ` at position ${position}, ${stream}@${version}`
  return `${kind}${place}: ${message}`
}
