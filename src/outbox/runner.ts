import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { EffectRunner } from '../context.ts'
import { databaseClock } from '../db/clock.ts'
import type { Database } from '../db/database.ts'
import { databaseUnavailable } from '../db/fault.ts'
import type { Trx } from '../db/tables.ts'
import { claim, dueEffects, type Effect, type Owner, postpone, renew, settle } from '../effects/effects.ts'
import { type EffectHandler, FinalFailure, Unknown } from '../effects/handler.ts'
import { AppError } from '../errors.ts'
import { faultText } from '../logging/mask.ts'
import { notSent, StripeFailure } from '../stripe/failure.ts'

/** Well within a lease. Should one end under a call all the same, the second call has the same key. */
const renewMs = 5_000
const pollMs = 1_000
const parallel = 4

export function effectRunner(
  on: { db: Database; log: Logger; now: () => Date },
  handlers: Record<string, EffectHandler>,
): EffectRunner {
  const { db, log } = on
  const running = new Map<string, Promise<void>>()
  const owner: Owner = { id: randomUUID(), clock: databaseClock(db.dialect) }
  const time = (offsetMs = 0) => new Date(on.now().getTime() + offsetMs).toISOString()
  let timer: NodeJS.Timeout | undefined
  let polling: Promise<void> | undefined

  const attempt = async (effectId: string) => {
    const effect = await db.transact((trx) => claim(trx, effectId, owner, time()))
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
    const handler = handlers[effect.kind]
    if (handler === undefined) throw new Error(`No handler for effects of kind ${effect.kind}`)
    const giveBack = (error: unknown) =>
      db.transact((trx) => postpone(trx, effectId, postponement(effect, error, time)))
    // The lease ends with this attempt, also when its result cannot be written: the next one gets the same answer. A
    // database that is away takes no lease back, and needs to take none: who does not run an effect has no lease of it.
    const recording = (work: (trx: Trx) => Promise<void>) =>
      db.transact(work).catch(async (error) => {
        if (databaseUnavailable(error) === undefined) await giveBack(error).catch(() => {})
        throw error
      })
    let result: unknown
    try {
      result = await handler.run(effect)
    } catch (thrown) {
      const error = isOwnFault(thrown) ? finalFault(thrown) : thrown
      if (error instanceof FinalFailure) {
        await recording(async (trx) => {
          if (await settle(trx, effectId, 'failed', time(), reasonOf(error)))
            await handler.refused?.(trx, effect, error.refusal, time())
        })
        throw error.cause
      }
      await giveBack(error)
      throw error instanceof Unknown ? error.cause : error
    }
    await recording(async (trx) => {
      if (await settle(trx, effectId, 'done', time()))
        await handler.done(trx, effect, result as never, time())
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
      for (const effectId of await dueEffects(db.reader, owner, time(), parallel * 5 + running.size)) {
        if (timer === undefined) return
        if (running.has(effectId)) continue
        while (running.size >= parallel) await Promise.race(running.values()).catch(() => {})
        // What a run throws was kept in the row and will be tried again; the log tells the operator.
        run(effectId).catch((error) =>
          log.warn({ err: error, effect_id: effectId }, 'effect not carried out'),
        )
      }
    } catch (error) {
      log.error({ err: error }, 'the outbox cannot be read')
    }
  }

  return {
    run,
    start() {
      const tick = () => {
        polling = poll().finally(() => {
          if (timer !== undefined) timer = setTimeout(tick, pollMs)
        })
      }
      timer = setTimeout(tick, 0)
    },
    async stop() {
      clearTimeout(timer)
      timer = undefined
      await polling
      await Promise.allSettled(running.values())
    },
  }
}

const beingDone = (leasedForMs: number) =>
  new AppError('conflict', 'This is being carried out at this moment; send the request again', {
    retryAfterSeconds: leasedForMs / 1000,
  })

/** What nobody foresaw, such as a fact that does not fit or a text that has no encoding. */
const isOwnFault = (error: unknown) =>
  !(error instanceof FinalFailure || error instanceof Unknown || error instanceof AppError) &&
  !(error instanceof StripeFailure || databaseUnavailable(error) !== undefined) &&
  !(error instanceof Error && error.name === 'AbortError')

function finalFault(fault: unknown): FinalFailure {
  const failure = notSent(fault)
  return new FinalFailure(failure, failure.toAppError())
}

/** What may stand in the row: whatever an error quotes, such as an e-mail address that Stripe refuses, may not. */
function reasonOf(error: unknown): string {
  if (error instanceof AppError) return error.forLog
  return error instanceof FinalFailure || error instanceof Unknown ? error.message : faultText(error)
}

function postponement(effect: Effect, error: unknown, time: (offsetMs?: number) => string) {
  // 2 s, 4 s, 8 s … an hour, with jitter, so that an outage does not end in a stampede.
  const backoffMs = Math.min(3_600_000, 2 ** effect.attempts * 1000) * (0.75 + Math.random() / 2)
  return {
    dueAt: time(backoffMs),
    now: time(),
    lastError: reasonOf(error),
    ...(error instanceof Unknown ? { params: error.params } : {}),
  }
}
