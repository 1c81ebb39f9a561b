import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  barriersOn,
  complaintsOf,
  launchBrowser,
  serveForBrowser,
  sidewaysOverflow,
} from '../support/browser.ts'
import { adminKey } from '../support/requests.ts'
import { applicant } from '../support/wizard.ts'
import { cards, visitor } from '../support/wizard-page.ts'

let browser: Browser
/** With a trial, so that nothing is paid at the end; and without. */
let trial: Awaited<ReturnType<typeof serveForBrowser>>
let payNow: typeof trial

beforeAll(async () => {
  ;[browser, trial, payNow] = await Promise.all([
    launchBrowser(),
    serveForBrowser(),
    serveForBrowser({ BILLING_TRIAL_PERIOD_DAYS: '0', ADMIN_API_KEY: adminKey }),
  ])
})
afterAll(async () => {
  await browser?.close()
  await Promise.all([trial?.stop(), payNow?.stop()])
})

/** A session that the host product has started, with a way on. */
async function startedFor({ url }: { url: string }) {
  const successUrl = `${url}/health?welcome`
  const response = await fetch(`${url}/api/v1/onboarding/start`, {
    method: 'POST',
    headers: { 'X-API-Key': adminKey },
    body: JSON.stringify({ ...applicant, success_url: successUrl }),
  })
  const { data } = (await response.json()) as { data: { session_id: string; session_token: string } }
  const link = `${url}/onboarding#session=${data.session_id}&token=${data.session_token}`
  return { link, successUrl }
}

/** A device of its own. The page must not have complained by the end of the test. */
async function withPage(
  { url }: { url: string },
  use: (page: Page, who: ReturnType<typeof visitor>) => Promise<void>,
  options: BrowserContextOptions = {},
) {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(10_000)
  try {
    const page = await context.newPage()
    const complaints = complaintsOf(page)
    await use(page, visitor(page, url))
    expect(complaints).toEqual([])
  } finally {
    await context.close()
  }
}

test('four pages lead from sign-up to a trial, without a barrier in light or dark, or anything sideways at 360 px', async () => {
  await withPage(
    trial,
    async (page, who) => {
      const check = async (step: number) => {
        expect(await barriersOn(page)).toEqual([])
        expect(await sidewaysOverflow(page)).toBe(0)
        expect(await page.locator('[aria-current="step"]').textContent()).toContain(String(step))
        if (step > 1) expect(await page.evaluate('document.activeElement.tagName')).toBe('H2')
      }
      await who.open()
      await who.heading('Your details')
      await check(1)
      await who.details()
      await page.getByLabel('Card number').waitFor()
      await check(2)
      await who.press(/^Succeeds/)
      await who.press('Save card')
      await who.heading('Choose a plan')
      await page.getByRole('radio', { name: 'Enterprise' }).waitFor()
      await check(3)
      await page.getByLabel('Discount code').fill('launch50')
      await page.getByLabel('Discount code').press('Enter')
      await page.getByText('LAUNCH50 applied: 50 % off on the first invoice').waitFor()
      expect(await page.locator('.plan', { hasText: 'Enterprise' }).textContent()).toMatch(
        /\$149\.50 for the first month, then \$299\.00 per month/,
      )
      await page.getByText('Yearly').click()
      await page.getByText('per year').first().waitFor()
      await page.getByText('Monthly').click()
      await page.getByText('per month').first().waitFor()
      await who.plan('Enterprise')
      await check(4)
      expect(await page.locator('.summary').textContent()).toMatch(
        /Due today\s*\$0\.00[\s\S]*\$249\.50 plus usage/,
      )
      await who.press('Start free trial')
      await who.heading('You are all set')
      expect(await barriersOn(page)).toEqual([])
      expect(await sidewaysOverflow(page)).toBe(0)
      expect(await page.evaluate('document.activeElement.tagName')).toBe('H2')
      await page.reload()
      await who.heading('You are all set')
    },
    { viewport: { width: 360, height: 740 } },
  )
})

test('a declined card is explained where it is, and a good one goes on', async () => {
  await withPage(trial, async (page, who) => {
    await who.open()
    await who.details()
    await who.press(/^Declined/)
    await who.press('Save card')
    expect(await page.getByRole('alert').textContent()).toContain('Your card was declined')
    expect(await barriersOn(page)).toEqual([])
    await who.card(cards.good)
    await who.heading('Choose a plan')
  })
})

