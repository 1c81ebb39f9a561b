import { get } from '../api.js'
import { h, json } from '../dom.js'
import { clock, explained, placeName, spaced } from '../words.js'

/** Between two moves of the slider, before the past is asked for. */
const settleMs = 200

/**
 * The slider over the tenant's facts since the session began, and what there was after each of them.
 * @param {import('../../../ops/sessions.ts').SessionView} session
 * @param {import('../fact.js').Fact[]} moments oldest first
 * @param {{ at: number | null, signal: AbortSignal, onMoment: (position: number) => void }} options
 */
export function thenPart({ session_id }, moments, { at, signal, onMoment }) {
  const last = moments.length - 1
  const asked = at === null ? last : moments.findLastIndex(({ position }) => position <= at)
  const state = h('div', { class: 'then', 'aria-live': 'polite' })
  const label = h('output', { for: 'moment', id: 'moment-name' })
  const slider = h('input', { id: 'moment', type: 'range', min: 0, max: Math.max(0, last), step: 1 })
  slider.value = String(Math.max(0, asked))
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  let moves = 0

  const name = () => {
    const fact = moments[Number(slider.value)]
    if (fact === undefined) return
    const text = `#${fact.position} ${fact.type}, ${clock(fact.occurred_at)}`
    label.textContent = text
    slider.setAttribute('aria-valuetext', text)
    onMoment(fact.position)
  }
  const show = async () => {
    const fact = moments[Number(slider.value)]
    if (fact === undefined) return
    moves += 1
    const move = moves
    state.setAttribute('aria-busy', 'true')
    try {
      const then = await get(`/sessions/${session_id}/at`, { position: fact.position }, signal)
      if (move === moves) state.replaceChildren(...stateOf(then))
    } catch (error) {
      if (!signal.aborted && move === moves)
        state.replaceChildren(h('p', { class: 'problem' }, explained(error)))
    }
    if (move === moves) state.removeAttribute('aria-busy')
  }
  const moved = () => {
    name()
    clearTimeout(timer)
    timer = setTimeout(() => void show(), settleMs)
  }
  /** @param {number} steps */
  const step = (steps) => () => {
    slider.valueAsNumber += steps
    moved()
  }
  slider.addEventListener('input', moved)
  name()
  void show()

  return h(
    'section',
    { 'aria-labelledby': 'then-title' },
    h('h2', { id: 'then-title' }, 'As it was'),
    h('label', { for: 'moment' }, 'After the fact'),
    h(
      'div',
      { class: 'slider' },
      h('button', { type: 'button', 'aria-label': 'One fact earlier', onclick: step(-1) }, '←'),
      slider,
      h('button', { type: 'button', 'aria-label': 'One fact later', onclick: step(1) }, '→'),
    ),
    label,
    state,
  )
}

/** @param {import('../../../ops/session-at.ts').SessionAt} then */
function stateOf({ position, place, context, tables }) {
  const filled = Object.entries(tables).filter(
    ([name, rows]) => rows.length > 0 && name !== 'onboarding_sessions' && name !== 'people',
  )
  return [
    h('p', null, h('strong', { class: 'place' }, placeName(place)), ` at #${position}`),
    h(
      'details',
      null,
      h('summary', null, 'What the session remembered'),
      json(context, `context at ${position}`),
    ),
    ...filled.map(([name, rows]) =>
      h(
        'details',
        { class: 'rows' },
        h('summary', null, `${spaced(name)} (${rows.length})`),
        json(rows, `${name} at ${position}`),
      ),
    ),
    filled.length === 0 ? h('p', { class: 'hint' }, 'No rows in the billing tables yet.') : '',
  ]
}
