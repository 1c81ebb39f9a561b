import { z } from 'zod'
import { type AccessRules, defaultAccessRules } from '../machines/subscription.ts'
import { parseKey } from './db/personal-key-file.ts'

/**
 * The environment, parsed once. Rates are in cents; `api_call` is priced per 1000 calls.
 * `stripe.mode` says whom the service talks to: the embedded sandbox, another base (`STRIPE_API_BASE`), or Stripe.
 */
export type Config = {
  host: string
  port: number
  publicUrl: string
  databaseUrl: string
  adminApiKey: string | undefined
  /** 32 bytes each, the newest first; undefined: in the file beside the database. */
  personalDataKeys: Buffer[] | undefined
  /** Named on the command line, in place of those. */
  personalKeyFile?: string | undefined
  /** Of the command line: starts on a log of a later time than the clock. */
  acceptClock?: boolean | undefined
  returnUrlOrigins: string[]
  /** Whose pages may call the onboarding routes from a browser, and frame the wizard. */
  allowedOrigins: string[]
  sessionTtlHours: number
  logLevel: string
  stripe: {
    enabled: boolean
    mode: 'sandbox' | 'custom' | 'stripe'
    secretKey: string | undefined
    publishableKey: string | undefined
    webhookSecrets: string[]
    environment: 'test' | 'live'
    apiBase: string | undefined
    sandboxPort: number
  }
  rates: Record<'agent' | 'user' | 'case' | 'event_ingestion' | 'api_call' | 'platform_base', number>
  currency: string
  trialPeriodDays: number
  accessRules: AccessRules
}

/** Thrown by `readConfig`: `lines` has one line per variable (name, what is wrong, what is accepted). */
export class BadEnvironment extends Error {
  readonly lines: string[]
  constructor(lines: string[]) {
    super(lines.join('\n'))
    this.name = 'BadEnvironment'
    this.lines = lines
  }
}

/** The variables that look like settings of ours and are none, one line each: a typing mistake would go unseen. */
export function unknownVariables(environment: Record<string, string | undefined>): string[] {
  return Object.keys(environment)
    .filter((name) => /^(BILLING_RATE_|STRIPE_)/.test(name) && !(name in variables.shape))
    .sort()
    .map((name) => `${name} is no setting and changes nothing; .env.example has them all`)
}

