import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { enqueueRefresh } from '../../src/inbox/enqueue-refresh.ts'
import { barriersOn, complaintsOf, launchBrowser, sidewaysOverflow } from '../support/browser.ts'
import { logInTo } from '../support/console-page.ts'
import { observed, recordAll } from '../support/facts.ts'
import { adminKey } from '../support/requests.ts'
import { type Service, startService } from '../support/service.ts'
import { transactAt } from '../support/turns.ts'
import { settled, type Wizard, wizard } from '../support/wizard.ts'

let browser: Browser
let service: Service
/** Whose card was declined, and who took another one. */
let ada: Wizard

beforeAll(async () => {
  ;[browser, service] = await Promise.all([launchBrowser(), startService({ webhooks: true })])
  ada = wizard(service)
  await ada.to('setupPayment')
  await ada.confirmCard('pm_card_chargeDeclined').catch(() => {})
  await settled(service)
  await ada.confirmCard()
  for (const step of [ada.selectPlan, ada.createSubscription, ada.complete])
    expect(await step()).toMatchObject({ status: 200 })
  await recordUsage('case', 3)
  await recordUsage('api_call', 40_000)
  await wizard(service).to('createCustomer')
  await settled(service)
})
afterAll(async () => {
  await browser?.close()
  await service?.close()
})

const recordUsage = (usage_type: string, quantity: number) =>
  service.request('POST', '/billing/usage', { tenant_id: ada.of.tenantId, usage_type, quantity })

/** A browser of its own. The page must not have complained by the end of the test. */
async function withPage(use: (page: Page) => Promise<void>, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ locale: 'en-US', ...options })
  context.setDefaultTimeout(10_000)
  try {
    const page = await context.newPage()
    const complaints = complaintsOf(page)
    await use(page)
    expect(complaints).toEqual([])
  } finally {
    await context.close()
  }
}

const logIn = (page: Page, hash?: string, key = adminKey) => logInTo(page, `${service.url}`, key, hash)
const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { level: 1, name })
const fact = (page: Page, name: string) => page.locator('.facts summary', { hasText: name })

test('a wrong key is refused, the right one opens the view that was asked for, and logging out closes it', async () => {
  await withPage(async (page) => {
    await logIn(page, '#/tenants', 'wrong')
    await page.getByRole('alert').getByText('A valid key is needed').waitFor()
    expect(await page.evaluate('document.activeElement.id')).toBe('key')
    expect(await barriersOn(page)).toEqual([])
    await logIn(page)
    await heading(page, 'Tenants').waitFor()
    await page.reload()
    await heading(page, 'Tenants').waitFor()
    const kept = await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])')
    expect(kept).toBe('[{},{},""]')

    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByLabel('Admin key').waitFor()
    await page.reload()
    await page.getByLabel('Admin key').waitFor()
  })
})

test('a login that has ended shows the form, and goes on where it was', async () => {
  await withPage(async (page) => {
    await logIn(page, '#/jobs')
    await heading(page, 'Jobs').waitFor()
    await page.context().clearCookies()
    await page.getByRole('link', { name: 'Sessions' }).click()
    await logIn(page)
    await heading(page, 'Sessions').waitFor()
  })
})

