import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { launchBrowser, serveForBrowser } from './browser.ts'
import { visitor } from './wizard-page.ts'

/** `npm run screenshots`: the pictures of docs/screenshots, from the real pages. */

const directory = new URL('../../docs/screenshots/', import.meta.url)
const widths = [1280, 390]

await mkdir(directory, { recursive: true })
const service = await serveForBrowser()
const browser = await launchBrowser()
try {
  for (const width of widths) await wizardAt(browser, width)
} finally {
  await browser.close()
  await service.stop()
}

async function wizardAt(browser: Browser, width: number): Promise<void> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: 'light' })
  const who = visitor(page, service.url)
  await who.open()
  await who.heading('Your details')
  await shot(page, `wizard-1-details-${width}`)
  await who.details()
  await shot(page, `wizard-2-account-${width}`)
  await who.account()
  await who.press(/^Declined/)
  await who.press('Save card')
  await page.getByRole('alert').waitFor()
  await shot(page, `wizard-3-card-${width}`)
  await who.press(/^Succeeds/)
  await who.press('Save card')
  await page.getByRole('radio', { name: 'Enterprise' }).check()
  await page.getByLabel('Discount code').fill('LAUNCH50')
  await who.press('Apply')
  await page.getByText('LAUNCH50 applied').waitFor()
  await shot(page, `wizard-4-plan-${width}`)
  await who.plan('Enterprise')
  await shot(page, `wizard-5-subscription-${width}`)
  await who.press('Start free trial')
  await who.heading('Almost done')
  await who.press('Finish setup')
  await who.heading('You are all set')
  await shot(page, `wizard-6-finish-${width}`)
  await page.close()
}

async function shot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: fileURLToPath(new URL(`${name}.png`, directory)), fullPage: true })
  console.log(`docs/screenshots/${name}.png`)
}
