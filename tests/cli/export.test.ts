import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createKey } from '../../src/auth/keys.ts'
import { eachDatabase } from '../support/databases.ts'
import { observed, otherTenant, recordAll, tenant } from '../support/facts.ts'
import { recordIncident, secrets } from '../support/incident.ts'
import { adminKey } from '../support/requests.ts'
import { runCli } from '../support/run-cli.ts'
import { testApp } from '../support/test-app.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stepledger-export-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

describe.each(eachDatabase)('on $name', ({ create }) => {
  test('an export is everything that is kept of the tenant, opened, nothing of another, and no secret of ours', async () => {
    const db = await create()
    try {
      await recordIncident(db)
      await recordAll(db, [
        observed('customer', { id: 'cus_other', email: 'other@example.com' }, 1, { tenantId: otherTenant }),
      ])
      await createKey(db, { scope: 'tenant', tenantId: tenant, now: new Date() })
      const out = join(directory, 'tenant.json')
      const run = (...args: string[]) => runCli(['export', '--database', db.url, ...args], { cwd: directory })
      const done = await run('--tenant', tenant, '--out', out)
      expect(done).toMatchObject({ code: 0, stdout: '' })
      expect((await stat(out)).mode & 0o777).toBe(0o600)
      const text = await readFile(out, 'utf8')
      const document = JSON.parse(text)
      expect(document).toMatchObject({ tenant_id: tenant, erased_at: null })
      const { n } = await db.reader
        .selectFrom('billing_events')
        .select((eb) => eb.fn.countAll<number>().as('n'))
        .where('tenant_id', '=', tenant)
        .executeTakeFirstOrThrow()
      expect(document.facts.length).toBe(n)
      for (const secret of secrets) expect(text).toContain(secret)
      expect(text).not.toContain('other@example.com')
      expect(text).not.toMatch(/"(hash|wrapped|sealed)":/)
      expect(document.tables).toMatchObject({
        billing_customers: [{ customer_id: 'cus_ada' }],
        api_keys: [{ scope: 'tenant' }],
        billing_subscriptions: [{}],
      })
      expect(document.tables.billing_usage_records.length).toBe(3)

      expect((await run('--tenant', tenant, '--out', out)).code).toBe(2)
      expect(await readFile(out, 'utf8')).toBe(text)
      const printed = JSON.parse((await run('--tenant', tenant)).stdout)
      expect({ ...printed, exported_at: '' }).toEqual({ ...document, exported_at: '' })
      const nobody = await run('--tenant', 'nobody', '--out', join(directory, 'nobody.json'))
      expect(nobody.code).toBe(1)
      expect(await readdir(directory)).toEqual(['tenant.json'])

      // As after an erasure: what is left.
      await db.transact((trx) => trx.deleteFrom('subject_keys').where('tenant_id', '=', tenant).execute())
      const left = JSON.parse((await run('--tenant', tenant)).stdout)
      expect(left.facts.length).toBe(n)
      for (const secret of secrets) expect(JSON.stringify(left.facts)).not.toContain(secret)
    } finally {
      await db.close()
    }
  })

  test('operators have it over HTTP, and nobody else; who took it is in the log', async () => {
    const app = await testApp({ database: create })
    try {
      const path = '/api/v1/admin/tenants/tenant_a/export'
      const { status, body } = await app.get(path, { key: adminKey })
      expect(status).toBe(200)
      expect(body.data).toMatchObject({ tenant_id: 'tenant_a', tables: { billing_customers: [{}] } })
      expect(JSON.stringify(body.data.facts)).toContain('owner@tenant_a.example')
      expect(JSON.stringify(body)).not.toContain('tenant_b')
      for (const key of [app.keys.platform, app.keys.a])
        expect((await app.get(path, { key })).status).toBe(403)
      const unknown = await app.get('/api/v1/admin/tenants/nobody/export', { key: adminKey })
      expect(unknown.status).toBe(404)
      const facts = await app.db.reader
        .selectFrom('billing_events')
        .select(['type', 'metadata'])
        .where('stream', '=', 'operators')
        .execute()
      expect(facts).toEqual([
        { type: 'operator.tenant_exported', metadata: expect.stringContaining('"actor":"key:admin"') },
      ])
    } finally {
      await app.close()
    }
  })
})
