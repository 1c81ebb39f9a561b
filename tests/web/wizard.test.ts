import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  barriersOn,
  complaintsOf,
  launchBrowser,
  serveForBrowser,
  sidewaysOverflow,
} from '../support/browser.ts'
import { cards, visitor } from '../support/wizard-page.ts'

let browser: Browser
/** With a trial, so that nothing is paid at the end; and without. */
let trial: Awaited<ReturnType<typeof serveForBrowser>>
let payNow: typeof trial

beforeAll(async () => {
  ;[browser, trial, payNow] = await Promise.all([
    launchBrowser(),
    serveForBrowser(),
    serveForBrowser({ BILLING_TRIAL_PERIOD_DAYS: '0' }),
  ])
})
afterAll(async () => {
  await browser?.close()
  await Promise.all([trial?.stop(), payNow?.stop()])
})

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

test('six steps lead from sign-up to a trial, without a barrier in light or dark, or anything sideways at 360 px', async () => {
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
      await check(2)
      await who.account()
      await page.getByLabel('Card number').waitFor()
      await check(3)
      await who.press(/^Succeeds/)
      await who.press('Save card')
      await who.heading('Choose a plan')
      await page.getByRole('radio', { name: 'Enterprise' }).waitFor()
      await check(4)
      await page.getByLabel('Discount code').fill('launch50')
      await page.getByLabel('Discount code').press('Enter')
      await page.getByText('LAUNCH50 applied: 50 % off on the first invoice').waitFor()
      expect(await page.locator('.plan', { hasText: 'Enterprise' }).textContent()).toContain('$149.50')
      await page.getByText('Yearly').click()
      await page.getByText('per year').first().waitFor()
      await page.getByText('Monthly').click()
      await page.getByText('per month').first().waitFor()
      await who.plan('Enterprise')
      await check(5)
      expect(await page.locator('.summary').textContent()).toMatch(
        /Due today\s*\$0\.00[\s\S]*\$249\.50 plus usage/,
      )
      await who.press('Start free trial')
      await who.heading('Almost done')
      await check(6)
      await who.press('Finish setup')
      await who.heading('You are all set')
      await check(6)
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
    await who.account()
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
    await who.account()
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
    await who.account()
    await who.card(cards.declinedLater)
    await who.plan('Basic')
    await who.press('Start subscription')
    await who.heading('Your card')
    expect(await page.getByRole('alert').textContent()).toContain('Your card was declined')
    await page.getByText('nothing was charged').waitFor()
    await who.card(cards.good)
    await who.heading('Start your subscription')
    expect(await page.locator('.summary').textContent()).toMatch(/Basic plan[\s\S]*Due today\s*\$49\.00/)
    await who.press('Start subscription')
    await who.heading('Almost done')
  })
})

test('a first payment that the bank wants confirmed can be taken up again after a refusal and a reload', async () => {
  await withPage(payNow, async (page, who) => {
    await who.open()
    await who.details()
    await who.account()
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
    await who.heading('Almost done')
  })
})

test('a reload, another tab and another device all go on where the session stands, live', async () => {
  await withPage(trial, async (page, who) => {
    await who.open()
    await who.details()
    await page.reload()
    await who.heading('Your billing account')
    const tab = await page.context().newPage()
    const other = visitor(tab, trial.url)
    await other.open()
    await other.heading('Your billing account')
    const link = await who.link()

    await withPage(trial, async (phone, onPhone) => {
      await phone.goto(link)
      await onPhone.heading('Your billing account')
      expect(phone.url()).toBe(`${trial.url}/onboarding`)
      await onPhone.account()
      await who.heading('Your card')
      await other.heading('Your card')
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
    await who.heading('Your billing account')
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
    await who.account()
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

test('a link that no longer works says so', async () => {
  await withPage(trial, async (page, who) => {
    await page.goto(`${trial.url}/onboarding#session=none&token=sls_none`)
    await who.heading('This link no longer works')
    await who.press('Start again')
    await who.heading('Your details')
  })
})
