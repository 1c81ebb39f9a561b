import { type Figure, readable } from './measure.ts'

const [width, bar, left] = [960, 22, 470]

/** Each comparison as a bar on a logarithmic scale, from a hundredth to a hundred times as good. */
export function picture(figures: readonly Figure[]): string {
  const rows = figures.flatMap(({ title, better, others }) =>
    others
      .filter(({ ratio }) => Number.isFinite(ratio) && ratio > 0)
      // So that to the right is always better.
      .map(({ name, ratio }) => ({
        text: `${title}: ${name}`,
        times: better === 'more' ? ratio : 1 / ratio,
      })),
  )
  const scale = (width - left - 60) / 4
  const middle = left + 2 * scale
  const height = 50 + rows.length * bar
  const bars = rows.map(({ text, times }, index) => {
    const length = Math.max(-2, Math.min(2, Math.log10(times))) * scale
    const [x, y] = [Math.min(middle, middle + length), 36 + index * bar]
    const label = text.length > 78 ? `${text.slice(0, 77)}…` : text
    return [
      `<text x="${left - 10}" y="${y + 13}" text-anchor="end"><title>${escaped(text)}</title>${escaped(label)}</text>`,
      `<rect x="${x.toFixed(1)}" y="${y}" width="${Math.abs(length).toFixed(1)}" height="${bar - 6}" fill="${times >= 1 ? '#0d6b5e' : '#b3541e'}"/>`,
      `<text x="${(Math.max(middle, middle + length) + 6).toFixed(1)}" y="${y + 13}">${readable(times)}</text>`,
    ].join('')
  })
  const ticks = [0.01, 0.1, 1, 10, 100].map((times, index) => {
    const x = left + index * scale
    return `<line x1="${x}" x2="${x}" y1="30" y2="${height - 8}" stroke="#ccc"/><text x="${x}" y="22" text-anchor="middle">${times}×</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>
${ticks.join('\n')}
${bars.join('\n')}
</svg>
`
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
