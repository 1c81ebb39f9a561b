// A host's CommonJS: the same types by require.
import client = require('stepledger/client')
import middleware = require('stepledger/middleware')

const stepledger: client.Client = client.createClient({ baseUrl: '', key: '' })
export const plans: Promise<client.Plan[]> = stepledger.plans()
export const isOurs = (error: unknown): boolean => error instanceof client.StepledgerError
export const skipped: boolean = middleware.isHousekeepingPath('/health')
// @ts-expect-error a tenant's id is a string
stepledger.billingStatus(1)
