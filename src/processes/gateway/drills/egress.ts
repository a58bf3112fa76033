import { DRILL_CODES, type RangeContext } from '../../../controls/drills/index.ts';
import type { EgressRange } from '../../../controls/egress/drills.ts';
import type { Prober } from '../../../drivers/prober/index.ts';
import type { Egress } from '../../../kernel/index.ts';
import type { Core } from '../../core.ts';

/** Milliseconds for one answer of egress: decisions are quick, names of `.invalid` need no resolver. */
const ANSWER_MS = 15_000;

/** A run's way out as drills see it: the socket that a sandboxed run would have, with nobody behind it. */
export function egressPorts(
  { core, egress }: { readonly core: Core; readonly egress: Egress },
  prober: Prober,
  context: RangeContext,
): Pick<EgressRange, 'agents' | 'openRun'> {
  const { defaultAgent, agents } = core.config.current();
  return {
    agents: [defaultAgent, ...[...agents.keys()].filter((agent) => agent !== defaultAgent)],
    async openRun(agent, { id }) {
      const run = `drill-${id}`;
      await context.willMake('run', run);
      const { socketPath } = await egress
        .openRun({ principal: 'gatehouse', agent, run })
        .catch((cause: unknown) => {
          throw DRILL_CODES.error(
            'DRILL_SETUP_FAILED',
            `egress opened no run for the drill: ${String(cause)}`,
          );
        });
      return {
        id: run,
        async exchange(bytes, until) {
          const asked = { target: { path: socketPath }, bytes, ms: ANSWER_MS };
          const { bytes: came } = await prober.exchange(until === undefined ? asked : { ...asked, until });
          return came;
        },
      };
    },
  };
}
