import { clock, spaced, toneOf } from './words.js'

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */

/**
 * An element. Functions become listeners, true and false presence, null and undefined nothing; children are text or
 * nodes, never markup.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown> | null} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props, ...children) {
  return filled(document.createElement(tag), props, children)
}

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown> | null} [props]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svg(tag, props, ...children) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', tag), props, children)
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Record<string, unknown> | null | undefined} props
 * @param {Child[]} children
 */
function filled(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (typeof value === 'function')
      element.addEventListener(name.slice(2).toLowerCase(), /** @type {EventListener} */ (value))
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, String(value))
  }
  element.append(...nodes(children))
  return element
}

/** @param {Child[]} children @returns {(Node | string)[]} */
export function nodes(children) {
  return children.flatMap((child) => {
    if (Array.isArray(child)) return nodes(child)
    if (child === null || child === undefined || child === false) return []
    return [typeof child === 'number' ? String(child) : child]
  })
}

/**
 * The element that a selector names.
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} type
 * @param {ParentNode} [root]
 * @returns {T}
 */
export function find(selector, type, root = document) {
  const found = root.querySelector(selector)
  if (!(found instanceof type)) throw new Error(`no ${selector}`)
  return found
}

/** For screen readers, without moving the focus. @param {string} text */
export function announce(text) {
  find('#status', HTMLElement).textContent = text
}

/** @param {string} iso */
export const time = (iso) => h('time', { datetime: iso, title: iso }, clock(iso))

/** @param {string | null} status */
export const pill = (status) => h('span', { class: `pill ${toneOf(status)}` }, spaced(status ?? 'none'))

/**
 * An id in full, cut short by the style sheet where space is, with a button that copies it.
 * @param {string} id
 * @param {{ href?: string, what?: string }} [options]
 */
export function idOf(id, { href, what = 'id' } = {}) {
  const text = h('code', { title: id }, id)
  return h('span', { class: 'id' }, href ? h('a', { href }, text) : text, copyButton(id, `${what} ${id}`))
}

/** @param {string} text @param {string} name */
function copyButton(text, name) {
  if (!navigator.clipboard) return null
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    announce(`Copied ${name}`)
    button.classList.add('copied')
    setTimeout(() => button.classList.remove('copied'), 1500)
  }
  const button = h(
    'button',
    { type: 'button', class: 'copy', 'aria-label': `Copy ${name}`, onclick: copy },
    copyIcon(),
  )
  return button
}

const copyIcon = () =>
  svg(
    'svg',
    { viewBox: '0 0 16 16', width: 14, height: 14, 'aria-hidden': 'true' },
    svg('path', {
      d: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
      fill: 'none',
      stroke: 'currentColor',
      'stroke-width': 1.4,
    }),
  )

/** @param {unknown} value @param {string} name */
export function json(value, name) {
  const text = JSON.stringify(value, null, 2)
  return h(
    'div',
    { class: 'json' },
    copyButton(text, name),
    h('pre', { tabindex: 0, role: 'region', 'aria-label': name }, text),
  )
}

/**
 * A button that is busy while its work lasts; what goes wrong is told beside it.
 * @param {string} label
 * @param {() => Promise<void>} work
 * @param {Record<string, unknown>} [props]
 */
export function action(label, work, props = {}) {
  const problem = h('span', { class: 'problem', role: 'alert' })
  const run = async () => {
    if (button.getAttribute('aria-disabled') === 'true') return
    button.setAttribute('aria-disabled', 'true')
    problem.textContent = ''
    try {
      await work()
    } catch (error) {
      problem.textContent = error instanceof Error ? error.message : String(error)
    } finally {
      button.removeAttribute('aria-disabled')
    }
  }
  const button = h('button', { type: 'button', ...props, onclick: run }, label)
  return h('span', { class: 'action' }, button, problem)
}

/**
 * @param {string} label
 * @param {HTMLElement} control with an id
 * @param {string} [hint]
 */
export function field(label, control, hint) {
  if (hint) control.setAttribute('aria-describedby', `${control.id}-hint`)
  return h(
    'div',
    { class: 'field' },
    h('label', { for: control.id }, label),
    control,
    hint && h('span', { class: 'hint', id: `${control.id}-hint` }, hint),
  )
}

/**
 * @param {string} id
 * @param {string} value the chosen one; '' is any
 * @param {string[]} values
 */
export function choice(id, value, values) {
  const options = ['', ...values].map((one) =>
    h('option', { value: one, selected: one === value }, one === '' ? 'any' : spaced(one)),
  )
  return h('select', { id, name: id.replace(/^.*-/, '') }, ...options)
}
