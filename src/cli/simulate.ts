import { randomInt } from 'node:crypto'
import { Command } from 'commander'
import type { Off, Report } from '../simulation/simulate.ts'
import { money } from './money.ts'
import { paint, printJson, printLine, printTable } from './print.ts'
import { withProgress } from './progress.ts'
import { whole } from './whole.ts'

type Options = { seed?: number; tenants: number; months: number; json?: boolean }

export const simulateCommand = () =>
  new Command('simulate')
    .description(
      'play made-up tenants’ months with faults, and check every number against an independent model',
    )
    .option(
      '--seed <number>',
      'plays the same again; default: another one each time',
      whole('a seed', 2 ** 32),
    )
    .option('--tenants <number>', 'how many', whole('a number of tenants', 1_000), 20)
    .option('--months <number>', 'how long', whole('a number of months', 120), 14)
    .option('--json', 'print the report as one JSON document')
    .action(async ({ seed = randomInt(1, 2 ** 31), tenants, months, json }: Options) => {
      const { simulate } = await import('../simulation/simulate.ts')
      const { childService, freePort } = await import('../simulation/world/child-service.ts')
      const port = await freePort()
      const report = await withProgress(
        `Seed ${seed}`,
        (onProgress) =>
          simulate({ seed, tenants, months, port, startService: childService, kills: true, onProgress }),
        'days',
      )
      if (report.off.length > 0) process.exitCode = 1
      if (json) await printJson(report)
      else await printReport(report)
    })

/** More of them say no more. */
const mostShown = 40

async function printReport(report: Report): Promise<void> {
  const { seed, tenants, months, off, history, money: rows, webhooks, kills, refusals, kept } = report
  const headings = Object.keys(rows[0]?.money ?? {})
  await printTable(
    ['began as', 'tenants', ...headings.map((heading) => heading.replaceAll('_', ' '))],
    rows.map((row) => [
      row.plan.replaceAll('_', ' '),
      row.tenants,
      ...Object.values(row.money).map((cents) => money(cents, 'usd')),
    ]),
  )
  const counts = (of: Record<string, number>) =>
    Object.entries(of)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ')
  await printLine(`\nWebhooks: ${counts(webhooks)}; the service was killed ${kills} times`)
  if (Object.keys(refusals).length > 0) await printLine(`Refused: ${counts(refusals)}`)
  if (off.length === 0)
    return printLine(
      paint('green', `Every number is the model’s: seed ${seed}, ${tenants} tenants, ${months} months`),
    )
  await printLine(paint('red', `\n${off.length} numbers are off, with seed ${seed}:`))
  await printTable(
    ['tenant', 'month', 'number', 'ours', 'the model’s'],
    off
      .slice(0, mostShown)
      .map(({ tenant, month, number, ours, models }: Off) => [tenant, month, number, ours, models]),
  )
  await printLine(`\nWhat happened to ${off[0]?.tenant}:`)
  for (const line of history) await printLine(line)
  await printLine(`\nThe files are kept in ${kept}`)
}
