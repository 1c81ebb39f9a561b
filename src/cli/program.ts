import { Command, CommanderError, Option } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { BadEnvironment } from '../config.ts'
import { databaseProblem } from '../db/fault.ts'
import { codeOf } from '../db/private-file.ts'
import { AppError } from '../errors.ts'
import { Misuse } from './misuse.ts'
import type { LoadMain } from './service.ts'
import { StartFailure } from './start-failure.ts'

/** Runs one command. Resolves to the exit code: 0 done, 1 found a fault, 2 wrong use. */
export async function cli(args: string[], loadMain: LoadMain): Promise<number> {
  endQuietlyWithThePipe()
  const program = new Command('stepledger')
    .description('Takes tenants from sign-up to paying through Stripe; operates what it did')
    .version(packageJson.version, '-V, --version', 'print the version')
    .exitOverride()
    // What stands after a command's name is the command's.
    .enablePositionalOptions()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) })
    .showHelpAfterError('(--help says more)')
  const wanted = commands[args[0] ?? '']
  for (const load of wanted === undefined ? Object.values(commands) : [wanted])
    program.addCommand(withExitOverride(await load(loadMain)))
  try {
    readDotEnv()
    await program.parseAsync(args, { from: 'user' })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    return exitCodeOf(error)
  }
}

/** A command's own module alone is loaded, for it takes a second to load them all. */
const commands: Record<string, (loadMain: LoadMain) => Promise<Command>> = {
  serve: async (loadMain) => (await import('./serve.ts')).serveCommand(loadMain),
  migrate: async () => (await import('./migrate.ts')).migrateCommand(),
  sandbox: async () => (await import('./sandbox.ts')).sandboxCommand(),
  events: async () => (await import('./events.ts')).eventsCommand(),
  replay: async () => (await import('./replay.ts')).replayCommand(),
  verify: async () => (await import('./verify.ts')).verifyCommand(),
  sessions: async () => (await import('./sessions.ts')).sessionsCommand(),
  diff: async () => (await import('./diff.ts')).diffCommand(),
  why: async () => (await import('./why.ts')).whyCommand(),
  rehearse: async () => (await import('./rehearse.ts')).rehearseCommand(),
  reprice: async () => (await import('./reprice.ts')).repriceCommand(),
  backup: async () => (await import('./backup.ts')).backupCommand(),
  export: async () => (await import('./export.ts')).exportCommand(),
  simulate: async () => (await import('./simulate.ts')).simulateCommand(),
  tenants: async () => (await import('./tenants.ts')).tenantsCommand(),
  keys: async () => (await import('./keys.ts')).keysCommand(),
  invoices: async (loadMain) => (await import('./invoices.ts')).invoicesCommand(loadMain),
  usage: async (loadMain) => (await import('./usage.ts')).usageCommand(loadMain),
  erase: async (loadMain) => (await import('./erase.ts')).eraseCommand(loadMain),
}

function withExitOverride(command: Command): Command {
  command.exitOverride().showHelpAfterError('(--help says more)')
  if (!groups.includes(command.name())) command.addOption(databaseOption()).addOption(personalKeyOption())
  for (const child of command.commands) withExitOverride(child)
  return command
}

/** These do nothing themselves. */
const groups = ['keys', 'sessions', 'tenants', 'invoices', 'usage']

const databaseOption = () =>
  new Option(
    '--database <url>',
    'file:PATH or postgres://…; default: DATABASE_URL of the environment or .env',
  )

const personalKeyOption = () =>
  new Option(
    '--personal-key <file>',
    'the file with the key of personal data; default: PERSONAL_DATA_KEY, or the file beside the database',
  )

function readDotEnv(): void {
  try {
    process.loadEnvFile('.env')
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

function exitCodeOf(error: unknown): number {
  // Commander has said already what is wrong.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const message = wordsOf(error)
  process.stderr.write(`stepledger: ${message}\n`)
  if (error instanceof Misuse || error instanceof BadEnvironment) return 2
  if (error instanceof AppError) return error.code === 'invalid_request' ? 2 : 1
  return 1
}

function wordsOf(error: unknown): string {
  const problem = error instanceof StartFailure ? undefined : databaseProblem(error)
  return problem ?? (error instanceof Error ? error.message : String(error))
}

/** `stepledger events | head` is no fault. */
function endQuietlyWithThePipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}
