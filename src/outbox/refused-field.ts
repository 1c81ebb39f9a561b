import { AppError, InvalidRequest } from '../errors.ts'

/** Stripe's names of the parameters are those of our fields. */
export function refusedField(error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== 'invalid_request') return error
  const param = String(error.details.param ?? '')
  if (!['email', 'name', 'phone'].includes(param)) return error
  return new InvalidRequest([{ path: param, message: 'is not accepted by Stripe' }])
}
