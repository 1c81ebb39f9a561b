import { h, nodes } from './dom.js'

/**
 * @template T
 * @typedef {{ head: string, cell: (row: T) => import('./dom.js').Child, number?: boolean, text?: boolean, key?: boolean }} Column
 */

/**
 * A table with headers that scrolls by itself where the page is narrow. `key`: the column that names the row. `text`: sentences,
 * which wrap.
 * @template T
 * @param {string} caption
 * @param {Column<T>[]} columns
 * @param {readonly T[]} rows
 * @param {{ empty?: string, hideCaption?: boolean }} [options]
 */
export function table(caption, columns, rows, { empty = 'Nothing here.', hideCaption = false } = {}) {
  if (rows.length === 0) return h('p', { class: 'empty' }, empty)
  const body = h('tbody', null, ...rows.map((row) => tableRow(columns, row)))
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h(
      'table',
      null,
      h('caption', { class: hideCaption && 'visually-hidden' }, caption),
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          ...columns.map(({ head, number }) => h('th', { scope: 'col', class: number && 'number' }, head)),
        ),
      ),
      body,
    ),
  )
}

/**
 * @template T
 * @param {Column<T>[]} columns
 * @param {T} row
 */
export function tableRow(columns, row) {
  return h(
    'tr',
    null,
    ...columns.map(({ cell, number, text, key }) => {
      const content = nodes([cell(row)])
      const shown = content.length === 0 ? [h('span', { class: 'none' }, '–')] : content
      return key
        ? h('th', { scope: 'row' }, ...shown)
        : h('td', { class: number ? 'number' : text && 'text' }, ...shown)
    }),
  )
}

/**
 * "Next page", as a link that can be kept. @param {string | null} cursor @param {(cursor: string) => string} hrefOf
 */
export function nextPage(cursor, hrefOf) {
  return cursor === null ? null : h('p', { class: 'pages' }, h('a', { href: hrefOf(cursor) }, 'Next page'))
}