test('a card that asks the bank goes on after its confirmation, and stays after a refusal', async () => {
  await withPage(trial, async (page, who) => {
    await who.open()
    await who.details()
    await who.card(cards.asksTheBank)
    await page.getByRole('dialog', { name: 'Is this you?' }).waitFor()
    expect(await barriersOn(page)).toEqual([])
    await who.press('Fail')
    expect(await page.getByRole('alert').textContent()).toContain('did not confirm that it was you')
    await who.card(cards.asksTheBank)
    await who.press('Complete')
    await who.heading('Choose a plan')
  })
})

test('a first payment that is declined leads back to the card, and the plan stays', async () => {
  await withPage(payNow, async (page, who) => {
    await who.open()
    await who.details()
    await who.card(cards.declinedLater)
    await who.plan('Basic')
    await who.press('Start subscription')
    await who.heading('Your card')
    expect(await page.getByRole('alert').textContent()).toContain('Your card was declined')
    await page.getByText('nothing was charged').waitFor()
    await who.card(cards.good)
    await who.heading('Start your subscription')
    expect(await page.locator('.summary').textContent()).toMatch(/Basic plan[\s\S]*Due today\s*\$149\.00/)
    await who.press('Start subscription')
    await who.heading('You are all set')
  })
})

test('a first payment that the bank wants confirmed can be taken up again after a refusal and a reload', async () => {
  await withPage(payNow, async (page, who) => {
    await who.open()
    await who.details()
    await who.card(cards.asksTheBankAlways)
    await who.press('Complete')
    await who.plan('Basic')
    await who.press('Start subscription')
    await who.press('Fail')
    await who.heading('Your bank wants a confirmation')
    expect(await page.getByRole('alert').textContent()).toContain('did not confirm that it was you')
    expect(await barriersOn(page)).toEqual([])
    await page.reload()
    await who.press('Continue to your bank')
    await who.press('Complete')
    await who.heading('You are all set')
  })
})

test('a reload, another tab and another device all go on where the session stands, live', async () => {
  await withPage(trial, async (page, who) => {
    await who.open()
    await who.details()
    await page.reload()
    await who.heading('Your card')
    const tab = await page.context().newPage()
    const other = visitor(tab, trial.url)
    await other.open()
    await other.heading('Your card')
    const link = await who.link()

    await withPage(trial, async (phone, onPhone) => {
      await phone.goto(link)
      await onPhone.heading('Your card')
      expect(phone.url()).toBe(`${trial.url}/onboarding`)
      await who.card(cards.good)
      await onPhone.heading('Choose a plan')
      await other.plan('Basic')
      await onPhone.heading('Start your subscription')
      await onPhone.press('Change plan')
      await onPhone.plan('Enterprise')
      await page.getByText('Enterprise plan').waitFor()
      await tab.getByText('Enterprise plan').waitFor()
    })
  })
})

test('a setup can be cancelled, which is asked for once more, and then begun anew', async () => {
  await withPage(trial, async (page, who) => {
    await who.open()
    await who.details()
    await who.press('Cancel setup')
    expect(await barriersOn(page)).toEqual([])
    await who.press('Keep going')
    await who.heading('Your card')
    await who.press('Cancel setup')
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel setup' }).click()
    await who.heading('Setup cancelled')
    await who.press('Start again')
    await who.heading('Your details')
  })
})

test('what is wrong stands at its field, which has the focus', async () => {
  await withPage(trial, async (page, who) => {
    await who.open()
    await who.press('Continue')
    const company = page.getByLabel('Company')
    expect(await company.getAttribute('aria-describedby')).toBe('company_name-error')
    expect(await page.locator('#company_name-error').textContent()).toBe('Company is missing')
    expect(await page.evaluate('document.activeElement.id')).toBe('company_name')
    await page.getByLabel('Phone').fill('call me')
    await company.fill('Analytical Engines')
    await page.getByLabel('Your name').fill('Ada')
    await page.getByLabel('Work e-mail').fill('ada@example.com')
    await who.press('Continue')
    await page.getByText('Phone must be a phone number: digits, with + before the country').waitFor()
    expect(await barriersOn(page)).toEqual([])
    await page.getByLabel('Phone').fill('')
    await who.press('Continue')
    await who.card('1234')
    await page.getByText('Enter the number on the card').waitFor()
    await who.card(cards.good)
    await who.heading('Choose a plan')
    await page.getByRole('radio').first().waitFor()
    await who.press(/^Continue$/)
    await page.getByText('Choose a plan to continue').waitFor()
    await page.getByLabel('Discount code').fill('NOSUCHCODE')
    await who.press('Apply')
    await page.getByText('The discount code "NOSUCHCODE" does not exist.').waitFor()
    expect(await barriersOn(page)).toEqual([])
  })
})

