import type { Difference } from './compare.ts'

/**
 * A value that is not what the log makes it. `column` null: the whole row is missing, or should not be there; with
 * `expected` 'table' the whole table is missing, and `key` is empty.
 */
export type Drift = {
  table: string
  key: string
  column: string | null
  expected: unknown
  actual: unknown
}

/** A difference, value by value. */
export function driftOf(table: string, { key, expected, actual }: Difference): Drift[] {
  if (expected === undefined) return [{ table, key, column: null, expected: null, actual: 'row' }]
  if (actual === undefined) return [{ table, key, column: null, expected: 'row', actual: null }]
  return Object.keys(expected)
    .filter((column) => expected[column] !== actual[column])
    .map((column) => ({ table, key, column, expected: expected[column], actual: actual[column] }))
}

export const missingTable = (table: string): Drift => ({
  table,
  key: '',
  column: null,
  expected: 'table',
  actual: null,
})

/** One line for people. */
export function driftText({ table, key, column, expected, actual }: Drift): string {
  if (expected === 'table') return `${table}: the table is missing`
  if (column === null)
    return expected === null
      ? `${table} ${key}: the log knows no such row`
      : `${table} ${key}: the row is missing`
  return `${table} ${key} ${column}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`
}
