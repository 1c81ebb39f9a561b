import { Command } from 'commander'
import { printJson, printLine } from './print.ts'
import { stopSignal } from './stop-signal.ts'
import { whole } from './whole.ts'

type Options = { port: number; host: string; file: string; json?: boolean }

export const sandboxCommand = () =>
  new Command('sandbox')
    .description('run the stand-in for Stripe’s API as a process of its own')
    .option('--port <number>', 'where to listen; 0 takes any free port', whole('a port', 65_535), 12_111)
    .option('--host <address>', 'for whom: this machine alone, or 0.0.0.0 for the network', '127.0.0.1')
    .option('--file <path>', 'SQLite file that keeps its state', 'stripe-sandbox.db')
    .option('--json', 'print {"url", "port", "file"} once it listens')
    .action(async ({ port, host, file, json }: Options) => {
      const { startSandbox } = await import('../stripe-sandbox/sandbox.ts')
      const stopped = stopSignal()
      const sandbox = await startSandbox({ port, host, file })
      sandbox.clock.resume()
      if (json) await printJson({ url: sandbox.url, port: sandbox.port, file })
      else await printLine(`Stripe sandbox on ${sandbox.url}, state in ${file}`)
      await stopped
      await sandbox.close()
    })