test('a tenant complains: from the e-mail to the session, the fact that explains, and what was then', async () => {
  await withPage(async (page) => {
    await logIn(page)
    await page.getByLabel('Find a tenant or a session').fill('ADA@example')
    await page.getByRole('button', { name: 'Find' }).click()
    await heading(page, 'Tenants').waitFor()
    await page.getByRole('link', { name: ada.of.tenantId }).click()
    await heading(page, new RegExp(`^Tenant ${ada.of.tenantId}`)).waitFor()

    const subscriptions = page.getByRole('region', { name: 'Subscriptions' }).getByRole('table')
    await subscriptions.getByRole('button', { name: 'trialing' }).click()
    const why = page.getByRole('dialog')
    await why.getByText('stripe.object_observed').waitFor()
    await why.getByText('nothing → trialing').waitFor()
    await why.getByRole('button', { name: 'Close' }).click()
    await page.locator('.plot canvas').nth(1).waitFor()

    await page.getByRole('link', { name: ada.of.sessionId }).click()
    await heading(page, new RegExp(`^Session ${ada.of.sessionId}`)).waitFor()
    const declined = fact(page, 'onboarding.payment_declined')
    expect(await declined.textContent()).toContain('card_declined generic_decline')
    await declined.click()
    await page.getByRole('region', { name: /^onboarding.payment_declined at/ }).waitFor()
    await fact(page, 'onboarding.started').click()
    const started = await page.getByRole('region', { name: /^onboarding.started at/ }).textContent()
    expect(started).toContain('"personal": "[personal]"')
    expect(started).not.toContain('Ada')
    await page
      .locator('.fact', { hasText: 'onboarding.started' })
      .getByRole('button', { name: 'Show personal data' })
      .click()
    await page
      .getByRole('region', { name: /^onboarding.started at/ })
      .getByText('Ada Lovelace')
      .waitFor()
    const { items } = (await service.request('GET', '/admin/events?type=operator.personal_viewed')).body.data
    expect(items).toMatchObject([
      { stream: 'operators', tenant_id: ada.of.tenantId, metadata: { actor: expect.any(String) } },
    ])

    const then = page.locator('.then')
    await then.getByText('completed at #').waitFor()
    expect(await page.locator('.statechart .current .name').textContent()).toBe('completed')
    const slider = page.getByRole('slider', { name: 'After the fact' })
    await slider.press('Home')
    expect(await slider.getAttribute('aria-valuetext')).toContain('onboarding.started')
    await then.getByText('started · idle at #').waitFor()
    await then.getByText('No rows in the billing tables yet.').waitFor()
    expect(await page.locator('.statechart .visited').count()).toBe(1)
    for (
      let moves = 0;
      !(await slider.getAttribute('aria-valuetext'))?.includes('payment_declined');
      moves += 1
    ) {
      expect(moves).toBeLessThan(30)
      await slider.press('ArrowRight')
    }
    await then.getByText('payment setup · idle at #').waitFor()
    await then.getByText('What the session remembered').click()
    await then.getByText('"decline_code": "generic_decline"').waitFor()
  })
})

test('Stripe’s objects, names and companies are shown, and each is found by what a person has at hand', async () => {
  const { tenantId, sessionId, customerId } = ada.of
  const { body } = await service.request('GET', `/admin/tenants/${tenantId}`)
  const [invoice] = body.data.invoices
  await withPage(async (page) => {
    await logIn(page)
    await heading(page, 'Overview').waitFor()
    const find = async (text: string) => {
      await page.getByLabel('Find a tenant or a session').fill(text)
      await page.getByRole('button', { name: 'Find' }).click()
    }
    for (const text of [
      customerId,
      invoice.number,
      body.data.person.company_name.slice(1, 8).toLowerCase(),
    ]) {
      await find(text)
      await page.waitForFunction(`location.hash.includes(${JSON.stringify(encodeURIComponent(text))})`)
      await page.getByRole('link', { name: tenantId }).waitFor()
    }
    await page.getByRole('link', { name: tenantId }).click()
    await page.getByRole('button', { name: body.data.person.company_name }).waitFor()
    await find(sessionId.slice(0, 8))
    await heading(page, new RegExp(`^Session ${sessionId}`)).waitFor()

    await page.goto(`${service.url}/console#/log?tenant_id=${tenantId}&type=stripe.object_observed`)
    const seen = fact(page, `customer ${customerId}`).first()
    await seen.click()
    const data = page.getByRole('region', { name: /^stripe.object_observed at/ })
    await data.getByText('"object": "customer"').waitFor()
    expect(await data.textContent()).not.toMatch(/Ada|@example/)
    expect(await barriersOn(page)).toEqual([])
  })
})

