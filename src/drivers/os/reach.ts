import type { ReachFacts } from '../../controls/listen/index.ts';
import type { Clock } from '../../kernel/index.ts';
import { measureAccount } from './account.ts';
import { measureSshd } from './sshd.ts';

/** Milliseconds for which an answer is good enough: doctor may be asked every few seconds. */
const FRESH_MS = 60_000;

/** A look at the account and at sshd that is shared by everybody who asks within a minute. */
export function createReachProbe(clock: Pick<Clock, 'monotonic'>): () => Promise<ReachFacts> {
  let last: { readonly at: number; readonly facts: Promise<ReachFacts> } | undefined;
  return () => {
    if (last === undefined || clock.monotonic() - last.at > FRESH_MS) {
      last = { at: clock.monotonic(), facts: measure() };
      // Whoever asks waits for it later, and is told then.
      last.facts.catch(() => undefined);
    }
    return last.facts;
  };
}

async function measure(): Promise<ReachFacts> {
  const account = await measureAccount();
  return { account, sshd: await measureSshd(account.name, account.isMachineRoot) };
}
