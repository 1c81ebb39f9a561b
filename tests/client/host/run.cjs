const { Hono } = require('hono')
const { createClient, StepledgerError } = require('stepledger/client')
const { usageTracking } = require('stepledger/middleware')

async function main() {
  const [, , baseUrl, key] = process.argv
  const stepledger = createClient({ baseUrl, key })
  const plans = (await stepledger.plans()).map(({ plan_id }) => plan_id)
  const refused = await stepledger.customer('nobody').catch((error) => ({
    isOurs: error instanceof StepledgerError,
    code: error.code,
    status: error.status,
  }))

  const counted = []
  const tracking = usageTracking({
    tenantOf: () => 'tenant_a',
    record: async (batches) => {
      for (const { tenantId, quantity } of batches) counted.push({ tenantId, quantity })
    },
    journal: 'run-cjs.journal',
  })
  const app = new Hono().use(tracking).get('/', (c) => c.text('hello'))
  await app.request('/')
  await app.request('/')
  await tracking.close()
  console.log(JSON.stringify({ plans, refused, counted }))
}

main()
