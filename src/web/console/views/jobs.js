import { get, post } from '../api.js'
import { confirmed } from '../confirm.js'
import { action, announce, field, h, idOf, json, pill, time } from '../dom.js'
import { href } from '../router.js'
import { grouped, spaced } from '../words.js'
import { jobResult } from './job-result.js'

/** @typedef {import('../../../ops/jobs.ts').Job} Job */

const pollMs = 400

/** @type {{ kind: import('../../../ops/jobs.ts').Job['kind'], label: string, says: string, ofTenant: boolean }[]} */
const kinds = [
  {
    kind: 'verify',
    label: 'Verify',
    says: 'the hash chains, then every table against the log; changes nothing',
    ofTenant: false,
  },
  {
    kind: 'verify_tables',
    label: 'Verify tables',
    says: 'the tables against the log; changes nothing',
    ofTenant: true,
  },
  {
    kind: 'rehearse',
    label: 'Rehearse',
    says: 'every open session through this code’s statechart; changes nothing',
    ofTenant: true,
  },
  {
    kind: 'replay',
    label: 'Replay',
    says: 'makes the tables what the log says, and lists what it has put right',
    ofTenant: true,
  },
]

/** @param {string} whose */
const asks = (whose) =>
  `Each row of ${whose} that is not what the log says is written anew. To see them first, run Verify tables, which changes nothing.`

/** Long work: started here, watched until it is done. @type {import('../router.js').View} */
export async function jobsView({ signal }) {
  const list = h('ol', { class: 'jobs' })
  /** @type {Map<string, HTMLLIElement>} */
  const shown = new Map()

  /** @param {Job} job */
  const paint = (job) => {
    const item = jobItem(job)
    const before = shown.get(job.job_id)
    if (before) before.replaceWith(item)
    else list.prepend(item)
    shown.set(job.job_id, item)
  }
  /** @param {Job} job */
  const watch = async (job) => {
    let now = job
    while (now.status === 'running' && !signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, pollMs))
      now = await get(`/jobs/${job.job_id}`, {}, signal)
      paint(now)
    }
    if (!signal.aborted) announce(`${spaced(job.kind)}: ${now.status}`)
  }
  /** @param {Job} job */
  const follow = (job) => {
    paint(job)
    if (job.status === 'running') watch(job).catch((error) => !signal.aborted && announce(String(error)))
  }
  const { items } = await get('/jobs', {}, signal)
  for (const job of items.toReversed()) follow(job)

  const tenant = h('input', { id: 'jobs-tenant_id', spellcheck: 'false', placeholder: 'every tenant' })
  return {
    title: 'Jobs',
    content: [
      h(
        'section',
        { 'aria-labelledby': 'new-job' },
        h('h2', { id: 'new-job' }, 'Start one'),
        h('div', { class: 'starts-of' }, field('Tenant', tenant, 'Verify always looks at all of them.')),
        h(
          'ul',
          { class: 'starts' },
          ...kinds.map(({ kind, label, says, ofTenant }) =>
            h(
              'li',
              null,
              action(
                label,
                async () => {
                  const tenant_id = tenant.value.trim()
                  const whose = tenant_id === '' ? 'every tenant' : tenant_id
                  if (kind === 'replay' && !(await confirmed('Replay the log?', asks(whose), 'Replay now')))
                    return
                  follow(await post('/jobs', { kind, ...(ofTenant && tenant_id && { tenant_id }) }))
                },
                { id: `start-${kind}` },
              ),
              h('span', { class: 'hint' }, says),
            ),
          ),
        ),
      ),
      h('h2', null, 'Jobs of this instance, newest first'),
      list,
    ],
  }
}

/** @param {Job} job */
function jobItem(job) {
  const { job_id, kind, status, progress, tenant_id, started_at, ended_at, result, error } = job
  const { done, total } = progress
  return h(
    'li',
    { class: 'job', 'data-status': status },
    h(
      'p',
      null,
      h('strong', null, spaced(kind)),
      ' ',
      pill(status),
      ' ',
      tenant_id && idOf(tenant_id, { href: href(`/tenants/${tenant_id}`), what: 'tenant id' }),
      h(
        'span',
        { class: 'when' },
        time(started_at),
        ended_at && ` · ${secondsBetween(started_at, ended_at)} s`,
      ),
    ),
    h('progress', {
      max: Math.max(total, 1),
      value: status === 'done' ? Math.max(total, 1) : done,
      'aria-label': `Progress of ${spaced(kind)}`,
    }),
    total > 0 && h('span', { class: 'hint' }, ` ${grouped(done)} of ${grouped(total)}`),
    error && h('p', { class: 'problem' }, error),
    result && jobResult(kind, result),
    result && h('details', null, h('summary', null, 'The whole result'), json(result, `result of ${job_id}`)),
  )
}

/** @param {string} from @param {string} to */
const secondsBetween = (from, to) => ((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1)
