import { randomBytes } from 'node:crypto'
import { besideDatabase, type Config } from '../config.ts'
import { type Sandbox, startSandbox } from '../stripe-sandbox/sandbox.ts'

export async function embeddedSandbox(
  config: Config,
  url: Promise<string>,
  opened: AsyncDisposableStack,
): Promise<{ running: Sandbox; config: Config }> {
  const secret = config.stripe.webhookSecrets[0] ?? `whsec_${randomBytes(24).toString('hex')}`
  const running = await startSandbox({
    file: besideDatabase(config, 'stripe-sandbox.db'),
    port: config.stripe.sandboxPort,
    // It sends nothing before the service listens.
    webhook: { url, secret },
  })
  opened.defer(() => running.close())
  const stripe: Config['stripe'] = {
    ...config.stripe,
    apiBase: running.url,
    publishableKey: config.stripe.publishableKey ?? 'pk_test_sandbox',
    webhookSecrets: config.stripe.webhookSecrets.length > 0 ? config.stripe.webhookSecrets : [secret],
  }
  return { running, config: { ...config, stripe } }
}
