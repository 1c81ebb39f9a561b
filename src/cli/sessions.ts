import { Command } from 'commander'
import { sessionStatuses } from '../../machines/onboarding-steps.ts'
import { listSessions, type SessionListing, type SessionView, showSession } from '../ops/sessions.ts'
import { commandClock } from './command-clock.ts'
import { money } from './money.ts'
import { oneOf } from './one-of.ts'
import { paint, printJson, printLine, printTable } from './print.ts'
import { whole } from './whole.ts'
import { type DatabaseOptions, withDatabase } from './with-database.ts'

export const sessionsCommand = () =>
  new Command('sessions')
    .description('say where onboarding sessions stand')
    .addCommand(listCommand())
    .addCommand(showCommand())

type ListOptions = DatabaseOptions & { status?: string; tenant?: string; stuck?: boolean; limit: number }

const listCommand = () =>
  new Command('list')
    .description('list the sessions, newest first')
    .option('--status <status>', 'only this status, such as plan_selected', oneOf(sessionStatuses))
    .option('--tenant <id>', 'only this tenant')
    .option(
      '--stuck',
      'only the quarantined, and those that wait for Stripe for more than two minutes or after a failed call',
    )
    .option('--limit <number>', 'stop after so many', whole('a number of sessions'), 100)
    .option('--json', 'print one JSON array')
    .action((options: ListOptions) =>
      withDatabase(options, async (db) => {
        const { status, tenant: tenantId, stuck } = options
        const now = await commandClock(options)
        const sessions: SessionListing[] = []
        for (let cursor: string | undefined; sessions.length < options.limit; ) {
          const limit = Math.min(100, options.limit - sessions.length)
          const filter = { status, tenantId, stuck }
          const page = await listSessions(db.reader, filter, { limit, cursor }, now())
          sessions.push(...page.items)
          if (page.next_cursor === null) break
          cursor = page.next_cursor
        }
        if (options.json) return printJson(sessions)
        await printTable(
          ['session', 'tenant', 'place', 'updated', 'quarantined'],
          sessions.map((one) => [
            one.session_id,
            one.tenant_id,
            one.position,
            one.updated_at,
            one.is_quarantined ? 'yes' : '',
          ]),
        )
      }),
    )

const showCommand = () =>
  new Command('show')
    .description('show a session: its place, the path that led there, and what may come next')
    .argument('<id>', 'the session')
    .option('--json', 'print all that is known of it, personal data left out')
    .action((id: string, options: DatabaseOptions) =>
      withDatabase(options, async (db) => {
        const session = await showSession(db.reader, id)
        if (options.json) await printJson(session)
        else await printSession(session)
      }),
    )

async function printSession(session: SessionView): Promise<void> {
  const { plan, subscription, payment } = session
  const lines: [string, string | null][] = [
    ['session', session.session_id],
    ['tenant', session.tenant_id],
    ['place', session.place],
    ['next step', session.next_step],
    ['allowed now', session.allowed_events.join(', ')],
    ['customer', session.customer_id],
    ['card', payment.is_confirmed ? payment.payment_method_id : (payment.decline?.code ?? null)],
    [
      'plan',
      plan === null ? null : `${plan.plan_id}, ${money(plan.amount_after_discount_cents, plan.currency)}`,
    ],
    [
      'subscription',
      subscription === null ? null : `${subscription.subscription_id}, ${subscription.subscription_status}`,
    ],
    ['expires', session.expires_at],
  ]
  for (const [name, value] of lines) await printLine(`${paint('bold', name.padEnd(12))}  ${value || '-'}`)
  if (session.stranded !== null) await printLine(paint('red', `Quarantined: ${session.stranded.message}`))
  await printLine('')
  await printTable(
    ['position', 'occurred', 'fact', 'leads to', 'actor'],
    session.path.map(({ position, occurred_at, type, place, actor }) => [
      position,
      occurred_at,
      type,
      place ?? 'stranded',
      actor,
    ]),
  )
}
