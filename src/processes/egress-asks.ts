import type { ConfigService } from '../configuration/types.ts';
import type { ApprovalRecord, ApprovalRequest, ApprovalService } from '../controls/execution/types.ts';
import { GRANT_CODES, type GrantRequest, type GrantService } from '../controls/grants/index.ts';
import {
  type Alerts,
  asGatehouseError,
  type Clock,
  type Egress,
  type EgressIdentity,
  GatehouseError,
  type Logger,
  type RefusedDestination,
} from '../kernel/index.ts';
import type { EgressQuestions } from '../operations/services.ts';

/** How long `allow-once` opens its destination. */
export const ASKED_MS = 3_600_000;
/** Questions of one agent that wait at once. */
export const MAX_ASKED = 5;
/** Milliseconds in which a question that was answered with no, or by nobody, is not asked again. */
const AGAIN_MS = 24 * 3_600_000;
/** Answered questions that are looked at to find one again. */
const LOOKED_AT = 500;
/** Runs that are open at once at most, as egress bounds them. */
const MAX_RUNS = 1_000;
const HOUR_MS = 3_600_000;

/** What the approvals of destinations are of, in place of a tool's name. */
const TOOL = 'egress';

export interface AskParts {
  readonly egress: Egress;
  readonly config: ConfigService;
  readonly approvals: Pick<ApprovalService, 'request' | 'list' | 'consume'>;
  readonly grants: Pick<GrantService, 'judge' | 'allowed'>;
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What turns need of egress, and how a destination is asked for before any run exists. */
export interface AskingEgress extends Pick<Egress, 'openRun' | 'closeRun'> {
  /** Id of the approval that waits; undefined where nobody is asked. */
  ask(identity: EgressIdentity, destination: RefusedDestination): Promise<string | undefined>;
}

/**
 * Egress for runs, where a refusal for want of a rule becomes one approval (E8): exactly that host and port, for that
 * agent, principal and session, for as long as the answer says. Egress judges the grant that follows like any other.
 */
export function createEgressQuestions(parts: AskParts): AskingEgress & EgressQuestions {
  const { egress, logger } = parts;
  const open = new Map<string, EgressIdentity>();
  /** One at a time: two runs that were refused the same ask once. */
  let asking: Promise<unknown> = Promise.resolve();

  const ask = (identity: EgressIdentity, destination: RefusedDestination): Promise<string | undefined> => {
    const asked = asking.then(() => askFor(parts, identity, destination));
    asking = asked.catch(() => undefined);
    return asked.catch((cause: unknown) => {
      logger.info('nobody was asked for a destination', { host: destination.host, cause: String(cause) });
      return undefined;
    });
  };

  return {
    ask,
    openRun(identity, secrets, bytes) {
      if (open.size < MAX_RUNS) open.set(identity.run, identity);
      return egress.openRun(identity, secrets, bytes);
    },
    async closeRun(run) {
      const closed = await egress.closeRun(run);
      const identity = open.get(run);
      open.delete(run);
      if (identity === undefined || closed.refused === undefined) return closed;
      const refused: RefusedDestination[] = [];
      for (const destination of closed.refused) {
        const approval = await ask(identity, destination);
        refused.push(approval === undefined ? destination : { ...destination, approval });
      }
      return { ...closed, refused };
    },
    settle: (record) => settle(parts, record),
    async settleAll() {
      for (const record of await parts.approvals.list({ status: 'allowed', limit: LOOKED_AT }))
        await settle(parts, record).catch((cause: unknown) =>
          logger.warn('an allowed destination could not be opened', { id: record.id, cause: String(cause) }),
        );
    },
  };
}

async function askFor(
  parts: AskParts,
  identity: EgressIdentity,
  destination: RefusedDestination,
): Promise<string | undefined> {
  const { config, approvals, grants, alerts } = parts;
  const policy = config.current().agents.get(identity.agent);
  if (policy === undefined) return undefined;
  if (destination.code !== 'EGRESS_HOST_ASK' && policy.askForEgress !== true) return undefined;
  const request = requestOf(identity, destination, config.current().grantPolicy.twoPersons);
  const known = await alreadyAsked(parts, request);
  if (known !== undefined) return known === 'no' ? undefined : known;
  // Nobody is asked for what no answer could open.
  await grants.judge(grantOf(parts, request.binding, request.subject.principal, ASKED_MS, 'nobody yet', ''));
  const record = await approvals.request(request);
  const { code: alert, fix } = GRANT_CODES.error('GRANT_ASKED');
  const title = `${identity.agent} asks for ${destination.host}:${destination.port} (${record.id})`;
  alerts.raise({ rule: 'egress.asked', code: alert, severity: 'warning', title, fix, key: identity.agent });
  return record.id;
}

function requestOf(
  { principal, agent, session = '', run: _run, ...who }: EgressIdentity,
  { host, port, code }: RefusedDestination,
  twoPersons: boolean,
): ApprovalRequest {
  const argv = [host, String(port)];
  return {
    // The principal is part of what is bound: a session key is only an address (S5).
    binding: { tool: TOOL, argv, cwd: '', env: { principal }, files: {}, sandbox: '', agent, session },
    title: `connect to ${host}:${port}`,
    commandText: `connect ${host}:${port}`,
    decision: {
      effect: 'ask',
      code,
      rule: 'egress/(none)',
      reason: `a run of ${agent} was refused this destination (${code}); the answer opens it for this session`,
      authorityHash: '',
    },
    subject: { ...who, principal, agent, session },
    reach: { hosts: [`${host}:${port}`], network: true, reads: [], writes: [] },
    unattended: true,
    ...(twoPersons ? { people: 2 } : {}),
  };
}

/** The id of the same question while it waits; `no` while it is not asked again, and for an agent that asks too much. */
async function alreadyAsked(
  { approvals, clock }: AskParts,
  { binding }: ApprovalRequest,
): Promise<string | 'no' | undefined> {
  const of = (record: ApprovalRecord): boolean =>
    record.binding.tool === TOOL && record.binding.agent === binding.agent;
  const same = (record: ApprovalRecord): boolean =>
    of(record) &&
    record.binding.session === binding.session &&
    record.binding.env['principal'] === binding.env['principal'] &&
    record.binding.argv.join(' ') === binding.argv.join(' ');
  const pending = (await approvals.list({ status: 'pending', limit: LOOKED_AT })).filter(of);
  const waiting = pending.find(same);
  if (waiting !== undefined) return waiting.id;
  if (pending.length >= MAX_ASKED) return 'no';
  const since = clock.now() - AGAIN_MS;
  for (const status of ['denied', 'expired'] as const) {
    const ended = await approvals.list({ status, limit: LOOKED_AT });
    if (ended.some((record) => record.createdAt > since && same(record))) return 'no';
  }
  return undefined;
}

/** What opens the destination of an approval, and nothing else. */
function grantOf(
  { config }: Pick<AskParts, 'config'>,
  { argv, agent, session }: ApprovalRecord['binding'],
  principal: string,
  durationMs: number,
  owner: string,
  approval: string,
): GrantRequest {
  const [host = '', port = ''] = argv;
  const playbook = config.current().agents.get(agent)?.playbook ?? '';
  return {
    kind: 'net.connect',
    match: { host: [host], port: [port] },
    layers: ['ceiling', `playbook:${playbook}`],
    subject: { agent, principal, ...(session === '' ? {} : { session }) },
    owner,
    ticket: approval === '' ? 'not asked yet' : `approval ${approval}`,
    reason: `asked for by a run of ${agent}`,
    durationMs,
  };
}

/**
 * Make the grant of an allowed destination, once: the approval is consumed first, so that a crash in between opens
 * nothing, and the next refusal asks again.
 *
 * @throws GRANT_* when grantPolicy changed meanwhile, or nothing can be recorded
 */
async function settle(parts: AskParts, record: ApprovalRecord): Promise<void> {
  const { approvals, grants, egress, config, clock, logger } = parts;
  if (record.binding.tool !== TOOL || record.status !== 'allowed') return;
  try {
    await approvals.consume(record.id, record.binding);
  } catch (thrown) {
    if (thrown instanceof GatehouseError && thrown.code === 'APPROVAL_CONSUMED') return;
    throw thrown;
  }
  const by = record.resolvedBy ?? 'nobody';
  const most = config.current().grantPolicy.maxHours * HOUR_MS;
  const standing = record.standingUntil === null ? ASKED_MS : record.standingUntil - clock.now();
  const principal = record.subject.principal;
  const wanted = grantOf(parts, record.binding, principal, Math.min(standing, most), by, record.id);
  await grants.allowed(wanted, `agent:${record.binding.agent}`, by);
  await egress.refreshGrants().catch((cause: unknown) => {
    logger.warn('egress looks at the grant later', { code: asGatehouseError(cause).code });
  });
}
