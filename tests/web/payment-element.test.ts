import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { barriersOn, complaintsOf, launchBrowser } from '../support/browser.ts'
import { type Service, startService } from '../support/service.ts'
import { applicant } from '../support/wizard.ts'
import { visitor } from '../support/wizard-page.ts'

let browser: Browser
let service: Service
beforeAll(async () => {
  ;[browser, service] = await Promise.all([
    launchBrowser(),
    startService({ webhooks: true, environment: { STRIPE_PUBLISHABLE_KEY: 'pk_test_of_a_real_account' } }),
  ])
})
afterAll(async () => {
  await browser?.close()
  await service?.close()
})

/** Stands where Stripe.js would: draws one button in the element's place, and asks api.stripe.com. */
const stripeJs = `
window.Stripe = (key) => {
  const ask = async (method, path, fields) => {
    const form = new URLSearchParams({ key, ...fields })
    const url = 'https://api.stripe.com/v1/' + path
    const answer = await fetch(method === 'GET' ? url + '?' + form : url, { method, ...(method === 'POST' && { body: form }) })
    const body = await answer.json()
    return answer.ok ? { intent: body } : { error: body.error }
  }
  const pathOf = (secret) => 'setup_intents/' + secret.split('_secret_')[0]
  return {
    retrieveSetupIntent: async (secret) => ({ setupIntent: (await ask('GET', pathOf(secret), { client_secret: secret })).intent }),
    elements: ({ clientSecret }) => ({
      clientSecret,
      create: (kind) => {
        const told = {}
        return {
          on: (name, listener) => { told[name] = listener },
          mount: (place) => {
            const label = document.createElement('label')
            label.append(kind + ' card ', Object.assign(document.createElement('input'), { id: 'fake-element' }))
            place.append(label)
            told.ready?.()
          },
        }
      },
    }),
    confirmSetup: async ({ elements, confirmParams, redirect }) => {
      const method = document.querySelector('#fake-element').value
      if (method === '') return { error: { type: 'validation_error', message: 'Your card number is incomplete.' } }
      if (redirect !== 'if_required') throw new Error('redirected')
      const { error, intent } = await ask('POST', pathOf(elements.clientSecret) + '/confirm', {
        client_secret: elements.clientSecret, payment_method: method, return_url: confirmParams.return_url,
      })
      return { error, setupIntent: intent }
    },
  }
}`

test('with a publishable key the Payment Element of Stripe.js takes the card, within the page’s policy', async () => {
  const page = await browser.newPage()
  page.setDefaultTimeout(10_000)
  const complaints = complaintsOf(page)
  const who = visitor(page, service.url ?? '')
  const keys = new Set<string | null>()
  await page.route('https://js.stripe.com/endive/stripe.js', (route) =>
    route.fulfill({ contentType: 'text/javascript', body: stripeJs }),
  )
  await page.route('https://api.stripe.com/**', async (route) => {
    const request = route.request()
    const url = new URL(request.url())
    keys.add(new URLSearchParams(request.postData() ?? url.search).get('key'))
    const answer = await fetch(new URL(url.pathname + url.search, service.sandbox.url), {
      method: request.method(),
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      ...(request.method() === 'POST' && { body: request.postData() ?? '' }),
    })
    const headers = { 'Access-Control-Allow-Origin': '*', 'Content-Type': 'application/json' }
    await route.fulfill({ status: answer.status, headers, body: await answer.text() })
  })

  await who.open()
  await who.heading('You need a link to get here')
  expect(await barriersOn(page)).toEqual([])
  const started = await service.request('POST', '/onboarding/start', applicant, {
    key: service.keys.platform,
  })
  const { session_id, session_token } = started.body.data
  await page.goto(`${service.url}/onboarding#session=${session_id}&token=${session_token}`)
  await who.heading('Your card')
  await who.press('Save card')
  await page.getByLabel('payment card').fill('pm_card_chargeDeclined')
  await who.press('Save card')
  expect(await page.getByRole('alert').textContent()).toContain('Your card was declined')
  await page.getByLabel('payment card').fill('pm_card_visa')
  await who.press('Save card')
  await who.plan('Basic')
  expect([...keys]).toEqual(['pk_test_of_a_real_account'])
  expect(complaints).toEqual([])
})
