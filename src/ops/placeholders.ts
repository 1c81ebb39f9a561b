import { isOurWord, ourMetadata } from '../log/safe-words.ts'
import { type Json, type JsonObject, putTogether, type Texts, takeApart } from '../log/take-apart.ts'

/**
 * Replaces personal data by placeholders such as `[personal 3]`: the same text by the same one, so that what was equal
 * stays equal. What counts as personal is what the log seals.
 */
export function placeholders() {
  const byText = new Map<string, string>()
  const placeholderOf = (text: string) => {
    const placeholder = byText.get(text) ?? `[personal ${byText.size + 1}]`
    byText.set(text, placeholder)
    return placeholder
  }

  /** Of what is personal as a whole: a text, or metadata, in which our own keys stay. */
  const hideAll = (value: Json): Json => {
    if (typeof value === 'string') return value === '' ? value : placeholderOf(value)
    if (Array.isArray(value)) return value.map(hideAll)
    if (value === null || typeof value !== 'object') return value
    const members = Object.entries(value).map(([name, member]) =>
      ourMetadata.has(name) && isOurWord(member) ? [name, member] : [placeholderOf(name), hideAll(member)],
    )
    return Object.fromEntries(members)
  }

  /** Of what Stripe's object had: by pointer. */
  const hideTexts = (texts: Texts): Texts =>
    Object.fromEntries(Object.entries(texts).map(([pointer, text]) => [pointer, hideAll(text)]))

  /** Of what persons gave: the words and ids that an object of Stripe's may show stay. */
  const hide = (personal: JsonObject): JsonObject => {
    const { safe, texts } = takeApart(personal)
    return putTogether(safe, hideTexts(texts))
  }

  return { hide, hideTexts }
}
