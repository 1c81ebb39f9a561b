import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { readConfig, unknownVariables } from '../config.ts'
import { printJson, printLine } from './print.ts'
import type { LoadMain } from './service.ts'
import { stopSignal } from './stop-signal.ts'
import { type DatabaseOptions, databaseUrl } from './with-database.ts'

export const serveCommand = (loadMain: LoadMain) =>
  new Command('serve')
    .description('run the service until SIGTERM or Ctrl-C')
    .option(
      '--json',
      'print {"url", "stripe", "sandbox_url", "new_admin_key", "new_key_file"} once it listens',
    )
    .option('--accept-clock', 'start though the log is more than a day ahead of the clock')
    .action(async (options: DatabaseOptions & { acceptClock?: boolean }) => {
      const config = {
        ...readConfig({ ...process.env, DATABASE_URL: databaseUrl(options) }),
        personalKeyFile: options.personalKey,
        acceptClock: options.acceptClock,
      }
      for (const line of unknownVariables(process.env)) process.stderr.write(`stepledger: warning: ${line}\n`)
      const database = databaseLine(config.databaseUrl)
      const { serve } = await loadMain()
      const stopped = stopSignal()
      const { url, sandboxUrl, newAdminKey, newKeyFile, stop } = await serve(config).catch((error) => {
        leave()
        throw error
      })
      const stripe = config.stripe.enabled ? config.stripe.mode : 'disabled'
      if (options.json) {
        await printJson({
          url,
          stripe,
          sandbox_url: sandboxUrl ?? null,
          new_admin_key: newAdminKey ?? null,
          new_key_file: newKeyFile ?? null,
        })
      } else {
        await printLine(`API      ${url}/api/v1`)
        await printLine(`Docs     ${url}/docs`)
        await printLine(`Wizard   ${url}/onboarding`)
        await printLine(`Console  ${url}/console`)
        await printLine(`Stripe   ${stripeLine(stripe, config.stripe, sandboxUrl)}`)
        await printLine(`Database ${database}`)
        if (newKeyFile !== undefined)
          await printLine(
            `Key      ${resolve(newKeyFile)}, new: opens personal data; keep a copy apart from backups`,
          )
        if (newAdminKey !== undefined) await printLine(`Admin key, shown this once: ${newAdminKey}`)
      }
      await stopped
      // What has not ended by then is in the log, the outbox or the journal.
      const late = setTimeout(() => process.exit(0), longestStopMs)
      await stop()
      clearTimeout(late)
      leave()
    })

const longestStopMs = 9_000

/** Ends the process though a connection may still be open; without one it ends by itself, at once. */
const leave = () => setTimeout(() => process.exit(), 500).unref()

/** Asked before the start makes the file: who mistyped a name, or stands in another directory, sees it here. */
function databaseLine(url: string): string {
  if (!url.startsWith('file:')) return 'PostgreSQL'
  const path = resolve(url.slice('file:'.length))
  return existsSync(path) ? path : `${path}, new: made by this start`
}

function stripeLine(
  mode: 'sandbox' | 'custom' | 'stripe' | 'disabled',
  { environment, apiBase }: { environment: string; apiBase: string | undefined },
  sandboxUrl: string | undefined,
): string {
  switch (mode) {
    case 'sandbox':
      return `the embedded sandbox on ${sandboxUrl}: no account, no real money`
    case 'custom':
      return `${apiBase} in Stripe’s place`
    case 'stripe':
      return environment === 'live' ? 'Stripe, live: real money' : 'Stripe, in test mode'
    case 'disabled':
      return 'nobody: STRIPE_ENABLED is false'
    default:
      return mode satisfies never
  }
}
