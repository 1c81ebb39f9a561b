import { mustFind, type Turn } from '../objects/turn.ts'

/** The bank's page for an intent that was confirmed with a `return_url`: two buttons, then back to where it came from. */
export function challengePage(turn: Turn, id: string): string {
  const intent = mustFind(turn, id.startsWith('seti_') ? 'setup_intent' : 'payment_intent', id)
  const returnUrl = turn.store.hidden<{ returnUrl: string }>(id).returnUrl ?? ''
  const kind = intent.object
  const back = new URL(returnUrl || 'about:blank')
  back.searchParams.set(kind, id)
  back.searchParams.set(`${kind}_client_secret`, intent.client_secret ?? '')
  // Inside a script a "<" could end it.
  const target = JSON.stringify(back.href).replaceAll('<', '\\u003c')
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>3-D Secure (sandbox)</title>
<body style="font:16px system-ui;max-width:28rem;margin:4rem auto">
<h1>Is this you?</h1><p>Your bank asks you to confirm ${id}.</p>
<button id="succeed">Complete</button> <button id="fail">Fail</button>
<script>
for (const button of document.querySelectorAll('button')) button.onclick = async () => {
  await fetch('/_sandbox/authenticate/${id}', { method: 'POST', body: JSON.stringify({ outcome: button.id }) })
  const back = new URL(${target})
  back.searchParams.set('redirect_status', button.id === 'succeed' ? 'succeeded' : 'failed')
  location.href = back
}
</script></body></html>`
}