test('a session with a discount says what is paid for the plan, and for how long less', async () => {
  const plan = { plan_id: 'enterprise', price_id: 'price_enterprise_monthly', discount_code: 'LAUNCH50' }
  const saver = wizard(service, { choice: plan })
  await saver.to('selectPlan')
  await withPage(async (page) => {
    await logIn(page, `#/sessions/${saver.of.sessionId}`)
    await page.getByText('Enterprise, $299.00 every month; LAUNCH50: $149.50 off once').waitFor()
  })
})

test('a link to a moment of a session shows that moment', async () => {
  const { body } = await service.request('GET', `/admin/sessions/${ada.of.sessionId}`)
  const { position } = body.data.path.find(
    ({ type }: { type: string }) => type === 'onboarding.customer_created',
  )
  await withPage(async (page) => {
    await logIn(page, `#/sessions/${ada.of.sessionId}?at=${position}`)
    await page.locator('.then').getByText(`customer created · idle at #${position}`).waitFor()
  })
})

test('a verification is started, watched and ends well; so is a rehearsal', async () => {
  await withPage(async (page) => {
    await logIn(page, '#/jobs')
    await page.getByRole('button', { name: 'Verify', exact: true }).click()
    await page.locator('.job[data-status="done"]').getByText('All is as the log says.').waitFor()
    await page.getByRole('button', { name: 'Rehearse' }).click()
    await page.getByText('Every one goes on where it stands.').waitFor()
    expect(await page.getByRole('status').first().textContent()).toBe('rehearse: done')
  })
})

test('a replay asks before it writes, and of one tenant shows what it has put right', async () => {
  await service.context.db.transact((trx) =>
    trx
      .updateTable('billing_customers')
      .set({ name: 'Not Ada' })
      .where('tenant_id', '=', ada.of.tenantId)
      .execute(),
  )
  await withPage(async (page) => {
    await logIn(page, '#/jobs')
    await page.getByLabel('Tenant', { exact: true }).fill(ada.of.tenantId)
    await page.getByRole('button', { name: 'Replay', exact: true }).click()
    const dialog = page.getByRole('dialog', { name: 'Replay the log?' })
    expect(await dialog.textContent()).toContain(ada.of.tenantId)
    expect(await barriersOn(page)).toEqual([])
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    expect(await page.locator('.job', { hasText: 'replay' }).count()).toBe(0)
    await page.getByRole('button', { name: 'Replay', exact: true }).click()
    await dialog.getByRole('button', { name: 'Replay now' }).click()
    const mended = page.getByRole('table', { name: 'Put right' }).getByRole('row').nth(1)
    expect(await mended.textContent()).toMatch(/billing_customers.*name.*"Ada Lovelace".*"Not Ada"/s)
  })
})

test('of an erased tenant the pages say that it was erased, and offer nothing personal to look at', async () => {
  const gone = wizard(service)
  await gone.to('start')
  const erased = await service.request('POST', `/admin/tenants/${gone.of.tenantId}/erase`, {})
  expect(erased.status).toBe(200)
  await withPage(async (page) => {
    await logIn(page, `#/tenants/${gone.of.tenantId}`)
    await page.getByText('nothing personal is left of it').waitFor()
    await fact(page, 'onboarding.started').click()
    const shown = page.locator('.fact', { hasText: 'onboarding.started' })
    await shown.getByText('The personal data of this fact was erased: nobody can read it again.').waitFor()
    expect(await shown.getByRole('button', { name: 'Show personal data' }).count()).toBe(0)
    expect(await shown.textContent()).toContain('"personal": "[erased]"')
  })
})

test('a parked webhook is released by its button once the customer is known', async () => {
  const stranger = await service.stripe.customers.create({ email: 'stranger@example.com' })
  await settled(service)
  await withPage(async (page) => {
    await logIn(page, '#/webhooks?disposition=parked')
    const row = page.getByRole('row').filter({ has: page.getByTitle(stranger.id).first() })
    await row.getByRole('button', { name: /^Try again: evt_/ }).click()
    await row.getByRole('alert').getByText('It is parked still.').waitFor()

    const seen = { id: stranger.id, created: stranger.created, email: 'stranger@example.com' }
    const known = observed('customer', seen, 0, { tenantId: 'tenant_stranger' })
    await recordAll(service.context.db, [{ ...known, data: { ...known.data, as_of: stranger.created } }])
    await row.getByRole('button', { name: /^Try again: evt_/ }).click()
    await row.getByText('released').waitFor()
    await row.getByRole('link', { name: 'tenant_stranger' }).waitFor()
    expect(await page.locator('tr:focus').textContent()).toContain('released')
  })
})

