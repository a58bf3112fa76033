import type { ConfigService } from '../configuration/types.ts';
import { described, GRANT_CODES, type GrantRequest, type GrantService } from '../controls/grants/index.ts';
import type { Alerts, Egress, EgressIdentity, Logger, RefusedDestination } from '../kernel/index.ts';

/** How long an approved question opens its destination. */
const ASKED_MS = 3_600_000;
/** Runs that are open at once at most, as egress bounds them. */
const MAX_RUNS = 1_000;

export interface AskParts {
  readonly egress: Egress;
  readonly config: ConfigService;
  readonly grants: GrantService;
  readonly alerts: Alerts;
  readonly logger: Logger;
}

/**
 * Egress for runs, where a refusal for want of a rule becomes one question to the operator (E8): exactly that host and
 * port, for that agent and session, for an hour once somebody approves it. Egress judges the grant like any other.
 */
export function askingEgress(parts: AskParts): Pick<Egress, 'openRun' | 'closeRun'> {
  const { egress, logger } = parts;
  const open = new Map<string, EgressIdentity>();
  return {
    openRun(identity, secrets) {
      if (open.size < MAX_RUNS) open.set(identity.run, identity);
      return egress.openRun(identity, secrets);
    },
    async closeRun(run) {
      const closed = await egress.closeRun(run);
      const identity = open.get(run);
      open.delete(run);
      for (const destination of closed.refused ?? []) {
        if (identity === undefined) break;
        await askFor(parts, identity, destination).catch((cause: unknown) =>
          logger.info('nobody was asked for a destination', { host: destination.host, cause: String(cause) }),
        );
      }
      return closed;
    },
  };
}

async function askFor(
  { config, grants, alerts }: AskParts,
  { agent, session }: EgressIdentity,
  { host, port, code }: RefusedDestination,
): Promise<void> {
  const policy = config.current().agents.get(agent);
  if (policy === undefined || (code !== 'EGRESS_HOST_ASK' && policy.askForEgress !== true)) return;
  const request: GrantRequest = {
    kind: 'net.connect',
    match: { host: [host], port: [String(port)] },
    layers: ['ceiling', `playbook:${policy.playbook}`],
    subject: { agent, ...(session === undefined ? {} : { session }) },
    owner: `agent:${agent}`,
    ticket: 'asked by a run',
    reason: `a run of ${agent} was refused (${code})`,
    durationMs: ASKED_MS,
  };
  const asked = await grants.ask(request, `agent:${agent}`);
  if (asked === undefined) return;
  const { code: alert, fix } = GRANT_CODES.error('GRANT_ASKED');
  const title = `${agent} asks for ${described(asked)} (${asked.id})`;
  alerts.raise({ rule: 'egress.asked', code: alert, severity: 'warning', title, fix, key: agent });
}
