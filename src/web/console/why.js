import { get } from './api.js'
import { find, h, idOf, time } from './dom.js'
import { href } from './router.js'
import { table } from './table.js'
import { counted, explained, grouped, money, monthName, spaced } from './words.js'

/**
 * A value that tells its story when it is clicked: the facts that made it.
 * @param {import('./dom.js').Child} shown
 * @param {string} tableName
 * @param {string} key
 * @param {string} [column]
 */
export function why(shown, tableName, key, column) {
  const name = `${column ? `${spaced(column)}: ` : ''}`
  return h(
    'button',
    {
      type: 'button',
      class: 'why',
      title: 'Why? The facts behind this value',
      onclick: () => void open(tableName, key, column),
    },
    h('span', { class: 'visually-hidden' }, `Why ${name}`),
    shown,
  )
}

/** @param {string} tableName @param {string} key @param {string | undefined} column */
async function open(tableName, key, column) {
  const dialog = find('#why', HTMLDialogElement)
  const body = h('div', { class: 'why-body', 'aria-busy': 'true' }, h('p', null, 'Reading the log…'))
  dialog.replaceChildren(
    h(
      'header',
      null,
      h('h2', { id: 'why-title' }, column ? `Why is ${spaced(column)} so?` : 'How this row came to be'),
      h('button', { type: 'button', onclick: () => dialog.close() }, 'Close'),
    ),
    h('p', { class: 'hint' }, h('code', null, `${tableName} ${key}`)),
    body,
  )
  dialog.showModal()
  try {
    body.replaceChildren(...story(await get('/why', { table: tableName, key, column })))
  } catch (error) {
    body.replaceChildren(h('p', { class: 'problem', role: 'alert' }, explained(error)))
  }
  body.removeAttribute('aria-busy')
}

/** @param {import('../../ops/why.ts').Why} answer */
function story({ facts, usage_lines, tenant_id }) {
  return [
    h('p', { role: 'status' }, `${counted(facts.length, 'fact')}, oldest first.`),
    h(
      'ol',
      { class: 'causes' },
      ...facts.map(({ position, type, about, actor, causation, event, occurred_at, fact_id, changes }) =>
        h(
          'li',
          null,
          h(
            'p',
            null,
            h('a', { href: href('/log', { tenant_id, upTo: position }), onclick: closeWhy }, `#${position}`),
            ' ',
            h('strong', null, type),
            about && ` ${about}`,
            ' ',
            time(occurred_at),
          ),
          h(
            'p',
            { class: 'hint' },
            'by ',
            h('code', null, actor),
            causation && [' because of ', h('code', null, causation)],
          ),
          event &&
            h(
              'p',
              null,
              'After ',
              h(
                'a',
                { href: href('/log', { tenant_id, upTo: event.position }), onclick: closeWhy },
                `#${event.position}`,
              ),
              ` ${event.about ?? event.event_id}`,
            ),
          h(
            'ul',
            { class: 'changes' },
            ...changes.map(({ column, before, after }) =>
              h(
                'li',
                null,
                h('code', null, column),
                ' ',
                h('del', null, shownValue(before)),
                ' → ',
                h('ins', null, shownValue(after)),
              ),
            ),
          ),
          idOf(fact_id, { what: 'fact id' }),
        ),
      ),
    ),
    usage_lines &&
      usage_lines.length > 0 &&
      table(
        'Our lines',
        [
          { head: 'Type', cell: (line) => spaced(line.usage_type), key: true },
          { head: 'Month', cell: ({ starts_at, ends_at }) => monthName(starts_at, ends_at) },
          { head: 'Quantity', cell: (line) => line.quantity, number: true },
          {
            head: 'Rate',
            cell: ({ rates, currency }) =>
              rates
                .map(({ rate_cents, per_units }) =>
                  per_units === 1
                    ? money(rate_cents, currency)
                    : `${money(rate_cents, currency)} per ${grouped(per_units)}`,
                )
                .join(', then '),
          },
          { head: 'Amount', cell: (line) => money(line.amount_cents, line.currency), number: true },
          { head: 'Kind', cell: ({ kind, refusal }) => (refusal ? `refused: ${refusal}` : spaced(kind)) },
          {
            head: 'Counted',
            cell: ({ counted: { stream, after_position, upto_position } }) =>
              h(
                'a',
                { href: href('/log', { stream, upTo: upto_position }), onclick: closeWhy },
                `#${after_position + 1} to #${upto_position}`,
              ),
          },
        ],
        usage_lines,
      ),
  ].filter((node) => node instanceof Node)
}

const closeWhy = () => find('#why', HTMLDialogElement).close()

/** @param {unknown} value */
const shownValue = (value) => (value === null ? 'nothing' : String(value))
