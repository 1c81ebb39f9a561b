import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { AccessRules } from '../../machines/subscription.ts'
import type { EffectRunner } from '../context.ts'
import { databaseClock } from '../db/clock.ts'
import type { Database } from '../db/database.ts'
import { databaseUnavailable } from '../db/fault.ts'
import {
  claim,
  dueEffects,
  type Effect,
  leaseSeconds,
  type NewEffect,
  nextDue,
  type Owner,
  postpone,
  renew,
  settle,
} from '../effects/effects.ts'
import { type EffectHandler, type EffectHandlers, FinalFailure, Unknown } from '../effects/handler.ts'
import { burstMs, type EffectKind, effectKinds } from '../effects/kinds.ts'
import { type Transact, type Turn, transactOn } from '../effects/turn.ts'
import { AppError } from '../errors.ts'
import { goAlongMs, type SandboxClock } from '../stripe/sandbox-clock.ts'
import { finalFault, isOwnFault, postponement, reasonOf } from './failed-attempt.ts'

/** Well within a lease. Should one end under a call all the same, the second call has the same key. */
const renewMs = 5_000
const pollMs = 1_000
const parallel = 4
const worker = { actor: 'worker' }

/**
 * Carries effects out, and lets write: what a turn asks for is begun after its commit.
 * @param on.sandboxClock while it plays a move, what is due is looked for when it calls (`catchUp`), and at no other time
 */
export function effectRunner(
  on: {
    db: Database
    log: Logger
    now: () => Date
    accessRules?: AccessRules
    sandboxClock?: SandboxClock | undefined
  },
  handlers: EffectHandlers,
): { effects: EffectRunner; transact: Transact } {
  const { db, log } = on
  const running = new Map<string, Promise<void>>()
  const owner: Owner = {
    id: randomUUID(),
    clock: databaseClock(db.dialect),
    leaseEnd: databaseClock(db.dialect, leaseSeconds),
  }
  const time = (offsetMs = 0) => new Date(on.now().getTime() + offsetMs).toISOString()
  /** Begun by the turns that asked for them: `run` need not ask whose they are. */
  const claimed = new Map<string, Effect>()
  /** To be begun when there is room. */
  const due: string[] = []
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  let polling: Promise<void> | undefined

  const transact = transactOn(on, {
    owner,
    committed(asked) {
      for (const effect of asked.claimed) claimed.set(effect.effectId, atFirstAttempt(effect, time()))
      for (const { effectId, kind } of asked.due) setTimeout(begin, burstMs[kind] ?? 0, effectId).unref()
    },
  })

  // Nobody waits for these: the outbox has what fails here, and the log tells the operator.
  const begin = (effectId?: string) => {
    if (effectId !== undefined && !due.includes(effectId)) due.push(effectId)
    while (!isStopped && running.size < parallel) {
      const next = due.shift()
      if (next === undefined) return
      run(next)
        .catch((error) => log.warn({ err: error, effect_id: next }, 'effect not carried out'))
        .finally(begin)
    }
  }

  const attempt = async (effectId: string) => {
    const own = claimed.get(effectId)
    claimed.delete(effectId)
    const effect = own ?? (await db.transact((trx) => claim(trx, effectId, owner, time())))
    if (effect === 'settled') return
    if ('leasedForMs' in effect) throw beingDone(effect.leasedForMs)
    const renewing = setInterval(() => {
      // One that fails is made up for by the next.
      db.transact((trx) => renew(trx, effectId, owner)).catch(() => {})
    }, renewMs).unref()
    try {
      await carryOut(effect)
    } finally {
      clearInterval(renewing)
    }
  }

  const carryOut = async (effect: Effect) => {
    const { effectId } = effect
    const handler = handlers[effect.kind] as EffectHandler<EffectKind>
    const giveBack = (error: unknown) =>
      db.transact((trx) => postpone(trx, effectId, postponement(effect, error, time)))
    // The lease ends with this attempt, also when its result cannot be written: the next one gets the same answer. A
    // database that is away takes no lease back, and needs to take none: who does not run an effect has no lease of it.
    const recording = (work: (turn: Turn) => Promise<void>) =>
      transact(worker, work).catch(async (error) => {
        if (databaseUnavailable(error) === undefined) await giveBack(error).catch(() => {})
        throw error
      })
    let result: unknown
    try {
      result = await handler.run(effect)
    } catch (thrown) {
      const error = isOwnFault(thrown) ? finalFault(thrown) : thrown
      if (error instanceof FinalFailure) {
        await recording(async (turn) => {
          if (await settle(turn.trx, effectId, 'failed', turn.now, reasonOf(error)))
            await handler.refused?.(turn, effect, error.refusal)
        })
        throw error.cause
      }
      await giveBack(error)
      throw error instanceof Unknown ? error.cause : error
    }
    await recording(async (turn) => {
      if (await settle(turn.trx, effectId, 'done', turn.now)) await handler.done(turn, effect, result)
    })
  }

  const run = (effectId: string) => {
    let shared = running.get(effectId)
    if (shared === undefined) {
      shared = attempt(effectId).finally(() => running.delete(effectId))
      running.set(effectId, shared)
    }
    return shared
  }

  const poll = async () => {
    try {
      if (await on.sandboxClock?.isPlaying()) return
      const effectIds = await dueEffects(db.reader, owner, time(), parallel * 5 + running.size)
      for (const effectId of effectIds) if (!running.has(effectId)) begin(effectId)
    } catch (error) {
      log.error({ err: error }, 'the outbox cannot be read')
    }
  }

  /** Whether some has ended in time. */
  const someEnd = (timeoutMs: number) =>
    Promise.race([
      Promise.race([...running.values()].map((each) => each.catch(() => {}))).then(() => true),
      sleep(timeoutMs, false, { ref: false }),
    ])

  const catchUp = async (patienceMs = goAlongMs) => {
    const giveUpAt = performance.now() + patienceMs
    let hasMoved = false
    while (!isStopped) {
      const effectIds = await dueEffects(db.reader, owner, time(), parallel * 5 + running.size)
      if (effectIds.length === 0 && running.size === 0) break
      for (const effectId of effectIds) if (!running.has(effectId)) begin(effectId)
      if (await someEnd(giveUpAt - performance.now())) hasMoved = true
      else if (hasMoved) return time()
      else throw new Error('what is due comes to no end')
    }
    return nextDue(db.reader, owner)
  }

  const effects: EffectRunner = {
    run,
    catchUp,
    start() {
      isStopped = false
      const tick = () => {
        polling = poll().finally(() => {
          if (timer !== undefined) timer = setTimeout(tick, pollMs)
        })
      }
      timer = setTimeout(tick, 0)
    },
    async stop() {
      isStopped = true
      clearTimeout(timer)
      timer = undefined
      await polling
      await Promise.allSettled(running.values())
    },
  }
  return { effects, transact }
}

const atFirstAttempt = (effect: NewEffect, now: string) =>
  ({
    ...effect,
    params: effectKinds[effect.kind].parse(effect.params),
    attempts: 1,
    createdAt: now,
  }) as Effect

const beingDone = (leasedForMs: number) =>
  new AppError('conflict', 'This is being carried out at this moment; send the request again', {
    retryAfterSeconds: leasedForMs / 1000,
  })
