import { createClient, StepledgerError } from '../../client/client.ts'
import { sandboxCards } from './cards/sandbox-cards.js'
import { stripeCards } from './cards/stripe-cards.js'
import { confirmCancel, showLink } from './dialogs.js'
import { copyOf, find, findButton, showAlert } from './dom.js'
import { pageHistory } from './page-history.js'
import { firstPaymentDeclined, hasCard, pages, screenOf } from './screen.ts'
import { forget, keep, kept, takeFromAddress } from './session-link.js'
import { cardView } from './views/card.js'
import { detailsView } from './views/details.js'
import { doneView } from './views/done.js'
import { finishView } from './views/finish.js'
import { plainView } from './views/plain.js'
import { planView } from './views/plan.js'
import { startView } from './views/start.js'
import { authenticateView, subscribeView } from './views/subscribe.js'
import { explained } from './words.js'

/** @typedef {import('./session-link.js').Credentials} Credentials */
/** @typedef {import('./screen.ts').Position} Position */
/** @typedef {import('../wizard-settings.ts').WizardSettings} WizardSettings */
/**
 * What a view may use.
 * @typedef {object} Wizard
 * @property {WizardSettings} settings
 * @property {import('../../client/client.ts').Client} client
 * @property {string} sessionId
 * @property {Position} position the latest that is known
 * @property {string} returnUrl
 * @property {() => Promise<import('./cards/sandbox-cards.js').CardDesk>} cards
 * @property {() => Promise<void>} refresh asks where the session stands, and shows that
 * @property {() => void} catchUp the same, in the background: should it fail, the stream brings it
 * @property {(setupIntentId: string) => Promise<void>} cardConfirmed
 * @property {(message: string) => void} cardMissing
 * @property {() => boolean} hasCard
 * @property {(page: import('./screen.ts').Page) => void} lookAt shows an earlier page
 * @property {() => void} goBack as the browser's Back does
 * @property {() => void} goOn shows the page that the session is at
 * @property {(message: string | null) => void} tell above whatever is shown now
 * @property {(error: unknown) => boolean} movedOn true when the error means that this view is out of date
 */
/** @typedef {(root: HTMLElement, wizard: Wizard) => { update(): void } | void} View */

const page = {
  main: find(document, '#step'),
  progress: find(document, '#progress'),
  elsewhere: findButton(document, '#elsewhere'),
  cancel: findButton(document, '#cancel'),
}

/** Ends what the page does for the session that it showed before. */
let leave = new AbortController()

/** @type {WizardSettings} */
const settings = await (await fetch('/onboarding/settings.json')).json()

/** @param {Credentials} credentials */
async function open({ sessionId, token }) {
  leave.abort()
  leave = new AbortController()
  const { signal } = leave
  const client = createClient({ baseUrl: '', key: token })
  /** @type {Position} */
  let position
  try {
    position = await client.session(sessionId, { signal })
  } catch (error) {
    if (!signal.aborted) notOpened(error, { sessionId, token })
    return
  }
  if (settings.cards === 'none') return show('plain', 0, (root) => plainView(root, noCards))
  keep({ sessionId, token })
  /** @type {import('./screen.ts').Local} */
  const local = { confirmedIntent: null, lookingAt: null }
  const past = pageHistory(sessionId)
  /** @type {{ screen: string, update: (() => void) | undefined }} */
  let shown = { screen: '', update: undefined }
  /** @type {Promise<import('./cards/sandbox-cards.js').CardDesk> | undefined} */
  let desk

  const draw = () => {
    const { screen, step } = screenOf(position, local)
    const reached = pages.find((each) => each === screen)
    if (reached !== undefined) past.shown(reached)
    page.cancel.hidden = !position.allowed_events.includes('cancel')
    page.elsewhere.hidden = position.next_step === null
    if (screen === shown.screen) return shown.update?.()
    const view = views[screen]
    const end = ends[screen]
    shown = { screen, update: undefined }
    if (view) shown.update = show(templates[screen] ?? screen, step, (root) => view(root, wizard))?.update
    if (screen === 'completed') {
      keep({ sessionId, token }, { isOver: true })
      show('done', step, (root) => doneView(root, position, settings.can_begin ? startAgain : undefined))
    }
    if (end) {
      keep({ sessionId, token }, { isOver: true })
      show('plain', step, (root) =>
        plainView(root, { ...end, ...(settings.can_begin && { action: startAgain }) }),
      )
    }
  }
  /** @param {Position} news An older one than is shown comes from a slower way. */
  const learn = (news) => {
    if (signal.aborted || news.position < position.position) return
    position = news
    draw()
  }

  /** @type {Wizard} */
  const wizard = {
    settings,
    client,
    sessionId,
    get position() {
      return position
    },
    returnUrl: settings.return_origins.includes(location.origin)
      ? `${location.origin}${location.pathname}`
      : settings.page_url,
    cards: () => {
      desk ??= (
        settings.cards === 'stripe'
          ? stripeCards({ publishableKey: settings.publishable_key ?? '', returnUrl: wizard.returnUrl })
          : Promise.resolve(sandboxCards())
      ).catch((error) => {
        desk = undefined
        throw error
      })
      return desk
    },
    refresh: async () => learn(await client.session(sessionId, { signal })),
    catchUp: () => void wizard.refresh().catch(() => {}),
    async cardConfirmed(setupIntentId) {
      local.confirmedIntent = setupIntentId
      local.lookingAt = null
      await wizard.refresh()
      draw()
    },
    cardMissing(message) {
      local.confirmedIntent = local.lookingAt = null
      draw()
      wizard.tell(message)
    },
    hasCard: () => hasCard(position, local) && !firstPaymentDeclined(position),
    lookAt(page) {
      local.lookingAt = page
      past.goTo(page)
      draw()
    },
    goBack: () => history.back(),
    goOn() {
      local.lookingAt = null
      draw()
    },
    tell: (message) => {
      if (message !== null) showAlert(page.main, message)
    },
    movedOn(error) {
      if (!(error instanceof StepledgerError)) return false
      if (error.code === 'step_not_allowed') wizard.catchUp()
      else if (error.status === 401 || error.status === 404) notOpened(error, { sessionId, token })
      else return false
      return true
    },
  }

  past.follow((wanted) => {
    local.lookingAt = wanted
    draw()
  }, signal)
  page.elsewhere.onclick = () => showLink({ sessionId, token })
  page.cancel.onclick = () => confirmCancel(wizard, page.cancel)
  draw()
  await follow(wizard, learn, signal)
}

