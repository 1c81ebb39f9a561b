import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sparticuz from '@sparticuz/chromium'
import type { AxeResults } from 'axe-core'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { Service } from '../../src/cli/service.ts'
import { readConfig } from '../../src/config.ts'
import { createLog } from '../../src/logging/log-output.ts'
import { serve } from '../../src/main.ts'
import { freePort } from './free-port.ts'

/** The package's switches for trusting pages and for one process: these pages are held to the web's rules, and closed. */
const left = new Set([
  '--disable-web-security',
  '--allow-running-insecure-content',
  '--single-process',
  '--no-zygote',
])

/**
 * Chromium is unpacked into the temporary directory at its first use. A second process would run it half written, so
 * they go one after the other.
 */
async function unpacked(): Promise<string> {
  const lock = join(tmpdir(), 'unpacking-chromium')
  for (
    let tries = 0;
    !(await mkdir(lock).then(
      () => true,
      () => false,
    ));
    tries += 1
  ) {
    // Whoever holds it this long was killed.
    if (tries === 300) await rm(lock, { recursive: true, force: true })
    await sleep(100)
  }
  try {
    return await sparticuz.executablePath()
  } finally {
    await rm(lock, { recursive: true, force: true })
  }
}

/** A real Chromium. One per test file: a page or context costs little, a browser half a second. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: await unpacked(),
    args: sparticuz.args.filter((argument) => !left.has(argument)),
    headless: true,
  })
}

/** The whole service with its embedded sandbox, as `npm start` runs it, in a directory of its own. */
export async function serveForBrowser(
  environment: Record<string, string> = {},
): Promise<Pick<Service, 'url' | 'stop'> & { sandboxUrl: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'pages-'))
  const config = readConfig({
    PORT: String(await freePort()),
    STRIPE_SANDBOX_PORT: '0',
    DATABASE_URL: `file:${join(directory, 'test.db')}`,
    ...environment,
  })
  const log = createLog({ level: 'silent', secrets: [], destination: { write: () => {} } })
  const { url, sandboxUrl = '', stop } = await serve(config, log)
  return {
    url,
    sandboxUrl,
    async stop() {
      await stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/**
 * Everything that a page's console complains of, the content policy's refusals among it. That a request was refused is
 * what many tests are about, and is left out.
 */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(`${error}`))
  page.on('console', (message) => {
    const text = message.text()
    const isRefusal = /^Failed to load resource: the server responded with a status of 4/.test(text)
    if (['error', 'warning'].includes(message.type()) && !isRefusal) complaints.push(text)
  })
  return complaints
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds serious or critical on the page as it is now; in the dark, where colours alone are others, what is about colour. */
export async function barriersOn(page: Page): Promise<string[]> {
  const found: string[] = []
  const runs = [
    { colorScheme: 'light', options: { resultTypes: ['violations'] } },
    { colorScheme: 'dark', options: { resultTypes: ['violations'], runOnly: ['cat.color'] } },
  ] as const
  for (const { colorScheme, options } of runs) {
    await page.emulateMedia({ colorScheme })
    if (!(await page.evaluate('"axe" in globalThis'))) await page.evaluate(axe)
    const { violations } = (await page.evaluate(
      `axe.run(document, ${JSON.stringify(options)})`,
    )) as AxeResults
    for (const { id, impact, nodes } of violations)
      if (impact === 'serious' || impact === 'critical')
        found.push(`${colorScheme}: ${id} at ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)
  }
  await page.emulateMedia({ colorScheme: 'light' })
  return found
}

/** How many pixels of the page stick out to the right. */
export const sidewaysOverflow = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
