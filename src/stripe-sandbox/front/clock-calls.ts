import { z } from 'zod'
import type { Followers } from '../clock/followers.ts'
import type { PlayedTime } from '../clock/played-time.ts'
import type { Player } from '../clock/player.ts'
import { invalidRequest } from '../objects/errors.ts'
import { isLoopbackOrigin } from './loopback.ts'

export type ClockCalls = {
  look(): object
  /** @throws StripeFailure 400 */
  move(body: unknown): Promise<object>
  /** @throws StripeFailure 400 */
  register(body: unknown): object
}

/** `/_sandbox/clock`: its time, its moves, and who follows it. */
export function createClockCalls(options: {
  time: PlayedTime
  player: Player
  followers: Followers
}): ClockCalls {
  const { time, player, followers } = options
  const look = () => ({ now: time.nowSeconds(), is_playing: player.isPlaying() })
  return {
    look,
    move: async (body) => {
      const { now, advance_seconds: seconds = 0 } = parse(moveShape, body)
      return await player.move((current) => now ?? current + seconds)
    },
    register: (body) => {
      followers.register(parse(followerShape, body).url)
      return look()
    },
  }
}

const moveShape = z
  .strictObject({ advance_seconds: z.int().min(0).optional(), now: z.int().min(0).optional() })
  .refine(
    (move) => (move.advance_seconds === undefined) !== (move.now === undefined),
    'Either advance_seconds or now',
  )
const followerShape = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .refine(isLoopbackOrigin, 'The url of a follower is on loopback'),
})

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const { data, error } = schema.safeParse(body)
  if (error) throw invalidRequest(z.prettifyError(error))
  return data
}