/**
 * Everything that happens to the session, here, in another tab or at Stripe.
 * @param {Wizard} wizard
 * @param {(news: Position) => void} learn
 * @param {AbortSignal} signal
 */
async function follow({ client, sessionId, movedOn }, learn, signal) {
  try {
    for await (const { position } of client.watch(sessionId, { signal })) learn(position)
  } catch (error) {
    if (!signal.aborted && !movedOn(error)) throw error
  }
}

/** Of screens that are not called as their templates are. @type {Partial<Record<string, string>>} */
const templates = { details: 'start', finish: 'working' }

/** @type {Partial<Record<string, View>>} */
const views = {
  details: detailsView,
  card: cardView,
  plan: planView,
  subscribe: subscribeView,
  authenticate: authenticateView,
  finish: finishView,
}

/**
 * Puts a view in the place of the one before, and the focus on its heading: whoever was in that one is in this one now.
 * @template T
 * @param {string} name of the template
 * @param {number} step 1 to 4, or 5 when all are done; 0: none of them
 * @param {(root: HTMLElement) => T} fill
 */
function show(name, step, fill) {
  const isFirst = page.main.querySelector('h2') === null
  const root = document.createElement('div')
  root.append(copyOf(`view-${name}`))
  page.main.replaceChildren(root)
  const filled = fill(root)
  const heading = find(root, 'h2')
  showProgress(step, heading.textContent ?? '')
  if (!isFirst) heading.focus()
  return filled
}

/** @param {number} step @param {string} title */
function showProgress(step, title) {
  page.progress.hidden = step === 0
  const items = [...page.progress.querySelectorAll('li')]
  for (const [index, item] of items.entries()) {
    item.classList.toggle('done', index + 1 < step)
    item.ariaCurrent = index + 1 === step ? 'step' : null
  }
  const where = step > 0 && step <= items.length ? ` – step ${step} of ${items.length}` : ''
  document.title = step === 0 ? title : `${title}${where} – Set up your account`
}

function withoutSession() {
  if (settings.can_begin && settings.cards !== 'none')
    show('start', 1, (root) =>
      startView(root, async (credentials) => {
        void open(credentials)
      }),
    )
  else show('plain', 0, (root) => plainView(root, settings.cards === 'none' ? noCards : noLink()))
}

/** @param {unknown} error @param {Credentials} credentials */
function notOpened(error, credentials) {
  leave.abort()
  page.cancel.hidden = page.elsewhere.hidden = true
  const isGone = error instanceof StepledgerError && (error.status === 401 || error.status === 404)
  if (isGone) forget()
  const again = { label: 'Try again', run: () => void open(credentials) }
  show('plain', 0, (root) =>
    plainView(
      root,
      isGone
        ? {
            title: 'This link no longer works',
            text: 'It has expired, or it is not complete. Please ask for a new one.',
            ...(settings.can_begin && { action: startAgain }),
          }
        : { title: 'We cannot open your setup right now', text: explained(error), action: again },
    ),
  )
}

const startAgain = {
  label: 'Start again',
  run: () => {
    leave.abort()
    forget()
    page.cancel.hidden = page.elsewhere.hidden = true
    withoutSession()
  },
}

/** @type {Partial<Record<import('./screen.ts').Screen, { title: string, text: string }>>} */
const ends = {
  cancelled: {
    title: 'Setup cancelled',
    text: 'Nothing was charged. You are welcome to start again at any time.',
  },
  expired: {
    title: 'This setup has expired',
    text: 'It was open for too long. Nothing was charged; please start again.',
  },
  lapsed: {
    title: 'The subscription has ended',
    text: 'The first payment was not confirmed in time, so nothing was charged. Please start again.',
  },
}

const noCards = {
  title: 'Cards cannot be taken right now',
  text: 'Payments are not set up on this service. The operator needs to set the Stripe keys, the publishable one included.',
}

function noLink() {
  const code = document.createElement('pre')
  code.textContent = `POST ${location.origin}/api/v1/onboarding/start\n→ session_id, session_token\n\n${location.origin}/onboarding#session=<session_id>&token=<session_token>`
  return {
    title: 'You need a link to get here',
    text: 'Please come through the product that you are signing up for. Its server starts the setup with its own key and sends you here with a link:',
    more: [code],
  }
}

find(document, '#sandbox-note').hidden = settings.cards !== 'sandbox'
addEventListener('hashchange', () => {
  const credentials = takeFromAddress()
  if (credentials) void open(credentials)
})
const credentials = takeFromAddress() ?? kept()
if (credentials) void open(credentials)
else withoutSession()
