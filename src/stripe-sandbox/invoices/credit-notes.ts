import type Stripe from 'stripe'
import { listPage, pageOf } from '../objects/lists.ts'
import {
  decimal,
  hash,
  listOf,
  mergeMetadata,
  metadata,
  oneOf,
  pagination,
  range,
  type ShapeOf,
  text,
  whole,
} from '../objects/parameters.ts'
import { route } from '../objects/routes.ts'
import { change, mustFind } from '../objects/turn.ts'
import { draftCreditNote, issueCreditNote, voidCreditNote } from './credit-note.ts'

const line = hash({
  type: oneOf('custom_line_item', 'invoice_line_item'),
  amount: whole.optional(),
  description: text.optional(),
  invoice_line_item: text.optional(),
  metadata: metadata.optional(),
  quantity: whole.optional(),
  unit_amount: whole.optional(),
  unit_amount_decimal: decimal.optional(),
})

const createShape = {
  invoice: text,
  amount: whole.optional(),
  credit_amount: whole.optional(),
  effective_at: whole.optional(),
  email_type: oneOf('credit_note', 'none').optional(),
  lines: listOf(line).optional(),
  memo: text.optional(),
  metadata: metadata.optional(),
  out_of_band_amount: whole.optional(),
  reason: oneOf('duplicate', 'fraudulent', 'order_change', 'product_unsatisfactory').optional(),
  refund_amount: whole.optional(),
} satisfies ShapeOf<Stripe.CreditNoteCreateParams>

const listShape = {
  ...pagination,
  created: range.optional(),
  customer: text.optional(),
  invoice: text.optional(),
} satisfies ShapeOf<Stripe.CreditNoteListParams>

const updateShape = {
  memo: text.optional(),
  metadata: metadata.optional(),
} satisfies ShapeOf<Stripe.CreditNoteUpdateParams>

export const creditNoteRoutes = [
  route('POST /v1/credit_notes', createShape, (call) => issueCreditNote(call, call.params)),
  route('GET /v1/credit_notes', listShape, (call) => {
    const { customer, invoice } = call.params
    return listPage(call, 'credit_note', '/v1/credit_notes', call.params, { equal: { customer, invoice } })
  }),
  route('GET /v1/credit_notes/preview', createShape, (call) => draftCreditNote(call, call.params)),
  route('GET /v1/credit_notes/preview/lines', { ...createShape, ...pagination }, (call) =>
    pageOf(draftCreditNote(call, call.params).lines.data, '/v1/credit_notes/preview/lines', call.params),
  ),
  route('GET /v1/credit_notes/:id', {}, (call) => mustFind(call, 'credit_note', call.id)),
  route('POST /v1/credit_notes/:id', updateShape, (call) => {
    const note = mustFind(call, 'credit_note', call.id)
    return change(call, 'credit_note.updated', note, {
      ...note,
      memo: call.params.memo ?? note.memo,
      metadata: mergeMetadata(note.metadata ?? {}, call.params.metadata),
    })
  }),
  route('GET /v1/credit_notes/:id/lines', pagination, (call) => {
    const { lines } = mustFind(call, 'credit_note', call.id)
    return pageOf(lines.data, `/v1/credit_notes/${call.id}/lines`, call.params)
  }),
  route('POST /v1/credit_notes/:id/void', {}, (call) =>
    voidCreditNote(call, mustFind(call, 'credit_note', call.id)),
  ),
]
