import { InvalidRequest } from '../errors.ts'

/**
 * An address that the browser will be sent to: compared, never fetched. Answered as the URL parser reads it, which is
 * how the browser will read it.
 * @param path the field it came in
 * @throws InvalidRequest
 */
export function allowedUrl(path: string, text: string, allowedOrigins: readonly string[]): string {
  const refuse = (message: string): never => {
    throw new InvalidRequest([{ path, message }])
  }
  // A backslash is a slash to browsers and not to everybody else: such a URL means two things.
  if (!URL.canParse(text) || text.includes('\\')) refuse('must be an absolute URL')
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') refuse('must be an http or https URL')
  if (url.username !== '' || url.password !== '') refuse('must not contain user information')
  if (!allowedOrigins.includes(url.origin))
    refuse(`must be of an allowed origin (RETURN_URL_ORIGINS): ${allowedOrigins.join(', ')}`)
  return url.href
}
