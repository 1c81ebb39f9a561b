import type Stripe from 'stripe'
import { pageOf } from '../objects/lists.ts'
import * as p from '../objects/parameters.ts'
import { resource } from '../objects/resource.ts'
import { route } from '../objects/routes.ts'
import { mustFind } from '../objects/turn.ts'
import { draftCreditNote, issueCreditNote, voidCreditNote } from './credit-note.ts'

const line = p.hash({
  type: p.oneOf('custom_line_item', 'invoice_line_item'),
  ...p.optional({
    amount: p.whole,
    description: p.text,
    invoice_line_item: p.text,
    metadata: p.metadata,
    quantity: p.whole,
    unit_amount: p.whole,
    unit_amount_decimal: p.decimal,
  } satisfies p.ShapeOf<Stripe.CreditNoteCreateParams.Line>),
})

const createShape = {
  invoice: p.text,
  ...p.optional({
    amount: p.whole,
    credit_amount: p.whole,
    effective_at: p.whole,
    email_type: p.oneOf('credit_note', 'none'),
    lines: p.listOf(line),
    memo: p.text,
    metadata: p.metadata,
    out_of_band_amount: p.whole,
    reason: p.oneOf('duplicate', 'fraudulent', 'order_change', 'product_unsatisfactory'),
    refund_amount: p.whole,
  } satisfies p.ShapeOf<Stripe.CreditNoteCreateParams>),
}

const listShape = {
  created: p.range,
  customer: p.text,
  invoice: p.text,
} satisfies p.ShapeOf<Stripe.CreditNoteListParams>

const updateShape = { memo: p.text, metadata: p.metadata } satisfies p.ShapeOf<Stripe.CreditNoteUpdateParams>

const notes = resource('credit_note', '/v1/credit_notes')

export const creditNoteRoutes = [
  notes.create(createShape, (call) => issueCreditNote(call, call.params)),
  notes.list(listShape),
  route('GET /v1/credit_notes/preview', createShape, (call) => draftCreditNote(call, call.params)),
  route('GET /v1/credit_notes/preview/lines', { ...createShape, ...p.pagination }, (call) =>
    pageOf(draftCreditNote(call, call.params).lines.data, '/v1/credit_notes/preview/lines', call.params),
  ),
  notes.retrieve(),
  notes.update(updateShape, 'credit_note.updated'),
  route('GET /v1/credit_notes/:id/lines', p.pagination, (call) => {
    const { lines } = mustFind(call, 'credit_note', call.id)
    return pageOf(lines.data, `/v1/credit_notes/${call.id}/lines`, call.params)
  }),
  notes.act('void', {}, voidCreditNote),
]
