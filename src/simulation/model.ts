/** The door to the independent model, which is kept with the tests: nothing else of the program loads it. */
export type * from '../../tests/model/history.ts'
export { ownInvoice, usageTypes } from '../../tests/model/history.ts'
export type { Line } from '../../tests/model/lines.ts'
export { model, type Picture } from '../../tests/model/model.ts'
export { totalCents } from '../../tests/model/summary.ts'
export { addMonths } from '../../tests/model/windows.ts'
