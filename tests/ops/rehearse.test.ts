import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadSession } from '../../src/inbox/sessions/store.ts'
import { canonicalJson } from '../../src/log/canonical-json.ts'
import { rehearse } from '../../src/ops/rehearse.ts'
import { listSessions, showSession } from '../../src/ops/sessions.ts'
import { statechart } from '../../src/ops/statechart.ts'
import { refoldSessions } from '../../src/projections/onboarding-sessions.ts'
import { verifyTables } from '../../src/projections/replay.ts'
import { serialize } from '../../src/session/session.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, otherTenant, tenant } from '../support/facts.ts'
import { recordSteps, session, steps } from '../support/incident.ts'

const strandedSession = '22222222-2222-4222-8222-222222222222'
const waiting = '33333333-3333-4333-8333-333333333333'

describe.each(eachDatabase)('sessions and the statechart of this code on $name', ({ create }) => {
  let db: TestDatabase
  beforeEach(async () => {
    db = await create()
    await recordSteps(db, steps)
  })
  afterEach(() => db.close())

  /** A fact that this code's statechart does not take there, as another version's may have. */
  const strand = async () => {
    await recordSteps(db, steps.slice(0, 3), 0, { sessionId: strandedSession, tenantId: otherTenant })
    await recordSteps(db, [['onboarding.completed', {}]], 3, {
      sessionId: strandedSession,
      tenantId: otherTenant,
    })
  }

  test('sessions that the statechart takes as they are, are fine; those that are over are not run', async () => {
    expect(await rehearse(db)).toMatchObject({ sessions: 1, fine: 1, stranded: [], changed: [], ok: true })
    await recordSteps(db, [['onboarding.completed', {}]], 10)
    expect(await rehearse(db)).toMatchObject({ sessions: 0, fine: 0, ok: true })
  })

  test('a fact that the statechart cannot take strands its session, by name, and no other', async () => {
    await strand()
    const report = await rehearse(db)
    expect(report).toMatchObject({ sessions: 2, fine: 1, changed: [], ok: false })
    expect(report.stranded).toEqual([
      {
        session_id: strandedSession,
        tenant_id: otherTenant,
        position: 14,
        type: 'onboarding.completed',
        message: expect.stringContaining('takes no onboarding.completed in customer_created.idle'),
      },
    ])
    expect(await rehearse(db, { tenantId: tenant })).toMatchObject({ sessions: 1, ok: true })
  })

  test('a session that an older machine has left elsewhere is changed; a broken snapshot alone is folded again', async () => {
    const place = 'subscription_created.waiting_for_the_moon'
    await db.reader.updateTable('onboarding_sessions').set({ place, machine_version: 'older' }).execute()
    expect(await rehearse(db)).toMatchObject({
      fine: 0,
      ok: false,
      changed: [
        {
          session_id: session,
          stored: 'subscription_created.waiting_for_the_moon',
          folded: 'subscription_created.live',
        },
      ],
    })
    const left = { place: 'subscription_created.live', snapshot: 'no snapshot' }
    await db.reader.updateTable('onboarding_sessions').set(left).execute()
    expect(await rehearse(db)).toMatchObject({ fine: 1, changed: [], ok: true })
  })

  test('sessions of another version are refolded to the same bytes, stranded ones too, and verify is clean', async () => {
    await strand()
    const rows = () => db.reader.selectFrom('onboarding_sessions').selectAll().orderBy('session_id').execute()
    const before = await rows()
    expect(before.map(({ snapshot }) => canonicalJson(JSON.parse(snapshot)))).toEqual(
      before.map(({ snapshot }) => snapshot),
    )
    // As another version may have left them: it knew a way for the fact that strands.
    await db.transact((trx) =>
      trx.updateTable('onboarding_sessions').set({ machine_version: 'older', status: 'completed' }).execute(),
    )
    expect(await db.transact(refoldSessions)).toEqual({ refolded: 1, stranded: 1 })
    expect(await rows()).toEqual(before)
    expect((await verifyTables(db)).drift).toEqual([])
  })

  test('a sound snapshot of another session is not believed, and an invented session is quarantined', async () => {
    await recordSteps(db, steps.slice(0, 2), 0, { sessionId: waiting, tenantId: otherTenant })
    const [mine, other] = await db.reader
      .selectFrom('onboarding_sessions')
      .selectAll()
      .orderBy('session_id')
      .execute()
    if (mine === undefined || other === undefined) throw new Error('two sessions were recorded')
    const invented = '44444444-4444-4444-8444-444444444444'
    await db.transact(async (trx) => {
      await trx
        .updateTable('onboarding_sessions')
        .set({ snapshot: other.snapshot })
        .where('session_id', '=', session)
        .execute()
      await trx
        .insertInto('onboarding_sessions')
        .values({ ...mine, session_id: invented })
        .execute()
    })
    const loaded = await loadSession(db.reader, session)
    expect([loaded.snapshot.context.session_id, serialize(loaded.snapshot)]).toEqual([session, mine.snapshot])
    await expect(loadSession(db.reader, invented)).rejects.toMatchObject({ code: 'session_quarantined' })
    const { items } = await listSessions(db.reader, {}, { limit: 10 }, new Date(at(60)))
    expect(items.filter((one) => one.is_quarantined).map(({ session_id }) => session_id)).toEqual([invented])
    expect(await showSession(db.reader, invented)).toMatchObject({ is_quarantined: true })
  })

  test('stuck sessions are the quarantined and those that wait for Stripe too long', async () => {
    await strand()
    await recordSteps(db, steps.slice(0, 2), 0, { sessionId: waiting, tenantId: otherTenant })
    const stuck = async (seconds: number) => {
      const now = new Date(at(seconds))
      const { items } = await listSessions(db.reader, { stuck: true }, { limit: 10 }, now)
      return items.map((one) => [one.session_id, one.position, one.is_quarantined])
    }
    const quarantined = [strandedSession, 'customer_created.idle', true]
    expect(await stuck(60)).toEqual([quarantined])
    expect(await stuck(180)).toEqual([[waiting, 'started.creating_customer', false], quarantined])
  })

  test('a quarantined session is shown where the statechart left it, and with the fact that it does not take', async () => {
    await strand()
    const view = await showSession(db.reader, strandedSession)
    expect(view).toMatchObject({
      status: 'customer_created',
      place: 'customer_created.idle',
      is_quarantined: true,
      stranded: { type: 'onboarding.completed', position: 14 },
    })
    expect(view.path.map(({ place }) => place)).toEqual([
      'started.idle',
      'started.creating_customer',
      'customer_created.idle',
      null,
    ])
    expect(JSON.stringify(view)).not.toContain('ada@example.com')
  })

  test('sessions are listed newest first, in pages', async () => {
    for (let index = 0; index < 5; index += 1)
      await recordSteps(db, steps.slice(0, 1), index, { sessionId: `s-${index}`, tenantId: otherTenant })
    const seen: string[] = []
    for (let cursor: string | undefined; ; ) {
      const page = await listSessions(db.reader, { tenantId: otherTenant }, { limit: 2, cursor }, new Date())
      seen.push(...page.items.map(({ session_id }) => session_id))
      if (page.next_cursor === null) break
      cursor = page.next_cursor
    }
    expect(seen).toEqual(['s-4', 's-3', 's-2', 's-1', 's-0'])
  })

  test('the statechart says how many sessions are at each place', async () => {
    await strand()
    const { graph, population, quarantined } = await statechart(db)
    expect(population).toEqual({ 'subscription_created.live': 1, 'customer_created.idle': 1 })
    expect(quarantined).toBe(1)
    const keys = graph.states.map(({ key }) => key)
    expect(keys).toEqual(expect.arrayContaining([...Object.keys(population), 'completed']))
    for (const { source, target } of graph.transitions)
      expect(keys).toEqual(expect.arrayContaining([source, target]))
    expect(graph.transitions).toContainEqual({
      source: 'plan_selected.idle',
      target: 'plan_selected.creating_subscription',
      event: 'onboarding.subscription_requested',
      guard: 'cardIsConfirmed',
    })
  })
})
