import {
  classifyAddress,
  EGRESS_CODES,
  type Gate,
  judgeUrl,
  type Mail,
  type MailDestination,
} from '../../controls/egress/index.ts';
import type { RunSecretStore, SecretStore } from '../../controls/secrets/index.ts';
import type {
  EgressIdentity,
  EgressStatus,
  EgressVerdict,
  ExportStatus,
  GatehouseError,
  Rehearsal,
  RunSecretsReport,
} from '../../kernel/index.ts';
import { asGatehouseError } from '../../kernel/index.ts';
import type { ControlHandlers } from './control-server.ts';
import type { Interceptor } from './interception.ts';
import type { EgressPolicies } from './policies.ts';
import type { RunRegistry } from './run-registry.ts';
import type { SigningKey } from './signing-key.ts';

/** Characters of one identity field, and bytes of one checkpoint. */
const MAX_IDENTITY = 256;
const MAX_CHECKPOINT = 65_536;

export interface HandlerParts {
  readonly version: string;
  readonly key: SigningKey;
  readonly gate: Gate;
  readonly runs: RunRegistry;
  readonly secrets: SecretStore;
  readonly runSecrets: RunSecretStore;
  readonly interceptor: Interceptor;
  loadHoneytokens(): void;
  exports(): readonly ExportStatus[];
  policies(): EgressPolicies;
  onHello(gateway: { readonly pid: number; readonly ports: readonly number[] }): void;
  reload(): Promise<void>;
  /** Look at the stored grants now; the gateway says when, never what. */
  refreshGrants(): Promise<void>;
  sendMail(destination: MailDestination, mail: Mail): Promise<void>;
}

type Params = Readonly<Record<string, unknown>>;

/** What the gateway may ask for. None of it returns a secret or a key. */
export function controlHandlers(parts: HandlerParts): ControlHandlers {
  return {
    hello(params) {
      parts.onHello({ pid: Number(params['pid']) || 0, ports: portsOf(params['ports']) });
      return { pid: process.pid, version: parts.version, policyHash: parts.policies().hash };
    },
    openRun: (params) =>
      parts.runs.open(identityOf(params), secretNames(params['secrets']), allowanceOf(params['bytes'])),
    rehearse: (params) =>
      parts.runs.open(identityOf(params), [], { rehearsal: rehearsalOf(params['rehearsal']) }),
    closeRun: (params) => parts.runs.close(text(params, 'run')),
    check: (params) => check(parts, String(params['url'] ?? ''), String(params['agent'] ?? '')),
    sign(params) {
      const checkpoint = Buffer.from(String(params['checkpoint'] ?? ''), 'base64');
      if (checkpoint.length === 0 || checkpoint.length > MAX_CHECKPOINT) {
        throw EGRESS_CODES.error('EGRESS_REQUEST_MALFORMED', 'a checkpoint has 1 to 65536 bytes');
      }
      return { keyId: parts.key.keyId, signature: parts.key.sign(checkpoint) };
    },
    status: (): EgressStatus => ({
      pid: process.pid,
      version: parts.version,
      policyHash: parts.policies().hash,
      secrets: parts.secrets.list(),
      openRuns: parts.runs.size,
      connections: parts.gate.connections,
    }),
    runSecrets: (): RunSecretsReport => ({
      secrets: parts.runSecrets.list(),
      authority: authorityOf(parts.interceptor),
    }),
    exports: () => parts.exports(),
    honeytokens: () => parts.loadHoneytokens(),
    reload: () => parts.reload(),
    grants: () => parts.refreshGrants(),
    verify(params) {
      const how = params['how'] === 'equal' ? 'equal' : 'hmac-sha256';
      return {
        valid: parts.secrets.verify(
          text(params, 'secret'),
          how,
          bytesOf(params),
          textsOf(params['presented']),
        ),
      };
    },
    async mail(params) {
      const name = text(params, 'destination');
      const destination = parts.policies().mail.find((one) => one.name === name);
      if (destination === undefined)
        throw EGRESS_CODES.error('EGRESS_MAIL_FAILED', 'there is no mail destination of this name');
      const [id, subject, body] = ['id', 'subject', 'text'].map((key) => String(params[key] ?? ''));
      await parts.sendMail(destination, { id: id ?? '', subject: subject ?? '', text: body ?? '' });
      return {};
    },
    mac: (params) => ({ mac: parts.secrets.mac(text(params, 'secret'), bytesOf(params)) }),
  };
}

