import { createServer } from 'node:http'
import { seed } from './catalogue/seed.ts'
import { type Followers, openFollowers } from './clock/followers.ts'
import { openPlayedTime } from './clock/played-time.ts'
import { createPlayer, type Move } from './clock/player.ts'
import { createRunner } from './clock/runner.ts'
import { resumeTestClocks } from './clock/test-clocks.ts'
import { type CliSessions, createCliSessions } from './delivery/cli-session.ts'
import { createWebhooks } from './delivery/webhooks.ts'
import { allRoutes } from './front/all-routes.ts'
import { createApi, type LoggedRequest } from './front/api.ts'
import { createListener } from './front/app.ts'
import { createClockCalls } from './front/clock-calls.ts'
import { createFaults, type Fault } from './front/faults.ts'
import { createHidden } from './front/hidden.ts'
import { openIdempotencyKeys } from './front/idempotency.ts'
import { listenOn } from './front/listen.ts'
import { isLoopback } from './front/loopback.ts'
import { openStore } from './objects/store.ts'
import type { AfterRetries } from './subscriptions/dunning.ts'

export type SandboxOptions = {
  /** SQLite file; `:memory:` keeps nothing. */
  file: string
  /** 0, the default, takes any free port. */
  port?: number
  /** A loopback address (the default): this machine alone, see `listenOn`. Another one: that, as it is told. */
  host?: string
  /** The machine's time, unix milliseconds. */
  clock?: () => number
  /**
   * An endpoint for every event, beside those made over the API; `stripe listen` signs with its secret too. Deliveries
   * wait for a url that is not known yet.
   */
  webhook?: { url: string | Promise<string>; secret: string }
  /** What becomes of a subscription when its last retry has failed; it is kept in the file. At first: `cancel`. */
  afterRetries?: AfterRetries
}

export type Sandbox = {
  url: string
  port: number
  faults: { add(fault: Fault): void; clear(): void }
  clock: {
    /** The sandbox's time, unix milliseconds. */
    nowMs(): number
    /** Plays all that happens until a time (unix seconds), instant by instant. @throws StripeFailure when it has passed */
    advanceTo(time: number): Promise<Move>
    follow: Followers['follow']
    /** Ends the move under way and plays no other: to be called before a follower goes for good. */
    halt(): Promise<void>
    isPlaying(): boolean
    /** Goes on with the advances of test clocks that an end cut off: to be called when who follows is there. */
    resume(): void
  }
  /** Does and delivers everything that is due by the clock. */
  deliverDue(): Promise<void>
  close(): Promise<void>
}

/**
 * A stand-in for the part of Stripe's API that subscriptions need, at API version 2026-10-28.endive, with its state in
 * one SQLite file. An object's change, its events, their deliveries and the idempotency answer commit together.
 *
 * As time passes it bills: docs/sandbox.md says what and when. What it cannot prove: proration to Stripe's cent and its
 * rounding across lines; Stripe's timing (how late webhooks are, in what order, when failed payments are tried again);
 * radar, taxes, meters and tiers; Search; API versions other than the pinned one; that a parameter which the sandbox
 * refuses as unknown does not work at Stripe. Against these, run with a real test key.
 * @throws when the port is taken or the file cannot be opened
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { file, port = 0, host = '127.0.0.1', clock = Date.now, webhook, afterRetries } = options
  let url = ''
  const server = createServer()
  const store = openStore(file, () => time.nowSeconds())
  const time = openPlayedTime(store, clock)
  const { port: actualPort, close: stopListening } = await listenOn(server, { host, port }).catch((error) => {
    store.close()
    throw error
  })
  url = `http://${isLoopback(host) || host === '0.0.0.0' ? '127.0.0.1' : host}:${actualPort}`

  const cli: CliSessions = createCliSessions(server, {
    url: () => url,
    clock: time.nowMs,
    secret: webhook?.secret,
  })
  const webhooks = createWebhooks({ store, clock: time.nowMs, builtIn: webhook })
  const runner = createRunner({ store, time, url: () => url, webhooks, onEvent: cli.send })
  const followers = openFollowers(store)
  const player = createPlayer({ time, runner, webhooks, followers })
  const faults = createFaults()
  const requests: LoggedRequest[] = []
  seed(store, time.nowSeconds())
  if (afterRetries) store.hide('account', { afterRetries })
  const api = createApi({
    routes: allRoutes({ openCliSession: cli.open, pendingWebhooks: webhooks.pending, player }),
    runner,
    keys: openIdempotencyKeys(store, time.nowMs),
    faults,
    log: (request) => {
      requests.push(request)
      if (requests.length > 1000) requests.shift()
    },
  })
  const hidden = createHidden({
    faults,
    runner,
    requests,
    clock: createClockCalls({ time, player, followers }),
  })

  server.on('request', createListener({ hidden, api, nowMs: time.nowMs }))
  const ticking = setInterval(runner.runDue, 1000).unref()
  webhooks.wake()

  return {
    url,
    port: actualPort,
    faults: { add: faults.add, clear: faults.clear },
    clock: {
      nowMs: time.nowMs,
      advanceTo: (target) => player.move(() => target),
      follow: followers.follow,
      halt: player.close,
      isPlaying: player.isPlaying,
      resume: () => resumeTestClocks(player, store),
    },
    deliverDue: async () => {
      runner.runDue()
      await webhooks.deliverDue()
    },
    close: async () => {
      clearInterval(ticking)
      const ended = player.close()
      cli.close()
      const stopped = stopListening()
      server.closeAllConnections()
      await stopped
      await Promise.all([ended, webhooks.close()])
      store.close()
    },
  }
}
