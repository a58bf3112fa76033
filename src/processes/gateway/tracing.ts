import { Tracer } from '../../controls/tracing/index.ts';
import { type EgressClient, providerFetch } from '../../drivers/egress-client/index.ts';
import type { Core } from '../core.ts';
import { afterwards } from '../system.ts';

export interface TracingOptions {
  readonly core: Core;
  readonly egress: Pick<EgressClient, 'providerSocket'>;
  readonly version: string;
}

/** Spans over this home's ledger. While no collector is configured nobody listens to the ledger, and a record costs nothing. */
export async function openTracer({ core, egress, version }: TracingOptions): Promise<Tracer> {
  const { ledger, config } = core;
  const fetch = providerFetch(egress.providerSocket);
  const settings = () => config.current().tracing;
  const tracer = new Tracer({
    settings: () => {
      const now = settings();
      return now === undefined ? undefined : { ...now, version };
    },
    async send(body, signal) {
      const to = settings();
      if (to === undefined) return true;
      const authorization =
        to.authorization === null ? {} : { authorization: `Bearer {{secret:${to.authorization}}}` };
      try {
        const answer = await fetch(to.endpoint, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...authorization },
          body,
          signal,
        });
        await answer.body?.cancel();
        return answer.status >= 200 && answer.status < 300;
      } catch {
        return false;
      }
    },
    egressRecords: (after, limit) => ledger.readWriter('egress', after, limit),
    egressHead: async () => (await ledger.extent()).heads.find(({ writer }) => writer === 'egress')?.seq ?? 0,
    setTimer: afterwards,
  });
  await tracer.start();
  let forget: (() => void) | undefined;
  const follow = (): void => {
    const wanted = settings() !== undefined;
    if (wanted) forget ??= ledger.onAppend((record) => tracer.record(record));
    else {
      forget?.();
      forget = undefined;
    }
  };
  config.onApplied(follow);
  follow();
  return tracer;
}
