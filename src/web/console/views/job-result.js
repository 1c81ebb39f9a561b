import { h, idOf, pill } from '../dom.js'
import { href } from '../router.js'
import { table } from '../table.js'
import { why } from '../why.js'
import { counted, grouped, placeName } from '../words.js'

/**
 * @typedef {import('../../../projections/drift.ts').Drift} Drift
 * @typedef {Partial<import('../../../ops/verify.ts').VerifyReport & import('../../../ops/rehearse.ts').Rehearsal
 *   & import('../../../projections/replay.ts').ReplayReport>} Result
 */

/** What came out, in a sentence, and each thing that is wrong in a table. @param {string} kind @param {object} report */
export function jobResult(kind, report) {
  const {
    ok,
    facts,
    sessions,
    streams,
    position,
    head,
    faults = [],
    fault_count: faultCount = 0,
    drift = [],
    drift_count: driftCount = 0,
    mended = [],
    mended_count: mendedCount = 0,
    stranded = [],
    changed = [],
  } = /** @type {Result} */ (report)
  const looked = [
    facts !== undefined && counted(facts, 'fact'),
    streams !== undefined && counted(streams, 'stream'),
    sessions !== undefined && counted(sessions, 'open session'),
    position !== undefined && `up to position ${grouped(position)}`,
  ].filter(Boolean)
  return h(
    'div',
    { class: 'result' },
    h(
      'p',
      null,
      pill(ok ? 'ok' : 'failed'),
      ` ${looked.join(', ')}. ${ok ? fine(kind, mendedCount) : 'Not all is as it should be:'}`,
    ),
    head !== undefined && h('p', null, 'Head of the log: ', h('code', null, head)),
    faults.length > 0 &&
      table(
        captionOf('Faults', faults, faultCount),
        [
          { head: 'Kind', cell: (fault) => fault.kind, key: true },
          {
            head: 'Stream',
            cell: ({ stream }) => stream && h('a', { href: href('/log', { stream }) }, stream),
          },
          { head: 'Position', cell: (fault) => fault.position, number: true },
          { head: 'What', cell: ({ message }) => message },
        ],
        faults,
      ),
    drift.length > 0 && driftTable(captionOf('Not what the log says', drift, driftCount), drift),
    mended.length > 0 && driftTable(captionOf('Put right', mended, mendedCount), mended),
    stranded.length > 0 &&
      table(
        'Stranded',
        [
          { head: 'Session', cell: sessionCell, key: true },
          { head: 'Position', cell: (one) => one.position, number: true },
          { head: 'Fact', cell: ({ type }) => type },
          { head: 'Why', cell: ({ message }) => message },
        ],
        stranded,
      ),
    changed.length > 0 &&
      table(
        'Elsewhere than they were left',
        [
          { head: 'Session', cell: sessionCell, key: true },
          { head: 'Left at', cell: ({ stored }) => placeName(stored) },
          { head: 'Now at', cell: ({ folded }) => placeName(folded) },
        ],
        changed,
      ),
  )
}

/** @param {string} kind @param {number} mended */
function fine(kind, mended) {
  if (kind === 'rehearse') return 'Every one goes on where it stands.'
  if (kind === 'replay')
    return mended === 0 ? 'Nothing had to be put right.' : `${counted(mended, 'value')} put right.`
  return 'All is as the log says.'
}

/** A report lists the first of many. @param {string} caption @param {readonly unknown[]} listed @param {number} count */
const captionOf = (caption, listed, count) =>
  count > listed.length ? `${caption}: the first ${grouped(listed.length)} of ${grouped(count)}` : caption

/** @param {string} caption @param {readonly Drift[]} rows */
const driftTable = (caption, rows) =>
  table(
    caption,
    [
      { head: 'Table', cell: (row) => row.table },
      { head: 'Key', cell: ({ key }) => h('code', null, key), key: true },
      { head: 'Column', cell: ({ column }) => column ?? 'the row' },
      {
        head: 'The log says',
        cell: ({ table: name, key, column, expected }) =>
          why(JSON.stringify(expected), name, key, column ?? undefined),
      },
      { head: 'The table said', cell: ({ actual }) => JSON.stringify(actual) },
    ],
    rows,
  )

/** @param {{ session_id: string }} row */
const sessionCell = ({ session_id }) =>
  idOf(session_id, { href: href(`/sessions/${session_id}`), what: 'session id' })
