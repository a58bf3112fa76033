import { DRILL_CODES, type RangeContext } from '../../../controls/drills/index.ts';
import type { DrillRun, EgressRange } from '../../../controls/egress/drills.ts';
import { RUN_PLACEHOLDER_START } from '../../../controls/secrets/index.ts';
import type { Prober } from '../../../drivers/prober/index.ts';
import type { DrillMark, Egress, EgressIdentity, OpenedRun } from '../../../kernel/index.ts';
import type { Core } from '../../core.ts';

/** Milliseconds for one answer of egress: decisions are quick, names of `.invalid` need no resolver. */
const ANSWER_MS = 15_000;

/** A run's way out as drills see it: the socket that a sandboxed run would have, with nobody behind it. */
export function egressPorts(
  { core, egress }: { readonly core: Core; readonly egress: Egress },
  prober: Prober,
  context: RangeContext,
): Pick<EgressRange, 'agents' | 'openRun' | 'rehearse' | 'placeholder'> {
  const { defaultAgent, agents } = core.config.current();

  async function open(
    agent: string,
    { id }: DrillMark,
    opening: (identity: EgressIdentity) => Promise<OpenedRun>,
  ): Promise<DrillRun> {
    const run = `drill-${id}`;
    await context.willMake('run', run);
    const { socketPath } = await opening({ principal: 'gatehouse', agent, run }).catch((cause: unknown) => {
      throw DRILL_CODES.error('DRILL_SETUP_FAILED', `egress opened no run for the drill: ${String(cause)}`);
    });
    return {
      id: run,
      async exchange(bytes, until) {
        const asked = { target: { path: socketPath }, bytes, ms: ANSWER_MS };
        const { bytes: came } = await prober.exchange(until === undefined ? asked : { ...asked, until });
        return came;
      },
    };
  }

  return {
    agents: [defaultAgent, ...[...agents.keys()].filter((agent) => agent !== defaultAgent)],
    openRun: (agent, mark) => open(agent, mark, (identity) => egress.openRun(identity)),
    rehearse: (agent, mark, rehearsal) =>
      open(agent, mark, (identity) => egress.rehearse(identity, rehearsal)),
    placeholder: ({ id }) => `${RUN_PLACEHOLDER_START}${id.padEnd(32, '0')}`,
  };
}
