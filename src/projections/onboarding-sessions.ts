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
    await save(trx, snapshot, {
      tenant_id: fact.tenant_id ?? '',
      version: fact.version,
      created_at: row?.created_at ?? fact.occurred_at,
      updated_at: fact.occurred_at,
      last_position: fact.position,
    })
  } catch (error) {
    if (!(error instanceof StrandedFact)) throw error
    await trx
      .updateTable('onboarding_sessions')
      .set({ machine_version: strandedVersion, version: fact.version, last_position: fact.position })
      .where('session_id', '=', sessionId)
      .execute()
  }
}

/**
 * Folds the sessions again whose snapshots another version of the statechart has made: once, when a release starts.
 * Those whose history this version cannot take are quarantined. Returns how many there were of each.
 */
export async function refoldSessions(trx: Trx): Promise<{ refolded: number; stranded: number }> {
  const counts = { refolded: 0, stranded: 0 }
  const rows = await trx
    .selectFrom('onboarding_sessions')
    .selectAll()
    .where('machine_version', '!=', machineVersion)
    .execute()
  for (const row of rows) {
    try {
      await save(trx, await snapshotOf(trx, row), row)
      counts.refolded += 1
    } catch (error) {
      if (!(error instanceof StrandedFact)) throw error
      await trx
        .updateTable('onboarding_sessions')
        .set({ machine_version: strandedVersion })
        .where('session_id', '=', row.session_id)
        .execute()
      counts.stranded += 1
    }
  }
  return counts
}

type Circumstances = Pick<
  NewRow<'onboarding_sessions'>,
  'tenant_id' | 'version' | 'created_at' | 'updated_at' | 'last_position'
>

async function save(trx: Trx, snapshot: Snapshot, circumstances: Circumstances): Promise<void> {
  const { context } = snapshot
  const status = statusOf(snapshot)
  // From the choice of the plan until Stripe counts the redemption, or the session ends.
  const held = status === 'plan_selected' ? context.plan?.discount : undefined
  const row: NewRow<'onboarding_sessions'> = {
    session_id: context.session_id,
    tenant_id: circumstances.tenant_id,
    status,
    snapshot: serialize(snapshot),
    version: circumstances.version,
    machine_version: machineVersion,
    customer_id: context.customer_id,
    setup_intent_id: context.setup_intent_id,
    subscription_id: context.subscription_id,
    reserved_coupon_id: held?.coupon_id ?? null,
    reserved_promotion_code_id: held?.promotion_code_id ?? null,
    expires_at: context.expires_at,
    created_at: circumstances.created_at,
    updated_at: circumstances.updated_at,
    last_position: circumstances.last_position,
  }
  const { session_id: _, ...columns } = row
  await trx
    .insertInto('onboarding_sessions')
    .values(row)
    .onConflict((conflict) => conflict.column('session_id').doUpdateSet(columns))
    .execute()
}
