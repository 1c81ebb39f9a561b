import { get } from '../api.js'
import { h, idOf, pill, time } from '../dom.js'
import { factItem, pair } from '../fact.js'
import { momentsOf } from '../latest-facts.js'
import { href } from '../router.js'
import { drawStatechart } from '../statechart.js'
import { counted, money, periodOf, placeName } from '../words.js'
import { thenPart } from './then.js'

/** @typedef {import('../../../ops/sessions.ts').SessionView} SessionView */

/** One session: where it is and how it came there. @type {import('../router.js').View} */
export async function sessionView({ id, query, signal }) {
  /** @type {[SessionView, import('../statechart.js').Statechart, { log_position: number }]} */
  const [session, chart, overview] = await Promise.all([
    get(`/sessions/${encodeURIComponent(id)}`, {}, signal),
    get('/statechart', {}, signal),
    get('/overview', {}, signal),
  ])
  const drawing = await drawStatechart(
    chart,
    'The statechart with this session’s way; the list of facts says the same',
  )
  drawing.light(session.path)
  const moments = await momentsOf(session, { upTo: overview.log_position, signal })
  const asked = Number(query.get('at'))
  const then = thenPart(session, moments, {
    at: asked > 0 ? asked : null,
    signal,
    onMoment: (position) => drawing.light(session.path.filter((step) => step.position <= position)),
  })
  return {
    title: `Session ${session.session_id.slice(0, 8)}`,
    heading: ['Session ', idOf(session.session_id, { what: 'session id' })],
    content: [
      session.stranded &&
        h(
          'p',
          { class: 'alert' },
          `Quarantined at #${session.stranded.position}: ${session.stranded.message}`,
        ),
      standing(session),
      h(
        'div',
        { class: 'beside wide' },
        h(
          'section',
          { 'aria-labelledby': 'way' },
          h('h2', { id: 'way' }, 'Its way through the statechart'),
          drawing.element,
        ),
        h(
          'div',
          null,
          then,
          h(
            'section',
            { 'aria-labelledby': 'facts' },
            h('h2', { id: 'facts' }, `Its ${counted(session.facts.length, 'fact')}`),
            timeline(session),
          ),
        ),
      ),
    ],
  }
}

/** @param {SessionView} session */
function standing({
  tenant_id,
  status,
  place,
  next_step,
  is_quarantined,
  payment,
  plan,
  subscription,
  expires_at,
  updated_at,
}) {
  const decline = payment.decline
  return h(
    'dl',
    { class: 'pairs standing' },
    ...pair('Tenant', idOf(tenant_id, { href: href(`/tenants/${tenant_id}`), what: 'tenant id' })),
    ...pair('State', pill(status), is_quarantined && pill('quarantined')),
    ...pair('Place', placeName(place)),
    ...pair('Next step', next_step && h('code', null, next_step)),
    ...pair(
      'Card',
      payment.is_confirmed ? 'confirmed' : 'not confirmed',
      decline && h('strong', { class: 'problem' }, ` declined: ${decline.decline_code ?? decline.code}`),
    ),
    ...pair(
      'Plan',
      plan &&
        `${plan.plan_name}, ${money(plan.amount_cents, plan.currency)} every ${periodOf(plan)}${discounted(plan)}`,
    ),
    ...pair(
      'Subscription',
      subscription && [
        pill(subscription.subscription_status),
        ' ',
        idOf(subscription.subscription_id, { what: 'subscription id' }),
      ],
    ),
    ...pair('Changed', time(updated_at)),
    ...pair('Expires', time(expires_at)),
  )
}

/** @param {SessionView} session */
function timeline({ facts, path }) {
  const places = new Map(path.map(({ position, place }) => [position, place]))
  return h(
    'ol',
    { class: 'facts' },
    ...facts.map((fact) => factItem(fact, { note: `→ ${placeName(places.get(fact.position) ?? null)}` })),
  )
}

/** For how long it costs less. @param {import('../../../../machines/onboarding-facts.ts').SelectedPlan} plan */
function discounted({ discount, discount_cents, currency }) {
  if (discount === null) return ''
  const { code, duration, duration_in_months } = discount
  const times = {
    once: 'once',
    repeating: `for ${counted(duration_in_months ?? 0, 'month')}`,
    forever: 'always',
  }
  return `; ${code}: ${money(discount_cents, currency)} off ${times[duration]}`
}
