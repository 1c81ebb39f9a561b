import { expect, test } from 'vitest'
import { factById } from '../../src/log/read.ts'
import { openFact } from '../../src/log/subject.ts'
import { startService } from '../support/service.ts'
import { wizard } from '../support/wizard.ts'

test('a return_url is kept as the URL parser reads it, not as it came', async ({ onTestFinished }) => {
  const service = await startService({ catalogue: false })
  onTestFinished(() => service.close())
  for (const [sent, kept] of [
    ['http:localhost:8080/done', 'http://localhost:8080/done'],
    ['http://local\thost:8080/do\nne', 'http://localhost:8080/done'],
    ['  HTTP://LOCALHOST:8080/a/../done?to=é ', 'http://localhost:8080/done?to=%C3%A9'],
  ] as const) {
    const tenant = wizard(service)
    await tenant.to('createCustomer')
    expect((await tenant.setupPayment(sent)).status).toBe(200)
    expect((await tenant.show()).body.data.payment.return_url).toBe(kept)
    const { reader } = service.context.db
    const fact = await factById(reader, `stepledger:${tenant.of.sessionId}:setup_payment:1`)
    expect((await openFact(reader, fact)).data).toMatchObject({ personal: { return_url: kept } })
  }
})
