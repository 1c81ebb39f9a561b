/** A field of a request that cannot be used. */
export type FieldProblem = { path: string; message: string }

/** The service said no, or could not be reached. `code` is the service's, or `unreachable`, or `not_stepledger`. */
export class StepledgerError extends Error {
  /** What to decide by: `card_declined`, `step_not_allowed`, `invalid_request` … */
  readonly code: string
  /** HTTP status; 0 when there was no answer. */
  readonly status: number
  readonly details: Record<string, unknown>
  /** Finds the request in the service's log. */
  readonly requestId: string | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(
    message: string,
    reply: {
      code: string
      status: number
      details?: Record<string, unknown>
      requestId?: string | undefined
      retryAfterSeconds?: number | undefined
      cause?: unknown
    },
  ) {
    super(message, reply.cause === undefined ? undefined : { cause: reply.cause })
    this.name = 'StepledgerError'
    this.code = reply.code
    this.status = reply.status
    this.details = reply.details ?? {}
    this.requestId = reply.requestId
    this.retryAfterSeconds = reply.retryAfterSeconds
  }

  /** Of `invalid_request`: what is wrong with which field. */
  get fields(): FieldProblem[] {
    return Array.isArray(this.details.fields) ? this.details.fields : []
  }
}

/** @internal */
export async function errorOf(response: Response): Promise<StepledgerError> {
  const { status } = response
  const retryAfter = Number(response.headers.get('Retry-After') ?? 'none')
  const retryAfterSeconds = Number.isFinite(retryAfter) ? retryAfter : undefined
  const body: { error?: ErrorBody } | undefined = await response
    .text()
    .then(JSON.parse)
    .catch(() => undefined)
  const { code, message = '', details = {}, request_id } = body?.error ?? {}
  if (code !== undefined)
    return new StepledgerError(message, { code, status, details, requestId: request_id, retryAfterSeconds })
  // A proxy's page, or another server.
  return new StepledgerError(`The answer was ${status} and not Stepledger’s`, {
    code: 'not_stepledger',
    status,
    retryAfterSeconds,
  })
}

type ErrorBody = { code?: string; message?: string; details?: Record<string, unknown>; request_id?: string }
