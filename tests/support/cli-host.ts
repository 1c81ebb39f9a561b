import { z } from 'zod'
import { cli } from '../../src/cli/program.ts'

/**
 * A process that runs one command after the other, as `runCli` asks over IPC: loading the program takes longer than most
 * commands. Each has its own environment, directory and output; the process ends with the one that started it.
 */
const command = z.object({
  args: z.array(z.string()),
  cwd: z.string(),
  env: z.record(z.string(), z.string()),
})

process.on('message', async (message) => {
  const { args, cwd, env } = command.parse(message)
  process.chdir(cwd)
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, env)
  process.exitCode = undefined
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    // The commands look at `error` of a pipe that nobody reads, each time anew.
    process[name].removeAllListeners('error')
    process[name].write = (text: string | Uint8Array) => {
      said[name] += typeof text === 'string' ? text : Buffer.from(text).toString()
      return true
    }
  }
  const code = await cli(args, () => import('../../src/main.ts'))
  process.send?.({ code, ...said })
})
