import { h, nodes } from '../dom.js'
import { table } from '../table.js'
import { why } from '../why.js'
import { grouped, money, monthName, spaced } from '../words.js'

/**
 * @typedef {import('../../../ops/tenants.ts').TenantView} TenantView
 * @typedef {TenantView['months'][number]} Month
 * @typedef {Month['dues'][number]} Due
 * @typedef {Month['lines'][number]} Line
 */

/**
 * Each month in words: what it used, on which invoices that was charged, and what is left of it.
 * @param {TenantView} tenant @param {string | null | undefined} currency
 */
export function monthsPart({ months, status: { next_invoice_amount_cents: next } }, currency) {
  return h(
    'div',
    null,
    h('p', null, next === null ? 'No invoice is to come.' : `Next invoice: ${money(next, currency)}.`),
    table(
      'Months',
      [
        { head: 'Month', cell: monthCell, key: true },
        { head: 'Used', cell: ({ dues }) => sentence(dues.flatMap(usedText)), text: true },
        { head: 'Charged', cell: chargedCell, text: true },
        { head: 'Left', cell: (month) => sentence(leftTexts(month)), text: true },
      ],
      months,
      { empty: 'No month of service yet.', hideCaption: true },
    ),
  )
}

/** @param {Month} month */
function monthCell({ window_id, starts_at, ends_at, is_trial, is_open }) {
  const notes = [is_trial && 'trial', is_open && 'so far'].filter(Boolean).join(', ')
  const name = `${monthName(starts_at, ends_at)}${notes && ` (${notes})`}`
  return why(name, 'billing_windows', window_id)
}

const names = {
  agent: ['agent', 'agents'],
  user: ['user', 'users'],
  case: ['case', 'cases'],
  event_ingestion: ['event ingested', 'events ingested'],
  api_call: ['API call', 'API calls'],
  platform_base: ['platform base', 'platform bases'],
}

/** `12 agents`. @param {Due} due @returns {string[]} */
function usedText({ usage_type, quantity }) {
  const [one, many] = names[usage_type]
  if (quantity === '0') return []
  if (quantity === '1' && usage_type === 'platform_base') return [one ?? '']
  return [`${grouped(BigInt(quantity))} ${quantity === '1' ? one : many}`]
}

/** What was asked for, by invoice. @param {Month} month */
function chargedCell({ lines, currency }) {
  const groups = [...Map.groupBy(lines, placeOf)]
  return nodes(
    groups.map(([place, some], index) => {
      const cents = some.reduce((sum, { amount_cents }) => sum + amount_cents, 0)
      const text = `${money(Math.abs(cents), currency)} ${place}`
      const [line] = some
      return [index > 0 && ', ', line && why(text, 'billing_usage_lines', line.line_id)]
    }),
  )
}

/** @param {Line} line */
function placeOf({ kind, invoice_id, invoice_number, amount_cents, refusal }) {
  if (refusal !== null)
    return refusal === 'taken_off' ? 'taken off its draft' : `refused (${spaced(refusal)})`
  if (kind === 'forgiven') return 'forgiven'
  const invoice = invoice_number ?? (invoice_id === null ? 'an invoice that is being made' : 'a draft')
  if (kind === 'credit_note') return `credited by a note on ${invoice}`
  // A credit and a charge on one invoice are two things to say.
  return amount_cents < 0 ? `credited on ${invoice}` : `charged on ${invoice}`
}

/** @param {Month} month @returns {string[]} */
function leftTexts({ dues, currency, is_open }) {
  const priced = dues.filter(({ state }) => state === 'priced')
  const cents = priced.reduce((sum, { uncharged_cents }) => sum + Number(uncharged_cents), 0)
  const rest = money(Math.abs(cents), currency)
  const left = cents < 0 ? `${rest} to be credited` : `${rest} ${is_open ? 'so far' : 'to be charged'}`
  const stuck = dues.filter(({ state, uncharged_cents }) => state !== 'priced' && uncharged_cents !== '0')
  return [
    ...(cents === 0 ? [] : [left]),
    ...stuck.map(({ usage_type, state, due_cents }) =>
      state === 'held'
        ? `${money(Number(due_cents), currency)} of ${names[usage_type][1]} held`
        : `${names[usage_type][1]} unpriced: the rates are in another currency`,
    ),
  ]
}

/** @param {string[]} texts */
const sentence = (texts) => (texts.length === 0 ? null : texts.join(', '))
