import { h } from './dom.js'
import { table } from './table.js'
import { counted, grouped, money, spaced } from './words.js'

/** @typedef {import('../../ops/tenants.ts').TenantView} TenantView */
/** @typedef {TenantView['usage'][number]} UsageDay */

/**
 * Usage by day: one chart per type, since their sizes differ by thousands, and the same numbers as a table. Beside it stands what
 * the open month has so far: a level, such as the agents, is no sum of its days.
 * @param {Pick<TenantView, 'usage' | 'months'>} tenant
 * @param {AbortSignal} signal
 */
export function usageCharts({ usage, months }, signal) {
  if (usage.length === 0) return h('p', { class: 'empty' }, 'No usage in the last 35 days.')
  const days = daysOf(usage)
  const types = [...Map.groupBy(usage, ({ usage_type }) => usage_type)]
  const open = months.find(({ is_open }) => is_open)
  return h(
    'div',
    null,
    h('div', { class: 'charts' }, ...types.map(([type, rows]) => chart(type, rows, days, { open, signal }))),
    h(
      'details',
      null,
      h('summary', null, `As a table: ${counted(usage.length, 'row')}`),
      table(
        'Usage by day',
        [
          { head: 'Day', cell: ({ day }) => day, key: true },
          { head: 'Type', cell: ({ usage_type }) => spaced(usage_type) },
          { head: 'Quantity', cell: ({ quantity }) => grouped(BigInt(quantity)), number: true },
        ],
        usage.toReversed(),
      ),
    ),
  )
}

/**
 * @param {string} type
 * @param {readonly UsageDay[]} rows
 * @param {string[]} days
 * @param {{ open: TenantView['months'][number] | undefined, signal: AbortSignal }} options
 */
function chart(type, rows, days, { open, signal }) {
  const due = open?.dues.find(({ usage_type }) => usage_type === type)
  const total = due ? `${grouped(BigInt(due.quantity))} in this month so far` : 'none in this month'
  const place = h('div', {
    class: 'plot',
    role: 'img',
    'aria-label': `${spaced(type)} per day: ${total}, ${counted(rows.length, 'day')} shown; the table below has each`,
  })
  draw(place, rows, days, signal).catch(() => place.replaceChildren('The picture cannot be drawn here.'))
  const cost = due ? `: ${money(Number(due.due_cents), open?.currency)}` : ''
  return h(
    'figure',
    null,
    h('figcaption', null, `${spaced(type)} `, h('span', { class: 'hint' }, `${total}${cost}`)),
    place,
  )
}

/** @param {HTMLElement} place @param {readonly UsageDay[]} rows @param {string[]} days @param {AbortSignal} signal */
async function draw(place, rows, days, signal) {
  const module = '/console/vendor/uPlot.esm.js'
  const { default: UPlot } = /** @type {{ default: typeof import('uplot') }} */ (await import(module))
  const quantities = new Map(rows.map(({ day, quantity }) => [day, Number(quantity)]))
  /** @type {import('uplot').AlignedData} */
  const values = [days.map((day) => Date.parse(day) / 1000), days.map((day) => quantities.get(day) ?? 0)]
  const plot = () => {
    const style = getComputedStyle(place)
    const [line, text, bar] = ['--line', '--muted', '--accent'].map((name) => style.getPropertyValue(name))
    const axis = {
      stroke: text ?? '',
      grid: { stroke: line ?? '', width: 1 },
      ticks: { show: false },
      font: '11px system-ui',
    }
    const bars = UPlot.paths.bars?.({ size: [0.8, 24] })
    return new UPlot(
      {
        width: place.clientWidth,
        height: 130,
        legend: { show: false },
        cursor: { show: false },
        tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
        scales: {
          // Half a day on either side, so that the first and the last bar are whole.
          x: { range: (_plot, first, last) => [first - 43_200, last + 43_200] },
          y: { range: (_plot, _least, most) => [0, Math.max(1, most)] },
        },
        axes: [
          {
            ...axis,
            size: 26,
            values: (_plot, seconds) => seconds.map((at) => new Date(at * 1000).toISOString().slice(5, 10)),
          },
          { ...axis, size: 64, incrs: steps },
        ],
        series: [
          {},
          { fill: bar ?? '', stroke: bar ?? '', ...(bars && { paths: bars }), points: { show: false } },
        ],
      },
      values,
      place,
    )
  }
  let shown = plot()
  const again = () => {
    shown.destroy()
    shown = plot()
  }
  const resized = new ResizeObserver(() => shown.setSize({ width: place.clientWidth, height: 130 }))
  resized.observe(place)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again, { signal })
  signal.addEventListener('abort', () => {
    resized.disconnect()
    shown.destroy()
  })
}

/** Whole numbers, since nobody uses half a case. */
const steps = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((one) => one * 10 ** power)).flat()

/** Every day from the first to the last, so that days without usage are seen. @param {readonly UsageDay[]} usage */
function daysOf(usage) {
  const first = Date.parse(usage[0]?.day ?? '')
  const last = Date.parse(usage.at(-1)?.day ?? '')
  const days = []
  for (let at = first; at <= last; at += 86_400_000) days.push(new Date(at).toISOString().slice(0, 10))
  return days
}