test('a pending effect is carried out by its button', async () => {
  const seen = { objectType: 'customer', objectId: ada.of.customerId, tenantId: ada.of.tenantId } as const
  const effectId = `refresh:${ada.of.customerId}:a:test`
  const { db, now } = service.context
  await transactAt(db, now)({ actor: 'worker' }, (turn) => enqueueRefresh(turn, seen, 'a:test'))
  await withPage(async (page) => {
    await logIn(page, '#/effects?status=pending')
    await page.getByRole('button', { name: `Try now: ${effectId}` }).click()
    const row = page.getByRole('row').filter({ has: page.getByTitle(effectId) })
    await row.getByText('done').waitFor()
    expect(await row.getByRole('button', { name: /^Try now/ }).count()).toBe(0)
  })
})

test('an outage of Stripe is on the overview, and a long error covers no button', async () => {
  const outage = await service.context.db.transact(async (trx) => {
    const effect = {
      effect_id: 'stepledger:a-call-that-fails',
      tenant_id: null,
      stream: 'stripe',
      params: '{}',
    }
    const long = `An_error_without_a_blank_${'x'.repeat(200)} and one with many ${'words '.repeat(60)}`
    const time = service.context.now().toISOString()
    await trx
      .insertInto('effects')
      .values({
        ...effect,
        ...{ kind: 'create_customer', status: 'pending', attempts: 4, last_error: long, claimed_until: null },
        ...{ due_at: '2999-01-01T00:00:00.000Z', created_at: time, updated_at: time },
      })
      .execute()
    return effect.effect_id
  })
  await withPage(async (page) => {
    await logIn(page)
    await page.locator('.tiles').getByText('degraded').waitFor()
    const tile = page.locator('.tiles li', { hasText: 'Calls retried' })
    expect(await tile.textContent()).toMatch(/1the oldest since .* An_error_without/)
    expect(await page.locator('.tiles li', { hasText: 'Timers' }).textContent()).toContain('their time')
    await page.setViewportSize({ width: 360, height: 740 })
    expect(await sidewaysOverflow(page)).toBe(0)
    await tile.getByRole('link').click()
    await heading(page, 'Effects').waitFor()
    expect(await page.locator('tbody tr').count()).toBe(1)
    for (const width of [360, 1280]) {
      await page.setViewportSize({ width, height: 740 })
      const error = await page.getByRole('cell', { name: /^An_error/ }).boundingBox()
      const button = await page.getByRole('button', { name: `Try now: ${outage}` }).boundingBox()
      const cell = await page.locator('td.text').evaluate((td) => td.scrollWidth - td.clientWidth)
      expect([(error?.x ?? 0) + (error?.width ?? 0) <= (button?.x ?? 0) + 1, cell]).toEqual([true, 0])
    }
    expect(await barriersOn(page)).toEqual([])
    await page.getByLabel('Waits for').selectOption('time')
    await page.getByLabel('Retried only').uncheck()
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.getByRole('cell', { name: 'expire session' }).first().waitFor()
    expect(await page.getByRole('cell', { name: 'billing call' }).count()).toBe(0)
  })
  await service.context.db.transact((trx) =>
    trx.deleteFrom('effects').where('effect_id', '=', outage).execute(),
  )
})

