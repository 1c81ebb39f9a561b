import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { NewEffect } from '../../src/effects/effects.ts'
import type { EffectHandlers } from '../../src/effects/handler.ts'
import { AppError } from '../../src/errors.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { runnerOf } from '../support/runner.ts'

/** What a service does at an instant of a move of the sandbox's clock. */

const by = { actor: 'test' }
const started = Date.parse('2026-11-02T09:00:00.000Z')
const hourMs = 3_600_000
const at = (ms: number) => new Date(started + ms).toISOString()

describe.each(eachDatabase)('on $name, catching up', ({ create }) => {
  let db: TestDatabase
  let nowMs: number
  let isPlaying: boolean
  const runners: ReturnType<typeof runnerOf>[] = []
  beforeEach(async () => {
    db = await create()
    nowMs = started
    isPlaying = false
  })
  afterEach(async () => {
    await Promise.all(runners.splice(0).map(({ effects }) => effects.stop()))
    await db.close()
  })

  function runner(handlers: Partial<EffectHandlers>) {
    const now = () => new Date(nowMs)
    const sandboxClock = {
      now,
      look: async () => {},
      isPlaying: async () => isPlaying,
      advanceTo: () => Promise.reject(new Error('not here')),
    }
    const made = runnerOf({ db, log: pino({ level: 'silent' }), now, sandboxClock }, handlers)
    runners.push(made)
    return made
  }
  const timer = (effectId: string, dueAt: string) =>
    ({
      effectId,
      tenantId: null,
      stream: 'stripe',
      kind: 'expire_session',
      params: { session_id: effectId },
      dueAt,
    }) as const satisfies NewEffect

  test('carries out what is due, and what that asks for at once, before it says when the next is due', async () => {
    const order: string[] = []
    const { effects, transact } = runner({
      expire_session: {
        run: async ({ effectId }) => void order.push(effectId),
        async done(turn, { effectId }) {
          if (effectId === 'first') await turn.enqueue(timer('asked for', turn.now))
        },
      },
    })
    await transact(by, async (turn) => {
      for (const [id, hours] of Object.entries({ third: 3, second: 2, first: 1 }))
        await turn.enqueue(timer(id, at(hours * hourMs)))
    })
    expect(await effects.catchUp()).toBe(at(hourMs))
    expect(order).toEqual([])
    nowMs += 2 * hourMs
    expect(await effects.catchUp()).toBe(at(3 * hourMs))
    expect(order.toSorted()).toEqual(['asked for', 'first', 'second'])
    nowMs += hourMs
    expect(await effects.catchUp()).toBeNull()
  })

  test('waits for what a request has begun', async () => {
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
    const { effects, transact } = runner({
      expire_session: {
        run: () => {
          reach()
          return answered
        },
        done: async () => {},
      },
    })
    await transact(by, (turn) => turn.claim(timer('of a request', at(0))))
    const asked = effects.run('of a request')
    await reached
    let isAnswered = false
    const end = effects.catchUp().then((due) => ({ due, isAnswered }))
    await sleep(300)
    isAnswered = true
    answer()
    expect(await end).toEqual({ due: null, isAnswered: true })
    await asked
  })

  test('leaves what another instance runs to that one', async () => {
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
    const other = runner({
      expire_session: {
        run: () => {
          reach()
          return answered
        },
        done: async () => {},
      },
    })
    const { effects } = runner({})
    await other.transact(by, (turn) => turn.claim(timer("the other's", at(0))))
    const running = other.effects.run("the other's")
    await reached
    // A lease goes by real time: it does not end in a leap of a month.
    nowMs += 30 * 24 * hourMs
    expect(await effects.catchUp()).toBeNull()
    answer()
    await running
  })

  test('says when what has failed is tried again, and is not called for what only looks around', async () => {
    let attempts = 0
    const { effects, transact } = runner({
      expire_session: {
        async run() {
          attempts += 1
          if (attempts === 1) throw new AppError('stripe_unavailable', 'not now')
        },
        done: async () => {},
      },
    })
    await transact(by, async (turn) => {
      await turn.enqueue(timer('fails once', at(0)))
      const sweep = { kind: 'sweep_events', params: { since: 0 }, dueAt: at(10) } as const
      await turn.enqueue({ ...timer('sweep', at(0)), ...sweep })
    })
    const again = await effects.catchUp()
    expect(attempts).toBe(1)
    expect(Date.parse(again ?? '')).toBeGreaterThan(nowMs)
    nowMs = Date.parse(again ?? '')
    await effects.catchUp()
    expect(attempts).toBe(2)
  })

  test('is the only way that a timer rings while a move is played', async () => {
    const rung: string[] = []
    const { effects, transact } = runner({
      expire_session: {
        run: async ({ effectId }) => void rung.push(effectId),
        done: async () => {},
      },
    })
    await transact(by, (turn) => turn.enqueue(timer('a timer', at(hourMs))))
    isPlaying = true
    nowMs += hourMs
    effects.start()
    await sleep(1500)
    expect(rung).toEqual([])
    isPlaying = false
    await vi.waitFor(() => expect(rung).toEqual(['a timer']), { timeout: 10_000 })
  })
})
