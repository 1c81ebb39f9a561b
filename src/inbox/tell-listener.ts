import type { EffectHandler } from '../effects/handler.ts'
import { factById } from '../log/read.ts'
import { tellOne } from './take-in.ts'

/** Tells a listener, that has thrown, of an answer again. What it throws still is in the outbox, and it is tried again later. */
export const tellListener: EffectHandler<'tell_listener', void> = {
  async run() {},
  async done(turn, { params }) {
    await tellOne(turn, params.listener, await factById(turn.trx, params.fact_id))
  },
}
