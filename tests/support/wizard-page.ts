import type { Page } from 'playwright-core'

/** A visitor at the wizard, who goes by what they read. Each call waits for what it needs. */
export function visitor(page: Page, url: string) {
  const press = (name: string | RegExp) => page.getByRole('button', { name }).click()
  const heading = (name: string) => page.getByRole('heading', { name, level: 2 }).waitFor()
  return {
    press,
    /** Waits for the step of this heading. */
    heading,
    open: () => page.goto(`${url}/onboarding`),
    async details() {
      await page.getByLabel('Company').fill('Analytical Engines')
      await page.getByLabel('Your name').fill('Ada Lovelace')
      await page.getByLabel('Work e-mail').fill('ada@example.com')
      await press('Continue')
      await heading('Your card')
      await page.getByLabel('Card number').waitFor()
    },
    /** Fills in a card and saves it. */
    async card(number: string) {
      await page.getByLabel('Card number').fill(number)
      await page.getByLabel('Expiry').fill('12/34')
      await page.getByLabel('Security code').fill('123')
      await press('Save card')
    },
    async plan(name: string) {
      await heading('Choose a plan')
      await page.getByRole('radio', { name }).check()
      await press(/^Continue$/)
      await heading('Start your subscription')
    },
    /** The link for another device, as the page shows it. */
    async link(): Promise<string> {
      await press('Continue on another device')
      const link = await page.getByLabel('Your link').inputValue()
      await press('Done')
      return link
    },
  }
}

export const cards = {
  good: '4242 4242 4242 4242',
  declined: '4000 0000 0000 0002',
  asksTheBank: '4000 0025 0000 3155',
  asksTheBankAlways: '4000 0027 6000 3184',
  declinedLater: '4000 0000 0000 0341',
}
