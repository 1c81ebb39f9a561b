import type Stripe from 'stripe'
import { deleteCustomer } from '../customers/customers.ts'
import { invalidRequest } from '../objects/errors.ts'
import { newId } from '../objects/ids.ts'
import { listPage } from '../objects/lists.ts'
import { pagination, type ShapeOf, text, whole } from '../objects/parameters.ts'
import { addDays } from '../objects/periods.ts'
import { type Route, route } from '../objects/routes.ts'
import type { Store } from '../objects/store.ts'
import { mustFind } from '../objects/turn.ts'
import type { Player } from './player.ts'
import { furthestTarget, type TestClock, targetOf } from './test-clock.ts'

const createShape = {
  frozen_time: whole,
  name: text.optional(),
} satisfies ShapeOf<Stripe.TestHelpers.TestClockCreateParams>

const advanceShape = { frozen_time: whole } satisfies ShapeOf<Stripe.TestHelpers.TestClockAdvanceParams>

const path = '/v1/test_helpers/test_clocks'
const type = 'test_helpers.test_clock'
/** A clock is mostly made for now, and the request takes its time. */
const lateSeconds = 5

/**
 * Stripe's way to the sandbox's one clock. A test clock is a name for it: a second one does not tell another time, and
 * whichever is advanced, all of them are, and all objects with them.
 */
export function testClockRoutes(player: Player): Route[] {
  return [
    route(
      `POST ${path}`,
      createShape,
      (call) => {
        const { frozen_time: time, name } = call.params
        if (time < call.now - lateSeconds) throw isPast(time, call.now)
        const clock = call.store.save<TestClock>({
          id: newId('clock'),
          object: type,
          created: call.now,
          deletes_after: addDays(call.now, 30),
          frozen_time: time,
          livemode: false,
          name: name ?? null,
          status: 'ready',
          status_details: {},
        })
        call.emit('test_helpers.test_clock.created', clock)
        return clock
      },
      // What is made with the clock next is to bear its time, so it is answered when that has come.
      { before: ({ frozen_time: time }) => player.move((now) => Math.max(now, time)) },
    ),
    route(`GET ${path}`, pagination, (call) => listPage(call, type, path, call.params)),
    route(`GET ${path}/:id`, {}, (call) => mustFind(call, type, call.id)),
    route(`DELETE ${path}/:id`, {}, (call) => {
      const clock = mustFind(call, type, call.id)
      for (const customer of call.store.all('customer', { test_clock: clock.id }))
        deleteCustomer(call, customer)
      const stub = { id: clock.id, object: type, deleted: true } satisfies Stripe.TestHelpers.DeletedTestClock
      call.store.remove(clock, stub)
      call.emit('test_helpers.test_clock.deleted', clock)
      return stub
    }),
    route(`POST ${path}/:id/advance`, advanceShape, (call) => {
      const clock = mustFind(call, type, call.id)
      const { frozen_time: time } = call.params
      if (clock.status !== 'ready')
        throw invalidRequest(`The test clock ${clock.id} is ${clock.status}: it cannot be advanced.`)
      if (time <= clock.frozen_time || time < call.now)
        throw isPast(time, Math.max(clock.frozen_time, call.now))
      const furthest = furthestTarget(call, clock)
      if (time > furthest)
        throw invalidRequest(
          `A test clock goes no further at once than two intervals of its shortest subscription (two years without any): to ${furthest}.`,
          { param: 'frozen_time' },
        )
      const advancing = call.store.save<TestClock>({
        ...clock,
        status: 'advancing',
        status_details: { advancing: { target_frozen_time: time } },
      })
      call.emit('test_helpers.test_clock.advancing', advancing)
      advance(player, call.store, clock.id)
      return advancing
    }),
  ]
}

/** Goes on with what clocks were on their way to when the sandbox ended. */
export function resumeTestClocks(player: Player, store: Store): void {
  for (const { id } of store.all(type, { status: 'advancing' })) advance(player, store, id)
}

/** The move begins after the turn that asks for it, and goes nowhere if that was undone. How it ended, the clock says. */
function advance(player: Player, store: Store, id: string): void {
  player.move((now) => Math.max(now, targetOf(store.find(type, id)) ?? now)).catch(() => {})
}

function isPast(time: number, now: number) {
  return invalidRequest(
    `Invalid frozen_time: ${time} has passed. All test clocks of the sandbox are one clock, which is at ${now} and does not go back.`,
    { param: 'frozen_time' },
  )
}
