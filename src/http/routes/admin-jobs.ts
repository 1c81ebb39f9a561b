import { z } from 'zod'
import type { AppContext } from '../../context.ts'
import { resourceId } from '../../db/fields.ts'
import { listOf } from '../../db/page.ts'
import { Job, JobRequest, startJobs } from '../../ops/jobs.ts'
import { route } from '../route.ts'

/** Long work as a resource: POST starts it, GET says how far it is. */
export function adminJobRoutes(context: AppContext) {
  const jobs = startJobs(context)
  return [
    route(
      {
        method: 'post',
        path: '/admin/jobs',
        tag: 'Operators',
        summary: 'Start a job',
        description:
          'Jobs run in, and are remembered by, the instance that took the request: the last fifty.',
        allow: [],
        body: JobRequest,
        reply: Job,
      },
      ({ body }) => jobs.start(body),
    ),
    route(
      {
        method: 'get',
        path: '/admin/jobs',
        tag: 'Operators',
        summary: 'The jobs of this instance, newest first',
        allow: [],
        reply: listOf(Job),
      },
      () => ({ items: jobs.list(), next_cursor: null }),
    ),
    route(
      {
        method: 'get',
        path: '/admin/jobs/{job_id}',
        tag: 'Operators',
        summary: 'A job, its progress and its result',
        allow: [],
        params: z.object({ job_id: resourceId }),
        reply: Job,
      },
      ({ params }) => jobs.show(params.job_id),
    ),
  ]
}
