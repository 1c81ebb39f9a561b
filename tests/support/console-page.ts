import type { Page } from 'playwright-core'

/** Logs in to the console, which goes on with the view of the hash; or at the form that the page shows already. */
export async function logInTo(page: Page, url: string, key: string, hash = '#/'): Promise<void> {
  if (!page.url().startsWith(url)) await page.goto(`${url}/console${hash}`)
  await page.getByLabel('Admin key').fill(key)
  await page.getByRole('button', { name: 'Log in' }).click()
}
