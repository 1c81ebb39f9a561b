import { Command } from 'commander'
import { printJson, printLine } from './print.ts'
import { stopSignal } from './stop-signal.ts'
import { whole } from './whole.ts'

export const sandboxCommand = () =>
  new Command('sandbox')
    .description('run the stand-in for Stripe’s API as a process of its own')
    .option(
      '--port <number>',
      'where to listen on 127.0.0.1; 0 takes any free port',
      whole('a port', 65_535),
      12_111,
    )
    .option('--file <path>', 'SQLite file that keeps its state', 'stripe-sandbox.db')
    .option('--json', 'print {"url", "port", "file"} once it listens')
    .action(async ({ port, file, json }: { port: number; file: string; json?: boolean }) => {
      const { startSandbox } = await import('../stripe-sandbox/sandbox.ts')
      const stopped = stopSignal()
      const sandbox = await startSandbox({ port, file })
      if (json) await printJson({ url: sandbox.url, port: sandbox.port, file })
      else await printLine(`Stripe sandbox on ${sandbox.url}, state in ${file}`)
      await stopped
      await sandbox.close()
    })
