import { Command } from 'commander'
import { rehearse } from '../ops/rehearse.ts'
import { paint, printJson, printLine } from './print.ts'
import { withProgress } from './progress.ts'
import { type DatabaseOptions, withDatabase } from './with-database.ts'

export const rehearseCommand = () =>
  new Command('rehearse')
    .description(
      'run every open session through the statechart of this code, change nothing; exit code 1 when one is ' +
        'stranded or ends elsewhere',
    )
    .option('--tenant <id>', 'only this tenant’s sessions')
    .option('--json', 'print the report as one JSON document')
    .action((options: DatabaseOptions & { tenant?: string }) =>
      withDatabase(options, async (db) => {
        const report = await withProgress(
          'Rehearsing',
          (onProgress) => rehearse(db, { tenantId: options.tenant, onProgress }),
          'sessions',
        )
        if (!report.ok) process.exitCode = 1
        if (options.json) return printJson(report)
        for (const { session_id, position, message } of report.stranded)
          await printLine(`${paint('red', 'stranded')}  ${session_id} at position ${position}: ${message}`)
        for (const { session_id, stored, folded } of report.changed)
          await printLine(
            `${paint('yellow', 'changed')}   ${session_id}: ${stored ?? 'no snapshot'} → ${folded}`,
          )
        const { sessions, fine, stranded, changed, machine_version } = report
        await printLine(
          `${sessions} open sessions on statechart ${machine_version}: ${fine} fine, ` +
            `${stranded.length} stranded, ${changed.length} changed`,
        )
      }),
    )
