import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { AppContext } from '../context.ts'
import { tenantId, time, timeOut } from '../db/fields.ts'
import { Conflict, NotFound } from '../errors.ts'
import { rate, usageTypes } from '../log/facts.ts'
import { maskText } from '../logging/mask.ts'
import { replay, verifyTables } from '../projections/replay.ts'
import { rehearse } from './rehearse.ts'
import { reprice } from './reprice.ts'
import { verify } from './verify.ts'

const jobKinds = ['replay', 'verify', 'verify_tables', 'rehearse', 'reprice'] as const

export const JobRequest = z
  .strictObject({
    kind: z.enum(jobKinds),
    tenant_id: tenantId.optional(),
    rates: z
      .partialRecord(z.enum(usageTypes), rate)
      .optional()
      .meta({ description: 'For reprice: the rates to try; what is left out stays as it is' }),
    plans: z
      .record(z.string(), z.int().min(0))
      .optional()
      .meta({ description: 'For reprice: prices of plans to try, in cents by Stripe’s price id' }),
    from: time.optional(),
    to: time.optional(),
  })
  .refine(({ kind, rates, plans }) => (kind === 'reprice') === (rates !== undefined || plans !== undefined), {
    path: ['rates'],
    message: 'is for reprice, which needs it or plans',
  })
export type JobRequest = z.infer<typeof JobRequest>

/** `progress`: of facts, sessions or tenants, whichever the kind counts. */
export const Job = z
  .object({
    job_id: z.string(),
    kind: z.enum(jobKinds),
    tenant_id: z.string().nullable(),
    status: z.enum(['running', 'done', 'failed']),
    progress: z.object({ done: z.int(), total: z.int() }),
    result: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: 'What the command of that name prints with --json' }),
    error: z.string().nullable(),
    started_at: timeOut,
    ended_at: timeOut.nullable(),
  })
  .meta({ id: 'Job' })
export type Job = z.infer<typeof Job>

export type Jobs = {
  /** Starts it and returns at once. @throws Conflict when too many run already */
  start(request: JobRequest): Job
  /** @throws NotFound */
  show(jobId: string): Job
  /** Newest first. */
  list(): Job[]
}

const kept = 50
const parallel = 2

/** Long work, in this process and remembered by it alone: the last fifty. They end when the service stops. */
export function startJobs(context: AppContext): Jobs {
  const jobs = new Map<string, Job>()

  const run = async (job: Job, request: JobRequest): Promise<void> => {
    try {
      const result = await work(context, request, (done, total) => {
        context.closing.throwIfAborted()
        job.progress = { done, total }
      })
      const total = Math.max(job.progress.done, job.progress.total)
      Object.assign(job, { status: 'done', result, progress: { done: total, total } })
    } catch (error) {
      context.log.error({ err: error, job_id: job.job_id, kind: job.kind }, 'a job failed')
      const message = error instanceof Error ? error.message : String(error)
      Object.assign(job, { status: 'failed', error: maskText(message) })
    }
    job.ended_at = context.now().toISOString()
  }

  return {
    start(request) {
      const running = [...jobs.values()].filter(({ status }) => status === 'running')
      if (running.length >= parallel)
        throw new Conflict(`${parallel} jobs run already; wait until one has ended`)
      const job: Job = {
        job_id: `job_${randomUUID()}`,
        kind: request.kind,
        tenant_id: request.tenant_id ?? null,
        status: 'running',
        progress: { done: 0, total: 0 },
        result: null,
        error: null,
        started_at: context.now().toISOString(),
        ended_at: null,
      }
      jobs.set(job.job_id, job)
      for (const { job_id, status } of [...jobs.values()].slice(0, -kept))
        if (status !== 'running') jobs.delete(job_id)
      void run(job, request)
      return job
    },
    show(jobId) {
      const job = jobs.get(jobId)
      if (job === undefined) throw new NotFound('job of this instance')
      return job
    },
    list: () => [...jobs.values()].reverse(),
  }
}

function work(
  { db }: AppContext,
  { kind, tenant_id: tenantId, rates = {}, plans = {}, from, to }: JobRequest,
  onProgress: (done: number, total: number) => void,
): Promise<object> {
  switch (kind) {
    case 'replay':
      return replay(db, { tenantId, onProgress })
    case 'verify':
      return verify(db, { onProgress })
    case 'verify_tables':
      return verifyTables(db, { tenantId, onProgress })
    case 'rehearse':
      return rehearse(db, { tenantId, onProgress })
    case 'reprice':
      return reprice(db, { rates, plans, tenantId, from, to, onProgress })
    default:
      return kind satisfies never
  }
}
