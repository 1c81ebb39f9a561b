import { type DestinationStream, type Logger, pino } from 'pino'
import { maskFields, withoutQuotes } from './mask.ts'

/**
 * The log: one JSON document per line. Each finished line goes through `maskFields`, bindings of child loggers and
 * messages included, so that no caller can put a secret or personal data into it by mistake.
 * @param options.secrets texts that are masked wherever they stand, such as ADMIN_API_KEY, which has no known form
 */
export function createLog(options: {
  level: string
  secrets?: (string | undefined)[]
  destination?: DestinationStream
}): Logger {
  const { level, destination = pino.destination({ dest: 1, sync: true }) } = options
  const secrets = (options.secrets ?? []).filter((secret) => secret !== undefined && secret !== '')
  const masking: DestinationStream = {
    write: (line) => {
      let masked = JSON.stringify(maskFields(JSON.parse(line)))
      for (const secret of secrets) masked = masked.replaceAll(inJson(secret), '[masked]')
      destination.write(`${masked}\n`)
    },
  }
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describe },
    },
    masking,
  )
}

type Described = {
  type: string
  code?: unknown
  message: string
  stack?: string | undefined
  cause?: Described
}

/** No other properties: Stripe's errors carry headers, the database's carry rows. Of the stack, the frames: its first lines repeat the message. */
function describe(error: unknown, depth = 0): Described {
  if (!(error instanceof Error)) return { type: typeof error, message: withoutQuotes(String(error)) }
  return {
    type: error.name,
    ...('code' in error && { code: error.code }),
    message: messageOf(error),
    ...(depth === 0 && { stack: framesOf(error) }),
    ...(error.cause !== undefined && depth < 4 && { cause: describe(error.cause, depth + 1) }),
  }
}

/** Errors quote what they fail at, which may be anybody's text. */
const messageOf = (error: Error) => withoutQuotes('forLog' in error ? String(error.forLog) : error.message)

const framesOf = ({ stack = '' }: Error) =>
  stack
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .join('\n')

const inJson = (text: string | undefined) => JSON.stringify(text).slice(1, -1)
