/** An XState actor a session, which calls Stripe by `invoke`; its persisted snapshot is one row, saved after each step. */
import { randomUUID } from 'node:crypto'
import Sqlite from 'better-sqlite3'
import { assign, createActor, fromPromise, type Snapshot, setup, waitFor } from 'xstate'
import { askStripe, newTenant, type Session, type StepName, serveSteps, stepNames } from './front.ts'

const db = new Sqlite('xstate-actor.db')
db.pragma('journal_mode = WAL')
db.pragma('synchronous = FULL')
db.exec('create table if not exists sessions (session_id text primary key, snapshot text)')
const load = db.prepare('select snapshot from sessions where session_id = ?')
const save = db.prepare(
  'insert into sessions values (?, ?) on conflict (session_id) do update set snapshot = excluded.snapshot',
)

const call = fromPromise<Session, { step: StepName; session: Session }>(({ input: { step, session } }) =>
  askStripe(step, session, randomUUID()),
)
const after = (index: number) => (index === stepNames.length ? 'over' : `before ${stepNames[index]}`)
type Given = { type: StepName; input: Session }
const states = Object.fromEntries(
  stepNames.flatMap((step, index) => [
    [`before ${step}`, { on: { [step]: { target: `asking ${step}`, actions: 'keepInput' } } }],
    [
      `asking ${step}`,
      {
        invoke: {
          src: 'call' as const,
          input: ({ context }: { context: Session }) => ({ step, session: context }),
          onDone: { target: after(index + 1), actions: 'keepAnswer' as const },
          onError: `before ${step}`,
        },
      },
    ],
  ]),
)
const machine = setup({
  types: {} as { context: Session; events: Given },
  actors: { call },
  actions: {
    keepInput: assign(({ context, event }) => ({ ...context, ...event.input })),
    keepAnswer: assign(({ context, event }) => ({ ...context, ...Reflect.get(event, 'output') })),
  },
}).createMachine({
  initial: 'before start',
  context: () => ({ tenant_id: newTenant() }),
  states: { ...states, over: { type: 'final' } },
})

serveSteps(async (step, sessionId, input) => {
  const row = load.get(sessionId) as { snapshot: string } | undefined
  const actor = createActor(machine, row && { snapshot: JSON.parse(row.snapshot) as Snapshot<unknown> })
  actor.start()
  const before = actor.getSnapshot()
  if (String(before.value) === after(stepNames.indexOf(step) + 1)) return before.context
  if (!before.can({ type: step, input })) throw new Error(`${step} not now`)
  actor.send({ type: step, input })
  const settled = await waitFor(actor, ({ value }) => !String(value).startsWith('asking'))
  if (String(settled.value) === `before ${step}`) throw new Error(`${step} failed`)
  save.run(sessionId, JSON.stringify(actor.getPersistedSnapshot()))
  actor.stop()
  return settled.context
})
