import { get, login, logOut } from './api.js'
import { createClock } from './clock.js'
import { announce, find } from './dom.js'
import { showLogin } from './login.js'
import { createRouter, href } from './router.js'
import { delinquentView } from './views/delinquent.js'
import { effectsView } from './views/effects.js'
import { jobsView } from './views/jobs.js'
import { logView } from './views/log.js'
import { overviewView } from './views/overview.js'
import { sessionView } from './views/session.js'
import { sessionsView } from './views/sessions.js'
import { tenantView } from './views/tenant.js'
import { tenantsView } from './views/tenants.js'
import { webhooksView } from './views/webhooks.js'

const router = createRouter({
  '': overviewView,
  sessions: (asked) => (asked.id === '' ? sessionsView(asked) : sessionView(asked)),
  tenants: (asked) => (asked.id === '' ? tenantsView(asked) : tenantView(asked)),
  delinquent: delinquentView,
  log: logView,
  webhooks: webhooksView,
  effects: effectsView,
  jobs: jobsView,
})

const clock = createClock(() => router.show())
let isOpen = false

async function open() {
  const { key_id, expires_at } = await login()
  if (key_id === null) {
    showLogin(() => void open())
    return
  }
  const isFirst = !isOpen
  isOpen = true
  for (const id of ['#head', '#foot']) find(id, HTMLElement).hidden = false
  find('#whose', HTMLElement).textContent =
    `Logged in with ${key_id === 'admin' ? 'the admin key' : key_id} until ${expires_at?.slice(11, 16)}.`
  await Promise.all([router.show({ isFirst }), showClock()])
}

/** Without it the console still shows all else. */
const showClock = () => clock.show().catch((error) => announce(String(error)))

/** @param {string} message */
function close(message) {
  if (!isOpen) return
  isOpen = false
  router.leave()
  clock.hide()
  find('#why', HTMLDialogElement).close()
  showLogin(() => void open())
  announce(message)
}

addEventListener('hashchange', () => {
  if (!isOpen) return
  void router.show()
  void showClock()
})
addEventListener('logged-out', () => close('Your login has ended'))
find('#logout', HTMLButtonElement).addEventListener('click', async () => {
  await logOut()
  close('Logged out')
})
find('#find', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault()
  const text = find('#find-text', HTMLInputElement).value.trim()
  void lookFor(text)
})

/** A session by the beginning of its id, where there is one such; else the tenants that are like it. @param {string} text */
async function lookFor(text) {
  const isLikeSession = /^[0-9a-f]{4}[0-9a-f-]{0,32}$/i.test(text)
  const sessions = isLikeSession
    ? await get('/sessions', { session_id: text, limit: 2 }).catch(() => ({ items: [] }))
    : { items: [] }
  location.hash =
    sessions.items.length === 1
      ? href(`/sessions/${sessions.items[0].session_id}`)
      : href('/tenants', { query: text })
}

find('.skip', HTMLAnchorElement).addEventListener('click', (event) => {
  event.preventDefault()
  find('#main', HTMLElement).focus()
})

void open()
