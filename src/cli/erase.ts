import { Command } from 'commander'
import { erase } from '../ops/erase.ts'
import { printJson, printLine } from './print.ts'
import type { LoadMain } from './service.ts'
import { withContext } from './with-context.ts'
import type { DatabaseOptions } from './with-database.ts'

type EraseOptions = DatabaseOptions & { tenant: string; forgive?: boolean; keepStripe?: boolean }

export const eraseCommand = (loadMain: LoadMain) =>
  new Command('erase')
    .description("make a tenant's personal data unreadable for ever")
    .requiredOption('--tenant <id>', 'whose')
    .option('--forgive', 'write off first what is due: usage on no invoice, drafts and open invoices')
    .option('--keep-stripe', 'leave the customer at Stripe; by default the service deletes it')
    .option('--json', 'print {"tenant_id", "erased_at", "keeps_stripe", "is_scrubbed"}')
    .action((options: EraseOptions) =>
      withContext(options, loadMain, async (context) => {
        const { tenant: tenantId, forgive = false, keepStripe = false } = options
        const erasure = await erase(context, { actor: 'cli' }, { tenantId, forgive, keepStripe })
        if (options.json) return printJson(erasure)
        const { erased_at, keeps_stripe, is_scrubbed } = erasure
        await printLine(`Erased ${tenantId} at ${erased_at}`)
        await printLine(
          keeps_stripe ? 'The customer at Stripe stays' : 'The service deletes the customer at Stripe',
        )
        if (!is_scrubbed)
          await printLine(
            'A long read keeps old pages of the database alive: run the same again to wipe them',
          )
      }),
    )