function authorityOf(interceptor: Interceptor): RunSecretsReport['authority'] {
  const known = interceptor.known();
  return known === undefined ? null : { fingerprint: known.fingerprint, expires: known.expires };
}

/** What a budget set aside; anything that is no number allows nothing. */
function allowanceOf(value: unknown): { readonly bytes?: number } {
  if (value === undefined) return {};
  return { bytes: typeof value === 'number' && value > 0 ? value : 0 };
}

/** Secrets that one run may ask for. */
const MAX_RUN_SECRETS = 100;

function secretNames(value: unknown): readonly string[] {
  return textsOf(value).slice(0, MAX_RUN_SECRETS);
}

/** Bytes that are signed, at most 512 KiB. */
const MAX_SIGNED = 524_288;

function bytesOf(params: Params): Buffer {
  const bytes = Buffer.from(String(params['data'] ?? ''), 'base64');
  if (bytes.length <= MAX_SIGNED) return bytes;
  throw EGRESS_CODES.error('EGRESS_REQUEST_MALFORMED', 'at most 512 KiB can be signed or verified');
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function portsOf(value: unknown): readonly number[] {
  return Array.isArray(value) ? value.filter((port) => Number.isInteger(port)) : [];
}

function text(params: Params, name: string): string {
  const value = params[name];
  if (typeof value === 'string' && value.length > 0 && value.length <= MAX_IDENTITY) return value;
  throw EGRESS_CODES.error('EGRESS_RUN_INVALID', `${name} is missing or too long`);
}

function identityOf(params: Params): EgressIdentity {
  const optional: Record<string, string> = {};
  for (const name of ['session', 'tool', 'channel', 'sender']) {
    if (params[name] !== undefined) optional[name] = text(params, name);
  }
  return {
    principal: text(params, 'principal'),
    agent: text(params, 'agent'),
    run: text(params, 'run'),
    ...optional,
  };
}

function rehearsalOf(value: unknown): Rehearsal {
  const { host, answers } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const lists = Array.isArray(answers) ? answers.map(textsOf) : [];
  return { host: String(host ?? ''), answers: lists };
}

/** What a run of this agent would be told, without connecting. */
async function check(parts: HandlerParts, url: string, agent: string): Promise<EgressVerdict> {
  const judged = judgeUrl(url);
  if (!judged.ok) {
    const fix = /^[a-z]+:\/\/[^/?#]*@/i.test(url)
      ? 'Write the address without user name and @: the host is what stands behind it. A credential goes into a header.'
      : undefined;
    const refusal = EGRESS_CODES.error(judged.code, judged.message, fix === undefined ? {} : { fix });
    return verdictOf(refusal);
  }
  const { target } = judged.url;
  const found = target.literal === 0 ? undefined : classifyAddress(target.host);
  try {
    const policy = parts.policies().agents.get(agent);
    const subject = { principal: 'operator', agent };
    const { decision } = await parts.gate.check(policy, subject, target, 'check');
    return { effect: 'allow', code: decision.code, rule: decision.rule, reason: decision.reason, fix: '' };
  } catch (thrown) {
    const verdict = verdictOf(asGatehouseError(thrown));
    return found === undefined || found.public ? verdict : { ...verdict, fix: privateFix(found.kind) };
  }
}

/** No grant opens such an address, so nobody should be told to ask for one. */
function privateFix(kind: string): string {
  return kind === 'metadata'
    ? "This is a cloud's metadata service, which hands out the machine's credentials: leave it closed. No grant opens it."
    : `This address is not public (${kind}): no grant opens it. A rule in policy/egress.yaml that names its network does.`;
}

function verdictOf(refusal: GatehouseError): EgressVerdict {
  const { effect, rule } = refusal.details;
  return {
    effect: effect === 'ask' ? 'ask' : 'deny',
    code: refusal.code,
    rule: typeof rule === 'string' ? rule : '(none)',
    reason: refusal.message,
    fix: refusal.fix,
  };
}