/** @throws BadEnvironment */
export function readConfig(environment: Record<string, string | undefined>): Config {
  // An empty value in a .env file means "not set".
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()))
  const parsed = variables.safeParse(present)
  if (!parsed.success) {
    throw new BadEnvironment(
      parsed.error.issues.map((issue) => {
        const name = String(issue.path[0])
        const secret = /KEY|SECRET|DATABASE/.test(name)
        return `${name}: ${secret ? 'the value' : JSON.stringify(present[name])} is not accepted; expected ${issue.message}`
      }),
    )
  }
  const env = parsed.data
  const publicUrl = env.PUBLIC_URL ?? `http://localhost:${env.PORT}`
  const returnUrlOrigins = env.RETURN_URL_ORIGINS ?? [new URL(publicUrl).origin]
  const mode = env.STRIPE_API_BASE ? 'custom' : env.STRIPE_SECRET_KEY ? 'stripe' : 'sandbox'
  const problems: string[] = []
  if (env.STRIPE_ENABLED && env.STRIPE_ENVIRONMENT === 'live') {
    if (!env.STRIPE_SECRET_KEY)
      problems.push(
        'STRIPE_SECRET_KEY: missing; STRIPE_ENVIRONMENT=live needs a live key (sk_live_… or rk_live_…)',
      )
    else if (!/^(sk|rk)_live_/.test(env.STRIPE_SECRET_KEY))
      problems.push(
        'STRIPE_SECRET_KEY: a test key with STRIPE_ENVIRONMENT=live; expected sk_live_… or rk_live_…',
      )
    if (env.STRIPE_PUBLISHABLE_KEY && !env.STRIPE_PUBLISHABLE_KEY.startsWith('pk_live_'))
      problems.push('STRIPE_PUBLISHABLE_KEY: a test key with STRIPE_ENVIRONMENT=live; expected pk_live_…')
    if (env.STRIPE_API_BASE)
      problems.push(
        'STRIPE_API_BASE: set with STRIPE_ENVIRONMENT=live; a live key goes to Stripe alone, remove it',
      )
  }
  if (
    env.STRIPE_ENVIRONMENT === 'test' &&
    env.STRIPE_SECRET_KEY &&
    /^(sk|rk)_live_/.test(env.STRIPE_SECRET_KEY)
  ) {
    problems.push(
      'STRIPE_SECRET_KEY: a live key with STRIPE_ENVIRONMENT=test; expected sk_test_… or rk_test_…, or set STRIPE_ENVIRONMENT=live',
    )
  }
  if (problems.length > 0) throw new BadEnvironment(problems)
  return {
    host: env.HOST,
    port: env.PORT,
    publicUrl,
    databaseUrl: env.DATABASE_URL,
    adminApiKey: env.ADMIN_API_KEY,
    personalDataKeys: env.PERSONAL_DATA_KEY,
    returnUrlOrigins,
    allowedOrigins: env.ALLOWED_ORIGINS ?? returnUrlOrigins,
    sessionTtlHours: env.ONBOARDING_SESSION_TTL_HOURS,
    logLevel: env.LOG_LEVEL,
    stripe: {
      enabled: env.STRIPE_ENABLED,
      mode,
      secretKey: env.STRIPE_SECRET_KEY,
      publishableKey: env.STRIPE_PUBLISHABLE_KEY,
      webhookSecrets: env.STRIPE_WEBHOOK_SECRET ?? [],
      environment: env.STRIPE_ENVIRONMENT,
      apiBase: env.STRIPE_API_BASE,
      sandboxPort: env.STRIPE_SANDBOX_PORT,
    },
    rates: {
      agent: env.BILLING_RATE_PER_AGENT_MONTHLY,
      user: env.BILLING_RATE_PER_USER_MONTHLY,
      case: env.BILLING_RATE_PER_CASE,
      event_ingestion: env.BILLING_RATE_PER_EVENT_INGESTION,
      api_call: env.BILLING_RATE_API_CALL,
      platform_base: env.BILLING_RATE_PLATFORM_BASE,
    },
    currency: env.BILLING_CURRENCY,
    trialPeriodDays: env.BILLING_TRIAL_PERIOD_DAYS,
    accessRules: {
      graceDays: env.BILLING_GRACE_DAYS,
      suspendOnLostDispute: env.BILLING_SUSPEND_ON_LOST_DISPUTE,
    },
  }
}

const whole = (min: number, max: number, what: string, fallback: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, what)
    .transform(Number)
    .refine((value) => value >= min && value <= max, what)
    .default(fallback)

const yesNo = (fallback: boolean) =>
  z
    .enum(['true', 'false'], 'true or false')
    .default(fallback ? 'true' : 'false')
    .transform((value) => value === 'true')

const port = (fallback: number) => whole(0, 65535, 'a port from 0 to 65535', fallback)
const cents = (fallback: number) =>
  whole(0, 1_000_000_000_000, 'a whole number of cents, 0 or more', fallback)
const url = (what: string, protocols: RegExp) =>
  z.string().refine((value) => URL.canParse(value) && protocols.test(new URL(value).protocol), what)
const list = z.string().transform((value) =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean),
)
const origins = list.refine(
  (each) =>
    each.length > 0 && each.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
  'origins such as https://app.example.com, comma-separated, without a path',
)

const personalDataKeys = list
  .refine(
    (keys) => keys.length >= 1 && keys.length <= 2 && keys.every((key) => parseKey(key) !== undefined),
    '32 bytes in base64 (openssl rand -base64 32), or two keys, comma-separated and the new one first, while it is rolled',
  )
  .transform((keys) => keys.map(parseKey).filter((key) => key !== undefined))

