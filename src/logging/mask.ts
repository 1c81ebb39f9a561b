/**
 * A copy of `value` for a log line or an error reply: keys, tokens, client secrets, e-mail addresses and phone
 * numbers in any text become `[masked]`, at any depth and in the names of fields too.
 */
export function maskValue<T>(value: T): T {
  return walk(value, () => false) as T
}

/** As `maskValue`, and what stands under a name for secrets or personal data is dropped whatever it looks like. */
export function maskFields<T>(value: T): T {
  return walk(value, (name) => privateFields.has(name.toLowerCase())) as T
}

export function maskText(text: string): string {
  let masked = text
  for (const pattern of patterns) masked = masked.replace(pattern, '[masked]')
  return masked
}

/** A fault in one line, without what it quotes: that may be anybody's text, unless it is the name of something. */
export function faultText(fault: unknown): string {
  const { name, message } = fault instanceof Error ? fault : { name: typeof fault, message: String(fault) }
  const words = withoutQuotes(maskText(message)).replaceAll(/[\p{Cc}\s]+/gu, ' ')
  return `${name}: ${words.slice(0, 200)}`.toWellFormed()
}

export const withoutQuotes = (text: string): string =>
  text.replace(/(?<!\w)(["'`])(.{0,2000}?)\1(?!\w)/gs, (quoted, mark, inner) =>
    /^[\w.$[\]-]{0,60}$/.test(inner) ? quoted : `${mark}[hidden]${mark}`,
  )

// Runs are bounded: the texts come from outside, and an open end would be searched again from each of its letters.
const patterns = [
  /\b(sk|pk|rk)_(test|live)_\w+/g,
  /\b(whsec|slk|sls)_[\w+/=-]+/g,
  /\b[a-z]{2,8}_\w+_secret_\w+/g,
  /\bBearer\s+\S+/gi,
  /(?<=:\/\/)[^\s/@:]{1,100}:[^\s/@]{1,200}(?=@)/g,
  /[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(\.[\w-]{1,63})+/g,
  // +1 555 123 4567, (555) 123-4567, 555.123.4567, and bare runs of 10 to 15 digits that are no part of an id.
  /(?<![\w-])\+\d[\d ().-]{6,18}\d\b/g,
  /(?<![\w-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b/g,
  /(?<![\w.-])\d{10,15}(?![\w-])/g,
]

const privateFields = new Set([
  ...['authorization', 'x-api-key', 'stripe-signature', 'cookie', 'headers', 'api_key', 'apikey', 'password'],
  ...['secret', 'client_secret', 'session_token', 'token', 'secret_key', 'secretkey', 'adminapikey'],
  ...['email', 'name', 'company_name', 'phone', 'address', 'personal', 'payload', 'body', 'raw'],
])

function walk(value: unknown, isPrivate: (name: string) => boolean): unknown {
  if (typeof value === 'string') return maskText(value)
  if (Array.isArray(value)) return value.map((item) => walk(item, isPrivate))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) =>
      isPrivate(name) ? [name, '[masked]'] : [maskText(name), walk(member, isPrivate)],
    ),
  )
}
