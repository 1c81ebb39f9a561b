import { z } from 'zod'
import type { AppContext } from '../../context.ts'
import { resourceId, tenantId, text } from '../../db/fields.ts'
import { capsule, exportCapsule } from '../../ops/capsule.ts'
import { Diff, diff } from '../../ops/diff.ts'
import { Why, why } from '../../ops/why.ts'
import { route } from '../route.ts'
import { asInvalid } from './admin-moment.ts'

/** Why things are as they are: the facts behind a value, behind a change, and behind an incident. */
export const adminCauseRoutes = ({ db, now }: AppContext) => [
  route(
    {
      method: 'get',
      path: '/admin/diff',
      tag: 'Operators',
      summary: 'What changed for a tenant between two moments, and by which facts',
      allow: [],
      query: z.object({ tenant_id: tenantId, from: moment, to: moment }),
      reply: Diff,
    },
    ({ query: { tenant_id: tenantId, from, to } }) =>
      diff(db, { tenantId, from, to }).catch(asInvalid('from')),
  ),
  route(
    {
      method: 'get',
      path: '/admin/why',
      tag: 'Operators',
      summary: 'The facts that made a row, or one value of it',
      allow: [],
      query: z.object({ table: text(64), key: text(300), column: text(64).optional() }),
      reply: Why,
    },
    ({ query: { table, key, column } }) => why(db, table, key, column),
  ),
  route(
    {
      method: 'get',
      path: '/admin/sessions/{session_id}/capsule',
      tag: 'Operators',
      summary: 'The incident in one file without personal data, for `stepledger replay --from-capsule`',
      allow: [],
      params: z.object({ session_id: resourceId }),
      reply: capsule.extend({ facts: z.array(z.record(z.string(), z.unknown())) }).meta({ id: 'Capsule' }),
    },
    ({ params }) => exportCapsule(db, params.session_id, now()),
  ),
]

const moment = text(40).meta({ param: { description: 'A position of the log, or a time' } })
