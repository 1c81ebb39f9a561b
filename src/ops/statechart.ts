import { z } from 'zod'
import { onboardingMachine } from '../../machines/onboarding.ts'
import type { Database } from '../db/database.ts'
import { strandedVersion } from '../projections/onboarding-sessions.ts'
import { machineVersion } from '../session/session.ts'

export const Statechart = z.object({
  machine_version: z.string(),
  graph: z.object({
    /** `key` is a place, such as `plan_selected.idle`; `parent` the compound state that it is in. */
    states: z.array(
      z.object({
        key: z.string(),
        parent: z.string().nullable(),
        type: z.string(),
        is_initial: z.boolean(),
      }),
    ),
    /** Targets are states of the graph; a transition without one changes what is remembered, not the place. */
    transitions: z.array(
      z.object({
        source: z.string(),
        target: z.string(),
        event: z.string(),
        guard: z.string().nullable(),
      }),
    ),
  }),
  /** How many sessions are at each place. */
  population: z.record(z.string(), z.int()),
  /** How many of them this code's statechart could not go on with. */
  quarantined: z.int(),
})
export type Statechart = z.infer<typeof Statechart>

/** The statechart of this code, and where the sessions are on it. */
export async function statechart(db: Pick<Database, 'reader'>): Promise<Statechart> {
  const states: Statechart['graph']['states'] = []
  const transitions: Statechart['graph']['transitions'] = []
  for (const node of descendants(onboardingMachine.root)) {
    const source = placeOfNode(node)
    const { parent } = node
    states.push({
      key: source,
      parent: parent === undefined || parent === onboardingMachine.root ? null : placeOfNode(parent),
      type: node.type,
      is_initial: parent?.initial.target[0] === node,
    })
    for (const candidates of node.transitions.values())
      for (const { target, eventType, guard } of candidates)
        transitions.push({
          source,
          target: target?.[0] === undefined ? source : placeOfNode(target[0]),
          event: eventType,
          guard: typeof guard === 'string' ? guard : null,
        })
  }
  return { machine_version: machineVersion, graph: { states, transitions }, ...(await population(db)) }
}

type Node = typeof onboardingMachine.root

function descendants(node: Node): Node[] {
  return Object.values(node.states).flatMap((child) => [child as Node, ...descendants(child as Node)])
}

const placeOfNode = ({ path }: { path: string[] }) => path.join('.')

async function population({
  reader,
}: Pick<Database, 'reader'>): Promise<Pick<Statechart, 'population' | 'quarantined'>> {
  const rows = await reader
    .selectFrom('onboarding_sessions')
    .select((eb) => ['place', 'machine_version', eb.fn.countAll<number>().as('count')])
    .groupBy(['place', 'machine_version'])
    .execute()
  const counts: Record<string, number> = {}
  let quarantined = 0
  for (const { place, machine_version, count } of rows) {
    counts[place] = (counts[place] ?? 0) + Number(count)
    if (machine_version === strandedVersion) quarantined += Number(count)
  }
  return { population: counts, quarantined }
}
