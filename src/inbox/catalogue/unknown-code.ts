import { InvalidRequest } from '../../errors.ts'

/** Stripe has nothing under that code: a typing error, or a guess. */
export class UnknownCode extends InvalidRequest {
  constructor(code: string) {
    super([{ path: 'discount_code', message: `The discount code "${code}" does not exist.` }])
  }
}
