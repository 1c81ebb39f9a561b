import type { EffectHandler, EffectHandlers } from '../../src/effects/handler.ts'
import { type EffectKind, effectKinds } from '../../src/effects/kinds.ts'
import { effectRunner } from '../../src/outbox/runner.ts'

/** A runner with these handlers alone: an effect of another kind fails. */
export function runnerOf(on: Parameters<typeof effectRunner>[0], handlers: Partial<EffectHandlers>) {
  const none: EffectHandler<EffectKind> = {
    run: ({ kind }) => Promise.reject(new Error(`${kind} is not expected here`)),
    done: async () => {},
  }
  const all = Object.fromEntries(Object.keys(effectKinds).map((kind) => [kind, none]))
  return effectRunner(on, { ...(all as EffectHandlers), ...handlers })
}
