import { counts, type UsageType, usageTypes } from '../db/usage-types.ts'
import type { Turn } from '../effects/turn.ts'
import { AppError, NotFound } from '../errors.ts'
import { streams } from '../log/facts.ts'
import { lastPosition } from '../log/read.ts'
import { billTenant } from './bill.ts'
import { countDues, storedDues } from './dues.ts'
import { gapsOf, lastOf } from './gaps.ts'
import { chargeKey } from './keys.ts'
import { type Known, knownOf, type Window } from './known.ts'
import { chargedCents } from './lines.ts'
import { isoOf } from './months.ts'
import { openWindow, subscriptionOf } from './subscription.ts'
import { ofGaps } from './summary.ts'

/** What an operator decides about, and why. `type` null: all of them. */
export type Decision = {
  tenantId: string
  windowStart: string | null
  type: UsageType | null
  reason: string | null
}

/**
 * Nobody has to pay what a window owes and was not charged yet, or without a window the usage of all times outside windows so far.
 * @returns the cents that were forgiven
 * @throws NotFound; AppError conflict where nothing is to be forgiven
 */
export async function forgiveUsage(turn: Turn, decision: Decision): Promise<bigint> {
  const known = await knownOf(turn.trx, decision.tenantId)
  if (decision.windowStart === null) return decideOnGaps(turn, known, decision, 'forgiven')
  const cents = await forgiveWindow(turn, known, windowAt(known, decision.windowStart), decision)
  if (cents === 0n) throw refused('Nothing is due of this window that was not charged')
  return cents
}

/** All that a tenant was not charged yet, in windows and outside them. */
export async function forgiveAll(turn: Turn, tenantId: string, reason: string): Promise<void> {
  const known = await knownOf(turn.trx, tenantId)
  for (const window of known.windows) await forgiveWindow(turn, known, window, { type: null, reason })
  await recordOnGaps(turn, known, { type: null, reason }, 'forgiven')
}

async function forgiveWindow(
  turn: Turn,
  known: Known,
  window: Window,
  decision: Pick<Decision, 'type' | 'reason'>,
): Promise<bigint> {
  const dues = window.is_final === 1 ? storedDues(known, window) : await countDues(turn.trx, known, [window])
  const { subscription_id, customer_id } = subscriptionOf(known, window)
  const upto_position = await lastPosition(turn.trx)
  let forgiven = 0n
  for (const due of dues) {
    const cents = due.cents - chargedCents(known.lines, due)
    if (due.type !== (decision.type ?? due.type) || cents <= 0n) continue
    if (cents > BigInt(Number.MAX_SAFE_INTEGER))
      throw refused('This is more than can be stated exactly: void the records that are wrong')
    forgiven += cents
    const line_id = chargeKey(
      known.tenantId,
      'line',
      window.window_id,
      due.type,
      String(upto_position),
      'forgiven',
    )
    await turn.record(streams.usage(known.tenantId), [
      {
        fact_id: line_id,
        type: 'usage.line_asked',
        tenant_id: known.tenantId,
        data: {
          line_id,
          subscription_id,
          window_start: window.starts_at,
          usage_type: due.type,
          kind: 'forgiven',
          invoice_id: null,
          invoice_key: null,
          customer_id,
          currency: window.currency,
          quantity: String(due.quantity),
          amount_cents: Number(cents),
          upto_position,
          description: 'Forgiven',
          personal: { reason: decision.reason },
        },
      },
    ])
  }
  return forgiven
}

/**
 * Counts of times outside windows, so far, go to the window that is open, or else to the next one to begin.
 * @returns the cents that they come to
 * @throws AppError conflict where there are none
 */
export async function claimUsage(turn: Turn, decision: Omit<Decision, 'windowStart'>): Promise<bigint> {
  return decideOnGaps(turn, await knownOf(turn.trx, decision.tenantId), decision, 'claimed')
}

async function decideOnGaps(
  turn: Turn,
  known: Known,
  of: Pick<Decision, 'type' | 'reason'>,
  decision: 'claimed' | 'forgiven',
): Promise<bigint> {
  const period = { from: isoOf(0), to: turn.now }
  let cents = 0n
  for (const type of typesOf(decision, of.type))
    cents += (await ofGaps(turn.trx, known, period, type)).unbilled
  if (cents === 0n) throw refused('Nothing outside all service months is due that was not decided on')
  await recordOnGaps(turn, known, of, decision)
  return cents
}

/** Counts alone can be claimed. */
const typesOf = (decision: 'claimed' | 'forgiven', type: UsageType | null) =>
  (decision === 'claimed' ? counts : usageTypes).filter((each) => each === (type ?? each))

async function recordOnGaps(
  turn: Turn,
  known: Known,
  { type, reason }: Pick<Decision, 'type' | 'reason'>,
  decision: 'claimed' | 'forgiven',
): Promise<void> {
  const { tenantId } = known
  const position = await lastPosition(turn.trx)
  const window_id = openWindow(known)?.window_id ?? null
  for (const usage_type of typesOf(decision, type)) {
    const gaps = gapsOf(known, turn.now, usage_type)
    const after_position = lastOf(known, decision, usage_type)
    const data = { usage_type, gaps, after_position, personal: { reason } }
    const fact_id = `${decision}:${tenantId}:${usage_type}:${position}`
    if (gaps.length > 0)
      await turn.record(streams.usage(tenantId), [
        decision === 'forgiven'
          ? { fact_id, type: 'usage.forgiven', tenant_id: tenantId, data }
          : { fact_id, type: 'usage.claimed', tenant_id: tenantId, data: { ...data, window_id } },
      ])
  }
}

/**
 * A window's amount above Stripe's largest is meant as it is.
 * @returns the cents that were held
 * @throws NotFound; AppError conflict where nothing is held
 */
export async function releaseUsage(
  turn: Turn,
  { tenantId, windowStart, type, reason }: Decision,
): Promise<bigint> {
  const known = await knownOf(turn.trx, tenantId)
  const windows = windowStart === null ? known.windows : [windowAt(known, windowStart)]
  const held = (
    await Promise.all(
      windows.map((window) =>
        window.is_final === 1 ? storedDues(known, window) : countDues(turn.trx, known, [window]),
      ),
    )
  )
    .flat()
    .filter((due) => due.state === 'held' && due.type === (type ?? due.type))
  if (held.length === 0) throw refused('Nothing is held')
  for (const due of held)
    await turn.record(streams.usage(tenantId), [
      {
        fact_id: `released:${due.window.window_id}:${due.type}`,
        type: 'usage.released',
        tenant_id: tenantId,
        data: {
          subscription_id: due.window.subscription_id,
          window_start: due.window.starts_at,
          usage_type: due.type,
          personal: { reason },
        },
      },
    ])
  await billTenant(turn, tenantId)
  return held.reduce((sum, { cents }) => sum + cents, 0n)
}

/** Where a subscription ended at the instant at which the next began, both have one of then: the first is empty. */
function windowAt({ windows }: Known, start: string): Window {
  const [window] = windows
    .filter(({ starts_at }) => starts_at === start)
    .toSorted((a, b) => Date.parse(b.ends_at) - Date.parse(a.ends_at))
  if (window === undefined) throw new NotFound('window that starts then')
  return window
}

/** No use in sending the same request again. */
const refused = (message: string) => new AppError('conflict', message)
