import { Command } from 'commander'
import { facts } from '../log/facts.ts'
import { type StoredFact, streamEvents } from '../ops/events.ts'
import { exportCommand } from './capsule.ts'
import { oneOf } from './one-of.ts'
import { printJson, printLine } from './print.ts'
import { whole } from './whole.ts'
import { type DatabaseOptions, withDatabase } from './with-database.ts'

type Options = DatabaseOptions & {
  stream?: string
  tenant?: string
  type?: string
  after: number
  limit?: number
  follow?: boolean
}

export const eventsCommand = () =>
  new Command('events')
    .description('print the log, oldest first')
    .enablePositionalOptions()
    .addCommand(exportCommand())
    .option('--stream <stream>', 'only this stream, such as billing-TENANT')
    .option('--tenant <id>', 'only this tenant')
    .option('--type <type>', 'only this type, such as onboarding.started', oneOf(Object.keys(facts)))
    .option('--after <position>', 'only facts after this position', whole('a position'), 0)
    .option('--limit <number>', 'stop after so many', whole('a number of facts'))
    .option('--follow', 'wait for more, until Ctrl-C')
    .option('--json', 'one fact a line, with its data; what is personal stays sealed')
    .action((options: Options) =>
      withDatabase(options, async (db) => {
        const ended = new AbortController()
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort())
        const events = streamEvents(db.reader, {
          stream: options.stream,
          tenantId: options.tenant,
          type: options.type,
          after: options.after,
          limit: options.limit,
          follow: options.follow ?? false,
          signal: ended.signal,
        })
        for await (const fact of events) {
          if (options.json) await printJson(fact)
          else await printLine(lineOf(fact))
        }
      }),
    )

/** Of the data only what is never personal: the rest may be, and is long. */
function lineOf(fact: StoredFact): string {
  const place = `${fact.stream}@${fact.version}`
  return [
    String(fact.position).padStart(8),
    fact.occurred_at,
    fact.type.padEnd(34),
    fact.metadata.actor.padEnd(12),
    place,
    ...(fact.about === null ? [] : [fact.about]),
  ].join('  ')
}
