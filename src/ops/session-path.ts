import { z } from 'zod'
import { timeOut } from '../db/fields.ts'
import type { Fact } from '../log/facts.ts'
import { evolve, initialSnapshot, placeOf, type Snapshot, StrandedFact } from '../session/session.ts'

/** The statechart's place after a fact; null from the fact on that the statechart does not take. */
export const PathStep = z.object({
  position: z.int(),
  fact_id: z.string(),
  type: z.string(),
  place: z.string().nullable(),
  occurred_at: timeOut,
  actor: z.string(),
})
export type PathStep = z.infer<typeof PathStep>

/** The fact that this code's statechart does not take. */
export const Stranded = z.object({ position: z.int(), type: z.string(), message: z.string() })
export type Stranded = z.infer<typeof Stranded>

export type SessionPath = {
  path: PathStep[]
  /** After the last fact that the statechart takes. */
  snapshot: Snapshot
  stranded: Stranded | null
}

/** Folds a session's facts, in their order, and says where each of them led. */
export function sessionPath(facts: readonly Fact[]): SessionPath {
  let snapshot = initialSnapshot
  let stranded: Stranded | null = null
  const path = facts.map((fact): PathStep => {
    if (stranded === null) {
      try {
        snapshot = evolve(snapshot, fact).snapshot
      } catch (error) {
        if (!(error instanceof StrandedFact)) throw error
        stranded = { position: fact.position, type: fact.type, message: error.message }
      }
    }
    return {
      position: fact.position,
      fact_id: fact.fact_id,
      type: fact.type,
      place: stranded === null ? placeOf(snapshot) : null,
      occurred_at: fact.occurred_at,
      actor: fact.metadata.actor,
    }
  })
  return { path, snapshot, stranded }
}
