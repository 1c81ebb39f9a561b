import { get } from './api.js'
import { find, h, idOf, time } from './dom.js'
import { href } from './router.js'
import { table } from './table.js'
import { counted, explained, money, spaced } from './words.js'

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
function story({ facts, usage_lines, tenant_id, row }) {
  const currency = typeof row.currency === 'string' ? row.currency : null
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
        'Usage on this invoice',
        [
          { head: 'Type', cell: (line) => spaced(line.usage_type), key: true },
          { head: 'Quantity', cell: (line) => line.quantity, number: true },
          { head: 'Amount', cell: (line) => money(line.amount_cents, currency), number: true },
          { head: 'Facts', cell: (line) => line.facts.length, number: true },
        ],
        usage_lines,
      ),
  ].filter((node) => node instanceof Node)
}

const closeWhy = () => find('#why', HTMLDialogElement).close()

/** @param {unknown} value */
const shownValue = (value) => (value === null ? 'nothing' : String(value))
