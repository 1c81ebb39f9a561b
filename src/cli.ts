import { Command, CommanderError, Option } from 'commander'
import { diffCommand } from './cli/diff.ts'
import { eventsCommand } from './cli/events.ts'
import { keysCommand } from './cli/keys.ts'
import { migrateCommand } from './cli/migrate.ts'
import { Misuse } from './cli/misuse.ts'
import { rehearseCommand } from './cli/rehearse.ts'
import { replayCommand } from './cli/replay.ts'
import { repriceCommand } from './cli/reprice.ts'
import { sandboxCommand } from './cli/sandbox.ts'
import { serveCommand } from './cli/serve.ts'
import { sessionsCommand } from './cli/sessions.ts'
import { verifyCommand } from './cli/verify.ts'
import { whyCommand } from './cli/why.ts'
import { BadEnvironment } from './config.ts'
import { AppError } from './errors.ts'

/** Runs one command. Resolves to the exit code: 0 done, 1 found a fault, 2 wrong use. */
export async function cli(args: string[]): Promise<number> {
  endQuietlyWithThePipe()
  const program = new Command('stepledger')
    .description('Takes tenants from sign-up to paying through Stripe; operates what it did')
    .exitOverride()
    // What stands after a command's name is the command's.
    .enablePositionalOptions()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) })
    .showHelpAfterError('(--help says more)')
  for (const makeCommand of commands) program.addCommand(withExitOverride(makeCommand()))
  try {
    readDotEnv()
    await program.parseAsync(args, { from: 'user' })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    return exitCodeOf(error)
  }
}

const commands = [
  serveCommand,
  migrateCommand,
  sandboxCommand,
  eventsCommand,
  replayCommand,
  verifyCommand,
  sessionsCommand,
  diffCommand,
  whyCommand,
  rehearseCommand,
  repriceCommand,
  keysCommand,
]

function withExitOverride(command: Command): Command {
  command.exitOverride().showHelpAfterError('(--help says more)')
  if (!groups.includes(command.name())) command.addOption(databaseOption())
  for (const child of command.commands) withExitOverride(child)
  return command
}

/** These do nothing themselves. */
const groups = ['keys', 'sessions']

const databaseOption = () =>
  new Option(
    '--database <url>',
    'file:PATH or postgres://…; default: DATABASE_URL of the environment or .env',
  )

function readDotEnv(): void {
  try {
    process.loadEnvFile('.env')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function exitCodeOf(error: unknown): number {
  // Commander has said already what is wrong.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`stepledger: ${message}\n`)
  if (error instanceof Misuse || error instanceof BadEnvironment) return 2
  if (error instanceof AppError) return error.code === 'invalid_request' ? 2 : 1
  return 1
}

/** `stepledger events | head` is no fault. */
function endQuietlyWithThePipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}
