import type { VerifyReport } from '../../controls/trace/types.ts';
import { type Egress, type Finding, hostAndPort, type SandboxProbe } from '../../kernel/index.ts';
import type { MeasuredListener, PostureLine } from '../../operations/services.ts';
import type { Core } from '../core.ts';
import { probesInUse } from '../sandboxes.ts';

interface PostureFacts {
  readonly core: Core;
  readonly egress: Egress;
  readonly listeners: readonly MeasuredListener[];
  readonly findings: readonly Finding[];
  readonly ledger: VerifyReport;
}

/** D8's matrix in short: what is required, what was measured just now, and whether it holds. */
export async function measurePosture(facts: PostureFacts): Promise<readonly PostureLine[]> {
  return [
    listen(facts),
    await credentials(facts.core),
    await sessions(facts.core),
    await egress(facts),
    await execution(facts),
    await grants(facts.core),
    await budget(facts.core),
    ledger(facts.ledger),
  ];
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function listen({ listeners }: PostureFacts): PostureLine {
  const tcp = listeners.filter((listener) => listener.family !== 'unix');
  const strays = listeners.filter((listener) => !listener.declared);
  const places = tcp.map(hostAndPort).join(', ') || 'no TCP port';
  return {
    area: 'listen',
    required: 'only what is declared, loopback unless granted',
    measured: strays.length === 0 ? places : `${places}; NOT declared: ${strays.map(hostAndPort).join(', ')}`,
    holds: strays.length === 0,
  };
}

async function credentials({ auth }: Core): Promise<PostureLine> {
  const now = Date.now();
  const live = (await auth.listTokens()).filter(
    (token) => token.revokedAt === null && (token.expiresAt === null || token.expiresAt > now),
  );
  const administrators = live.filter((token) => token.scopes.includes('operator.admin')).length;
  return {
    area: 'credentials',
    required: 'no shared secret; digests only',
    measured: `${counted(live.length, 'token')}, ${administrators} with operator.admin, stored as SHA-256 digests`,
    holds: true,
  };
}

async function sessions({ sessions: store }: Core): Promise<PostureLine> {
  const { total } = await store.list({ limit: 1 });
  return {
    area: 'sessions',
    required: 'one space per principal',
    measured: `${total} stored; a key is an address inside its principal's space`,
    holds: true,
  };
}

async function egress({ egress: client, findings }: PostureFacts): Promise<PostureLine> {
  const status = await client.status().catch(() => undefined);
  const dials = findings.some((finding) => finding.id === 'listen.gateway-dials');
  if (status === undefined) {
    return {
      area: 'egress',
      required: 'one process is the only way out',
      measured: 'egress does not answer',
      holds: false,
    };
  }
  const secrets = status.secrets.filter((secret) => secret.available).length;
  return {
    area: 'egress',
    required: 'one process is the only way out',
    measured: `process ${status.pid}, policy ${status.policyHash.slice(0, 12)}, ${counted(secrets, 'secret')}; the gateway has ${dials ? 'CONNECTIONS OF ITS OWN' : 'no outbound connection'}`,
    holds: !dials,
  };
}

function measuredText({ backend, version, available, features }: SandboxProbe): string {
  if (!available) return `${backend} does not work: tools are refused`;
  const missing = Object.entries(features).filter(([, { holds }]) => !holds);
  const detail =
    missing.length === 0
      ? 'every limit measured to hold'
      : `NOT held here: ${missing.map(([name]) => name).join(', ')}`;
  return `${backend} ${version}; ${detail}`;
}

async function execution({ core }: PostureFacts): Promise<PostureLine> {
  const probes = await probesInUse(core);
  return {
    area: 'execution',
    required: 'a sandbox for everything a model asks for',
    measured: probes.map(measuredText).join('; '),
    holds: probes.every(({ available }) => available),
  };
}

/** An emergency opening is the one widening that is never meant to be there (D7). */
async function grants({ grants: service, config }: Core): Promise<PostureLine> {
  const made = (await service.list()).filter(({ status }) => status === 'active');
  const emergency = made.filter(({ breakglass }) => breakglass).length;
  const own = new Set(made.map(({ id }) => id));
  const configured = new Set(
    config
      .current()
      .ceiling.grants.map(({ id }) => id)
      .filter((id) => !own.has(id)),
  );
  const next = made.map(({ expiresAt }) => expiresAt).sort((a, b) => a - b)[0];
  const until = next === undefined ? '' : `, the next ends ${new Date(next).toISOString()}`;
  const broken = emergency === 0 ? '' : `; ${emergency} OPENED IN AN EMERGENCY`;
  return {
    area: 'grants',
    required: 'every widening has an owner, a ticket and an end',
    measured: `${counted(made.length, 'grant')} by command${until}, ${configured.size} in the configuration${broken}`,
    holds: emergency === 0,
  };
}

async function budget({ budget: service, config }: Core): Promise<PostureLine> {
  const lines = await service.show();
  const models = config
    .current()
    .providers.flatMap(({ id, models: offered }) => offered.map((model) => `${id}/${model.id}`));
  const unpriced = service.unpriced(models);
  const worst = lines.toSorted((a, b) => b.used / b.limit - a.used / a.limit)[0];
  const share = worst === undefined ? 0 : Math.round((worst.used / Math.max(worst.limit, 1e-6)) * 100);
  const most =
    worst === undefined ? '' : `; the most used: ${worst.scope} ${worst.measure}/${worst.period} ${share} %`;
  return {
    area: 'budget',
    required: 'reserved before use, refused past a limit',
    measured:
      unpriced.length > 0
        ? `money is limited and these models have no price: ${unpriced.slice(0, 3).join(', ')}`
        : `${counted(lines.length, 'limit')}${most}`,
    holds: unpriced.length === 0,
  };
}

function ledger(report: VerifyReport): PostureLine {
  return {
    area: 'ledger',
    required: 'hash chain, signed checkpoints',
    measured: report.ok
      ? `${counted(report.records, 'record')} and ${counted(report.checkpoints, 'checkpoint')} verified`
      : `${counted(report.problems.length, 'problem')}; see ledger verify`,
    holds: report.ok,
  };
}