/** Of the environment, for a command that needs nothing else of it. @throws BadEnvironment */
export function readPersonalDataKeys(environment: Record<string, string | undefined>): Buffer[] | undefined {
  const value = environment.PERSONAL_DATA_KEY
  if (!value?.trim()) return undefined
  const { data, error } = personalDataKeys.safeParse(value)
  if (error === undefined) return data
  throw new BadEnvironment([
    `PERSONAL_DATA_KEY: the value is not accepted; expected ${error.issues[0]?.message}`,
  ])
}

const variables = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: port(8080),
  PUBLIC_URL: url('an http or https URL', /^https?:$/).optional(),
  DATABASE_URL: z
    .string()
    .regex(/^(file:.+|postgres(ql)?:\/\/.+)$/, 'file:PATH (SQLite) or postgres://…')
    .default('file:forensics.db'),
  ADMIN_API_KEY: z.string().min(16, 'at least 16 characters').optional(),
  PERSONAL_DATA_KEY: personalDataKeys.optional(),
  RETURN_URL_ORIGINS: origins.optional(),
  ALLOWED_ORIGINS: origins.optional(),
  ONBOARDING_SESSION_TTL_HOURS: whole(1, 8760, 'a whole number of hours from 1 to 8760', 72),
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'trace, debug, info, warn, error, fatal or silent',
    )
    .default('info'),
  STRIPE_ENABLED: yesNo(true),
  STRIPE_SECRET_KEY: z
    .string()
    .regex(/^(sk|rk)_(test|live)_\S+$/, 'sk_test_…, sk_live_…, rk_test_… or rk_live_…')
    .optional(),
  STRIPE_PUBLISHABLE_KEY: z
    .string()
    .regex(/^pk_(test|live)_\S+$/, 'pk_test_… or pk_live_…')
    .optional(),
  STRIPE_WEBHOOK_SECRET: list
    .refine(
      (secrets) => secrets.length >= 1 && secrets.length <= 2,
      'one secret, or two comma-separated while one is rolled',
    )
    .optional(),
  STRIPE_ENVIRONMENT: z.enum(['test', 'live'], 'test or live').default('test'),
  STRIPE_API_BASE: url('an http or https URL', /^https?:$/).optional(),
  STRIPE_SANDBOX_PORT: port(12111),
  BILLING_RATE_PER_AGENT_MONTHLY: cents(5000),
  BILLING_RATE_PER_USER_MONTHLY: cents(2500),
  BILLING_RATE_PER_CASE: cents(1000),
  BILLING_RATE_PER_EVENT_INGESTION: cents(1),
  BILLING_RATE_API_CALL: cents(10),
  BILLING_RATE_PLATFORM_BASE: cents(10000),
  BILLING_CURRENCY: z
    .string()
    .toLowerCase()
    .regex(/^[a-z]{3}$/, 'a three-letter ISO 4217 code such as usd')
    .default('usd'),
  BILLING_TRIAL_PERIOD_DAYS: whole(0, 730, 'a whole number of days from 0 to 730', 14),
  BILLING_GRACE_DAYS: whole(0, 365, 'a whole number of days from 0 to 365', defaultAccessRules.graceDays),
  BILLING_SUSPEND_ON_LOST_DISPUTE: yesNo(defaultAccessRules.suspendOnLostDispute),
})

/** The path of a SQLite database. */
export const fileOf = ({ databaseUrl }: Config) =>
  databaseUrl.startsWith('file:') ? databaseUrl.slice('file:'.length) : undefined

/** A file beside the database, or, where that is a server, in the working directory. */
export function besideDatabase(config: Config, name: string): string {
  const path = fileOf(config) ?? 'stepledger.db'
  return `${path.replace(/\.db$/, '')}.${name}`
}

/** An http address on this machine. */
export function isLoopbackUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocol === 'http:' && /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname)
}

/** Where a sandbox in another process may be: on this machine, for a test key. With a real account, time is real. */
export function sandboxBase({ stripe }: Pick<Config, 'stripe'>): string | undefined {
  const { enabled, mode, environment, apiBase } = stripe
  const mayBe = enabled && mode === 'custom' && environment === 'test'
  return mayBe && apiBase !== undefined && isLoopbackUrl(apiBase) ? apiBase : undefined
}