test('all that will be charged is said on the plan page, truly, for each price and code', async () => {
  await withPage(payNow, async (page, who) => {
    await who.open()
    await who.details()
    await who.card(cards.good)
    await who.heading('Choose a plan')
    const charges = page.getByRole('region', { name: 'What you will be charged' })
    await charges.waitFor()
    expect(await charges.textContent()).toMatch(/Platform fee\s*\$100\.00/)
    await page.getByRole('radio', { name: 'Basic' }).check()
    expect(await charges.textContent()).toMatch(
      /Due today\s*\$149\.00\s*Plan \$49\.00 \+ platform fee \$100\.00\s*Then each month\s*\$149\.00 plus usage/,
    )
    expect(await charges.textContent()).toMatch(/\$0\.10 per 1,000 API calls/)
    await page.getByLabel('Discount code').fill('LAUNCH50')
    await who.press('Apply')
    await page.getByText('LAUNCH50 applied').waitFor()
    expect(await page.locator('.plan', { hasText: 'Basic' }).textContent()).toContain(
      '$24.50 for the first month, then $49.00 per month',
    )
    expect(await charges.textContent()).toMatch(
      /Due today\s*\$124\.50\s*Plan \$24\.50 \+ platform fee \$100\.00\s*Then each month\s*\$149\.00 plus usage/,
    )
    await page.getByText('Yearly').click()
    await page.getByText('$245.00 for the first year, then $490.00 per year').waitFor()
    expect(await charges.textContent()).toMatch(
      /Due today\s*\$345\.00[\s\S]*Then each year\s*\$590\.00 plus usage[\s\S]*Each month in between\s*\$100\.00 plus usage\s*Platform fee/,
    )
  })
})

test('Back goes back a page, also where the session was begun elsewhere, and on from there', async () => {
  await withPage(trial, async (_page, who) => {
    await who.open()
    await who.details()
    await who.card(cards.good)
    await who.plan('Basic')
    const link = await who.link()
    await withPage(trial, async (phone, onPhone) => {
      await phone.goto(link)
      await onPhone.heading('Start your subscription')
      await phone.goBack()
      await onPhone.heading('Choose a plan')
      await phone.goBack()
      await onPhone.heading('Your card')
      await phone.goBack()
      await onPhone.heading('Your details')
      await phone.goForward()
      await onPhone.heading('Your card')
      expect(await barriersOn(phone)).toEqual([])
      await onPhone.press('Continue with this card')
      await onPhone.heading('Start your subscription')
      await onPhone.press('Change plan')
      await onPhone.plan('Enterprise')
      await phone.reload()
      await onPhone.heading('Start your subscription')
      await phone.goBack()
      await onPhone.heading('Choose a plan')
    })
  })
})

test('until the subscription starts, details can be corrected and another card used', async () => {
  await withPage(trial, async (page, who) => {
    await who.open()
    await who.details()
    await who.press('Back')
    await who.heading('Your details')
    const email = page.getByLabel('Work e-mail')
    await email.waitFor()
    expect(await email.inputValue()).toBe('ada@example.com')
    await email.fill('countess@example.com')
    expect(await barriersOn(page)).toEqual([])
    await who.press('Save and continue')
    await who.heading('Your card')
    await who.card(cards.good)
    await who.plan('Basic')
    await who.press('Correct your details')
    await email.waitFor()
    expect(await email.inputValue()).toBe('countess@example.com')
    await who.press('Save and continue')
    await who.press('Use another card')
    await who.press('Use another card')
    await who.card(cards.good)
    await who.heading('Start your subscription')
    await who.press('Start free trial')
    await who.heading('You are all set')
  })
})

test('after the last step there is a summary of what was bought, and a way on', async () => {
  const admin = await startedFor(payNow)
  await withPage(payNow, async (page, who) => {
    await page.goto(admin.link)
    await page.getByLabel('Card number').waitFor()
    await who.card(cards.good)
    await who.plan('Basic')
    await who.press('Start subscription')
    await who.heading('You are all set')
    const bought = page.getByRole('region', { name: 'What you have bought' })
    expect(await bought.textContent()).toMatch(
      /Basic plan\s*\$49\.00 per month\s*First invoice\s*\$149\.00\s*Plan \$49\.00 \+ platform fee \$100\.00\s*Then each month\s*\$149\.00 plus usage/,
    )
    expect(await barriersOn(page)).toEqual([])
    await page.getByRole('link', { name: 'Continue to your product' }).click()
    await page.waitForURL(admin.successUrl)
  })
})

test('a link that no longer works says so', async () => {
  await withPage(trial, async (page, who) => {
    await page.goto(`${trial.url}/onboarding#session=none&token=sls_none`)
    await who.heading('This link no longer works')
    await who.press('Start again')
    await who.heading('Your details')
  })
})
