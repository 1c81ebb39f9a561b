import { get, post } from './api.js'
import { action, announce, h, json } from './dom.js'
import { explained } from './words.js'

/** @typedef {import('./fact.js').Fact} Fact */

/**
 * What a fact holds. Where that is personal: Stripe's object without it, and a button that shows all, which the log
 * remembers.
 * @param {Fact} fact
 */
export function factData(fact) {
  const place = h('div', null, dataOf(fact))
  if (!('personal' in fact.data)) return place
  const path = `/events/${fact.position}`
  const showPersonal = action('Show personal data', async () => {
    place.replaceChildren(dataOf({ ...fact, ...(await post(`${path}/personal`)) }))
    announce('Personal data is shown; the log says that you have looked')
    bar.remove()
  })
  const bar = h('p', null, showPersonal, ' ', h('span', { class: 'hint' }, 'This leaves a fact in the log.'))
  get(path)
    .then((whole) => {
      if (!bar.isConnected) return
      place.replaceChildren(dataOf({ ...fact, ...whole }))
      if (whole.data.personal === '[erased]') bar.replaceChildren(h('span', { class: 'hint' }, erased))
    })
    .catch((error) => place.append(h('p', { class: 'problem' }, explained(error))))
  return h('div', null, bar, place)
}

const erased = 'The personal data of this fact was erased: nobody can read it again.'

/** @param {Fact} fact */
const dataOf = ({ data, metadata, hash, type, position }) =>
  json({ data, metadata, ...(hash && { hash }) }, `${type} at ${position}`)
