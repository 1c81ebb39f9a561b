import { z } from 'zod'

/** `{"success": true, "data": …}` */
export const envelope = <S extends z.ZodType>(data: S) => z.object({ success: z.literal(true), data })
export const success = <T>(data: T) => ({ success: true as const, data })

export const errorEnvelope = z
  .object({
    success: z.literal(false),
    error: z.object({
      code: z.string(),
      message: z.string(),
      details: z.record(z.string(), z.unknown()),
      request_id: z.string(),
    }),
  })
  .meta({ id: 'Error' })

/** The reply of a route that streams server-sent events. */
export const eventStream = z.string()
