import { Command, InvalidArgumentError } from 'commander'
import type { AppContext } from '../context.ts'
import { time } from '../db/fields.ts'
import { type UsageType, usageTypes } from '../db/usage-types.ts'
import type { By } from '../log/by.ts'
import { claim } from '../ops/usage/claim.ts'
import { type UsageDecision, UsageDecisionInput } from '../ops/usage/decision.ts'
import { forgive } from '../ops/usage/forgive.ts'
import { release } from '../ops/usage/release.ts'
import { oneOf } from './one-of.ts'
import { printJson, printLine } from './print.ts'
import type { LoadMain } from './service.ts'
import { withContext } from './with-context.ts'
import type { DatabaseOptions } from './with-database.ts'

type UsageOptions = DatabaseOptions & { tenant: string; window?: string; type?: UsageType; reason: string }
type Decide = (context: AppContext, by: By, input: UsageDecisionInput) => Promise<UsageDecision>

export const usageCommand = (loadMain: LoadMain) =>
  new Command('usage')
    .description('decide what becomes of usage: each decision is a fact, with why')
    .addCommand(
      decisionCommand(
        'forgive',
        'let nobody pay what a service month owes and was not charged; without --window, what was used outside all months',
        forgive,
        loadMain,
      ),
    )
    .addCommand(
      decisionCommand('claim', 'charge counts that were used outside all service months', claim, loadMain),
    )
    .addCommand(
      decisionCommand(
        'release',
        'charge what is held for being more than Stripe takes as one amount',
        release,
        loadMain,
      ),
    )

const decisionCommand = (name: string, description: string, decide: Decide, loadMain: LoadMain) =>
  new Command(name)
    .description(description)
    .requiredOption('--tenant <id>', 'whose')
    .requiredOption('--reason <text>', 'why')
    .option('--window <start>', 'the service month that starts then, such as 2026-03-15T10:00:00Z', timeOf)
    .option('--type <type>', 'only usage of this type', oneOf(usageTypes))
    .option('--json', 'print {"tenant_id", "decision", "window_start", "usage_type", "amount_cents"}')
    .action((options: UsageOptions) =>
      withContext(options, loadMain, async (context) => {
        const input = inputOf(options)
        const decision = await decide(context, { actor: 'cli' }, input)
        if (options.json) return printJson(decision)
        const month = decision.window_start === null ? '' : ` of the month from ${decision.window_start}`
        await printLine(`${decision.amount_cents} cents${month} ${decision.decision}`)
      }),
    )

const inputOf = ({ tenant, window, type, reason }: UsageOptions): UsageDecisionInput => {
  const { data, error } = UsageDecisionInput.safeParse({
    ...{ tenant_id: tenant, window_start: window, usage_type: type, reason },
  })
  const [issue] = error?.issues ?? []
  if (data === undefined) throw new InvalidArgumentError(`${issue?.path.join('.')}: ${issue?.message}`)
  return data
}

function timeOf(value: string): string {
  const { data } = time.safeParse(value)
  if (data === undefined) throw new InvalidArgumentError('Expected a time such as 2026-03-15T10:00:00Z.')
  return data
}
