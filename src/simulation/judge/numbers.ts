/** What has to be the same on both sides: how a number is called -> its value. What is not there is `none`. */
export type Numbers = Map<string, string>

/** `number` such as `invoice in_… total`. */
export type Difference = { number: string; ours: string; models: string }

export const nothing = 'none'

/** In the order in which the model has them, then what the service alone has. */
export function compare(service: Numbers, model: Numbers): Difference[] {
  return [...new Set([...model.keys(), ...service.keys()])]
    .map((number) => ({
      number,
      ours: service.get(number) ?? nothing,
      models: model.get(number) ?? nothing,
    }))
    .filter(({ ours, models }) => ours !== models)
}

/** `2026-02-01T00:30:00Z`, or without a time where it is midnight. */
export function timeText(instant: number | string | null): string {
  if (instant === null) return nothing
  const text = new Date(instant).toISOString().replace('.000Z', 'Z')
  return text.endsWith('T00:00:00Z') ? text.slice(0, 10) : text
}

export const textOr = (value: bigint | number | null): string => (value === null ? nothing : String(value))

export const windowName = (subscription: string, start: number | string) =>
  `window ${subscription} ${timeText(start)}`

/** Lines of one window and type are numbered in the order in which they were made. */
export function lineNames(): (window: string, type: string) => string {
  const made = new Map<string, number>()
  return (window, type) => {
    const name = `${window} ${type}`
    const number = (made.get(name) ?? 0) + 1
    made.set(name, number)
    return `${name} line ${number}`
  }
}
