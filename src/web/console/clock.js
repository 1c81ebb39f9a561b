import { get, post } from './api.js'
import { action, announce, find, h, time } from './dom.js'
import { clock } from './words.js'

/** @typedef {import('../../ops/played-clock.ts').PlayedClock} PlayedClock */

const lookMs = 5_000
const watchMs = 400

/**
 * The line that says that time is played, and moves it; with real time there is none.
 * @param {() => Promise<void>} showAnew the view, when time was moved
 */
export function createClock(showAnew) {
  const line = find('#clock', HTMLElement)
  const shown = h('span', null)
  const bar = h('progress', { max: 1, value: 0, 'aria-label': 'How far the time is played', hidden: true })
  const problem = h('span', { class: 'problem', role: 'alert' })
  /** @type {PlayedClock | undefined} */
  let known
  let isMoving = false
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let looking

  const look = async () => {
    known = /** @type {PlayedClock} */ (await get('/sandbox/clock', { tenant_id: tenantOnPage() }))
    line.hidden = !known.is_sandbox
    shown.replaceChildren(time(known.now))
    toInvoice.hidden = known.next_invoice_at === null
    return known
  }

  /** @param {(now: PlayedClock) => { body: object, until: string }} move */
  const play = async (move) => {
    if (isMoving) return
    isMoving = true
    problem.textContent = ''
    /** @type {ReturnType<typeof setInterval> | undefined} */
    let watching
    try {
      const from = await look()
      const { body, until } = move(from)
      bar.value = 0
      bar.hidden = false
      watching = setInterval(async () => {
        const { now } = await look().catch(() => from)
        bar.value = (Date.parse(now) - Date.parse(from.now)) / (Date.parse(until) - Date.parse(from.now))
      }, watchMs)
      const { now, dropped } = await post('/sandbox/clock', body)
      announce(`The time is ${clock(now)}`)
      if (dropped.length > 0) problem.textContent = `Did not go along to the end: ${dropped.join(', ')}`
    } finally {
      clearInterval(watching)
      bar.hidden = true
      isMoving = false
      await look()
      await showAnew()
    }
  }

  const day = action('Advance a day', () =>
    play(({ now }) => ({ body: { advance_seconds: 86_400 }, until: plusDays(now, 1) })),
  )
  const month = action('Advance a month', () =>
    play(({ now }) => ({ body: { now: plusMonth(now) }, until: plusMonth(now) })),
  )
  const toInvoice = action('To the next invoice', () =>
    play(({ now, next_invoice_at }) => ({
      body: { to: 'next_invoice', tenant_id: tenantOnPage() },
      until: next_invoice_at ?? now,
    })),
  )
  line.replaceChildren(
    h('p', null, h('strong', null, 'Time is played'), ': in this sandbox it is ', shown, ' UTC'),
    h('p', { class: 'moves' }, day, month, toInvoice, bar, problem),
  )

  return {
    /** As the page is now. */
    show() {
      return look().then(({ is_sandbox }) => {
        if (is_sandbox) looking ??= setInterval(() => isMoving || look().catch(() => {}), lookMs)
      })
    },
    hide() {
      clearInterval(looking)
      looking = undefined
      line.hidden = true
    },
  }
}

const tenantOnPage = () => /^#\/tenants\/([^/?]+)/.exec(location.hash)?.[1]

/** @param {string} iso @param {number} days */
const plusDays = (iso, days) => new Date(Date.parse(iso) + days * 86_400_000).toISOString()

/** The same day of the next month, or its last. @param {string} iso */
function plusMonth(iso) {
  const from = new Date(iso)
  const to = new Date(from)
  to.setUTCMonth(from.getUTCMonth() + 1)
  if (to.getUTCDate() !== from.getUTCDate()) to.setUTCDate(0)
  return to.toISOString()
}