test('the log goes on live, stands still while it is paused, and catches up', async () => {
  await withPage(async (page) => {
    await logIn(page, `#/log?tenant_id=${ada.of.tenantId}`)
    await page.locator('#log-state', { hasText: 'Live' }).waitFor()
    const newest = page.locator('.facts > li').first()
    await recordUsage('case', 71)
    await newest.getByText('case 71').waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    await recordUsage('case', 72)
    await page.locator('#log-state', { hasText: 'Paused' }).waitFor()
    // Twice as long as the stream takes to look again.
    await page.waitForTimeout(1000)
    expect(await newest.textContent()).toContain('case 71')
    await page.getByRole('button', { name: 'Go live' }).click()
    await newest.getByText('case 72').waitFor()
    expect(await page.getByText('case 71').count()).toBe(1)

    await page.getByLabel('Type').fill('onboarding.payment_declined')
    await page.getByRole('button', { name: 'Filter' }).click()
    await expect.poll(() => page.locator('.facts > li').count()).toBe(1)
    expect(await fact(page, 'payment_declined').count()).toBe(1)
  })
})

const views: [name: string, hash: () => string, ready: string][] = [
  ['overview', () => '#/', '.statechart'],
  ['sessions', () => '#/sessions', 'tbody tr'],
  ['session', () => `#/sessions/${ada.of.sessionId}`, '.then details'],
  ['tenants', () => '#/tenants', 'tbody tr'],
  ['tenant', () => `#/tenants/${ada.of.tenantId}`, '.plot canvas'],
  ['log', () => '#/log', '.facts li'],
  ['webhooks', () => '#/webhooks', 'tbody tr'],
  ['effects', () => '#/effects', 'tbody tr'],
  ['jobs', () => '#/jobs', '.job'],
]

/** In parts, since axe takes its time twice for each. */
test.for([views.slice(0, 3), views.slice(3, 6), views.slice(6)])(
  'no view keeps anybody out, in the light or in the dark, nor is wider than a phone: %$ of 3',
  async (some) => {
    await service.request('POST', '/admin/jobs', { kind: 'rehearse' })
    await withPage(async (page) => {
      await logIn(page)
      await heading(page, 'Overview').waitFor()
      for (const [name, hash, ready] of some) {
        await page.goto(`${service.url}/console${hash()}`)
        await page.locator(ready).first().waitFor()
        const closed = await page.locator('main details').all()
        for (const details of closed.slice(0, 2)) await details.locator('> summary').click()
        expect(await barriersOn(page), name).toEqual([])
        await page.setViewportSize({ width: 360, height: 740 })
        expect(await sidewaysOverflow(page), name).toBe(0)
        await page.setViewportSize({ width: 1280, height: 900 })
      }
    })
  },
)

test('the story of a value keeps nobody out', async () => {
  await withPage(async (page) => {
    await logIn(page, `#/tenants/${ada.of.tenantId}`)
    await page.getByRole('button', { name: 'trialing' }).first().click()
    await page.getByRole('dialog').getByText('nothing → trialing').waitFor()
    expect(await barriersOn(page)).toEqual([])
    await page.keyboard.press('Escape')
    expect(await page.locator('.why:focus').count()).toBe(1)
  })
})

test('the keyboard is enough: skip link, views, the focus on the heading of what was opened', async () => {
  await withPage(async (page) => {
    await logIn(page)
    await heading(page, 'Overview').waitFor()
    await page.keyboard.press('Tab')
    const focused = () => page.evaluate('document.activeElement.textContent')
    for (let presses = 0; (await focused()) !== 'Sessions'; presses += 1) {
      expect(presses).toBeLessThan(40)
      await page.keyboard.press('Shift+Tab')
    }
    await page.keyboard.press('Enter')
    await heading(page, 'Sessions').waitFor()
    expect(await focused()).toBe('Sessions')
    expect(await page.title()).toBe('Sessions · Stepledger console')
    expect(await page.locator('nav [aria-current="page"]').textContent()).toBe('Sessions')
    await page.getByLabel('State').selectOption('completed')
    await page.getByRole('button', { name: 'Filter' }).focus()
    await page.keyboard.press('Enter')
    await page.waitForFunction('location.hash.includes("completed")')
    await page.getByText('1 session on this page').waitFor()
    expect(await focused()).toBe('Filter')
  })
})
