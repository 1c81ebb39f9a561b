/**
 * Fields that are null while nothing is known of them, named with spaces between: `nulls<Stripe.Charge>()('review source')`.
 * The names are checked against the SDK's type, so that a field which Stripe dropped fails to compile.
 */
export function nulls<T>() {
  return <S extends string>(names: Words<S> extends NullableIn<T> ? S : never) =>
    Object.fromEntries(names.split(' ').map((name) => [name, null])) as { [F in Words<S>]: null }
}

type Words<S extends string> = S extends `${infer First} ${infer Rest}` ? First | Words<Rest> : S
type NullableIn<T> = { [K in keyof T & string]-?: null extends T[K] ? K : never }[keyof T & string]
