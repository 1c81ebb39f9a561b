import { once } from 'node:events'

/** Writes a line to standard output, and waits while whoever reads it is slow. */
export async function printLine(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain')
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
  for (const row of [headings, ...texts]) {
    const cells = row.map((cell, column) =>
      isNumeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
    )
    await printLine(cells.join('  ').trimEnd())
  }
}
