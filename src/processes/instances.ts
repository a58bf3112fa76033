import type { CallInstance } from '../controls/trace/index.ts';
import { LEDGER_CODES } from '../controls/trace/index.ts';
import { providerFetch } from '../drivers/egress-client/index.ts';

/** Milliseconds for an answer, and bytes of it that are read. */
const ANSWER_MS = 30_000;
const MAX_ANSWER = 16 * 1024 ** 2;

/** Calls operations of other installs through egress, which puts the token in; the gateway never holds it (K2). */
export function instanceCaller(providerSocket: string): CallInstance {
  const send = providerFetch(providerSocket);
  return async ({ url, secret }, id, input) => {
    const answer = await send(`${url}/api/v1/${id}`, {
      method: 'POST',
      headers: { authorization: `Bearer {{secret:${secret}}}`, 'content-type': 'application/json' },
      body: JSON.stringify(input),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = await answer.text();
    if (!answer.ok || text.length > MAX_ANSWER)
      throw LEDGER_CODES.error('LEDGER_ANCHOR_FAILED', `the other instance answered ${answer.status}`);
    return (JSON.parse(text) as { readonly result: unknown }).result;
  };
}
