type StreamedEvent = { id: string; type: string; data: string }

/** The events of a `text/event-stream` body, as https://html.spec.whatwg.org/multipage/server-sent-events.html reads it. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamedEvent, void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  let event = { id: '', type: '', data: [] as string[] }
  try {
    for (;;) {
      const { done, value } = await reader.read()
      // What is left without its empty line was cut off, and comes again.
      if (done) return
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line !== '') {
          event = withLine(event, line)
          continue
        }
        const { id, type, data } = event
        event = { id, type: '', data: [] }
        if (data.length > 0) yield { id, type: type || 'message', data: data.join('\n') }
      }
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

type Partly = { id: string; type: string; data: string[] }

function withLine(event: Partly, line: string): Partly {
  const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
  switch (field) {
    case 'id':
      return { ...event, id: value }
    case 'event':
      return { ...event, type: value }
    case 'data':
      return { ...event, data: [...event.data, value] }
    default:
      return event
  }
}
