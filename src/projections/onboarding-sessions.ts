import {
  type OnboardingFact,
  type OnboardingFactType,
  onboardingFacts,
} from '../../machines/onboarding-facts.ts'
import type { NewRow, Trx } from '../db/tables.ts'
import type { Fact } from '../log/facts.ts'
import {
  evolve,
  initialSnapshot,
  machineVersion,
  type Snapshot,
  StrandedFact,
  serialize,
  statusOf,
} from '../onboarding/session.ts'
import { snapshotOf } from '../onboarding/snapshot.ts'
import type { Projection } from './projection.ts'

/** `machine_version` of a session whose facts this code's statechart cannot take: it is quarantined. */
export const strandedVersion = 'stranded'

/** A session's snapshot is the fold of its stream; the other columns are taken from the snapshot, to be searched by. */
export const onboardingSessions: Projection = {
  table: 'onboarding_sessions',
  primaryKey: 'session_id',
  on: Object.fromEntries((Object.keys(onboardingFacts) as OnboardingFactType[]).map((type) => [type, fold])),
}

async function fold(trx: Trx, fact: Fact<OnboardingFactType>): Promise<void> {
  const sessionId = fact.stream.slice('onboarding-'.length)
  const row = await trx
    .selectFrom('onboarding_sessions')
    .selectAll()
    .where('session_id', '=', sessionId)
    .executeTakeFirst()
  try {
    const before = row === undefined ? initialSnapshot : await snapshotOf(trx, row)
    const { snapshot } = evolve(before, fact as OnboardingFact)
    await save(trx, fact, snapshot, row?.created_at ?? fact.occurred_at)
  } catch (error) {
    if (!(error instanceof StrandedFact)) throw error
    await trx
      .updateTable('onboarding_sessions')
      .set({ machine_version: strandedVersion, version: fact.version, last_position: fact.position })
      .where('session_id', '=', sessionId)
      .execute()
  }
}

async function save(
  trx: Trx,
  fact: Fact<OnboardingFactType>,
  snapshot: Snapshot,
  createdAt: string,
): Promise<void> {
  const { context } = snapshot
  const status = statusOf(snapshot)
  const row: NewRow<'onboarding_sessions'> = {
    session_id: context.session_id,
    tenant_id: fact.tenant_id ?? '',
    status,
    snapshot: serialize(snapshot),
    version: fact.version,
    machine_version: machineVersion,
    customer_id: context.customer_id,
    setup_intent_id: context.setup_intent_id,
    subscription_id: context.subscription_id,
    // Held from the choice of the plan until Stripe counts the redemption, or the session ends.
    reserved_coupon_id: status === 'plan_selected' ? (context.plan?.discount?.coupon_id ?? null) : null,
    expires_at: context.expires_at,
    created_at: createdAt,
    updated_at: fact.occurred_at,
    last_position: fact.position,
  }
  const { session_id: _, ...columns } = row
  await trx
    .insertInto('onboarding_sessions')
    .values(row)
    .onConflict((conflict) => conflict.column('session_id').doUpdateSet(columns))
    .execute()
}
