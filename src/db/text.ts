/**
 * Why no database and no API can keep a text, for an error about its field; undefined: it can be kept. PostgreSQL
 * refuses NUL. Half an emoji (`'🚀'.slice(0, 1)`, a lone surrogate) has no UTF-8: Stripe's SDK throws, and SQLite and
 * PostgreSQL each make something else of it.
 */
export function textProblem(text: string): string | undefined {
  if (text.includes('\0')) return 'must not contain NUL'
  if (!text.isWellFormed()) return 'must not contain half a character (a lone surrogate)'
  return undefined
}

/** Whether a reader sees anything of it. Joiners inside a name are part of it; a name of nothing else is blank. */
export const isVisible = (text: string) => visible.test(text)

/** U+2800 is the Braille cell without a dot, which Unicode counts among the symbols. */
const visible = /[^\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u
