import { once } from 'node:events'
import { styleText } from 'node:util'

/** Writes a line to standard output, and waits while whoever reads it is slow. */
export async function printLine(line: string): Promise<void> {
  await printPart(`${line}\n`)
}

/** Part of a text that is too long to be one. */
export async function printPart(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

export async function printJson(value: unknown): Promise<void> {
  await printLine(JSON.stringify(value))
}

/** Columns as wide as their widest cell; numbers to the right. */
export async function printTable(headings: string[], rows: (string | number | null)[][]): Promise<void> {
  const texts = rows.map((row) => row.map((cell) => (cell === null ? '-' : String(cell))))
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...texts.map((row) => row[column]?.length ?? 0)),
  )
  const isNumeric = headings.map((_, column) => rows.every((row) => typeof row[column] === 'number'))
  for (const [index, row] of [headings, ...texts].entries()) {
    const cells = row.map((cell, column) =>
      isNumeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
    )
    const line = cells.join('  ').trimEnd()
    await printLine(index === 0 ? paint('bold', line) : line)
  }
}

/** Colour on a terminal that wants it, and nowhere else. */
export function paint(style: 'bold' | 'dim' | 'red' | 'green' | 'yellow', text: string): string {
  return styleText(style, text, { stream: process.stdout })
}

/** A value of a row on one line, short enough for a screen. */
export function shortValue(value: unknown): string {
  if (value === null || value === undefined) return '-'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}
