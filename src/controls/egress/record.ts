import { type Decision, GatehouseError, type Ledger, type Subject } from '../../kernel/index.ts';
import { ASK_FOR_A_RULE, EGRESS_CODES, type EgressCode } from './codes.ts';
import type { Passage, Via } from './passage.ts';
import type { Target } from './types.ts';

/** Characters of a hostile target that are kept in a record. */
const MAX_RAW = 256;

/** A refusal by one of egress's own codes, naming the rule that let the request come this far. */
export function codedRefusal(
  code: EgressCode,
  target: Target | undefined,
  decision?: Decision,
  message?: string,
  cause?: unknown,
): GatehouseError {
  return EGRESS_CODES.error(code, message, {
    details: {
      rule: decision?.rule ?? '(none)',
      ...(decision === undefined ? {} : { authorityHash: decision.authorityHash }),
      ...(target === undefined ? {} : { host: target.host, port: target.port }),
    },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** A refusal by the kernel: its code, its rule, and how to ask (E8). */
export function decisionRefusal(decision: Decision, target: Target): GatehouseError {
  return new GatehouseError(decision.code, `${target.host}:${target.port}: ${decision.reason}`, {
    fix: ASK_FOR_A_RULE,
    status: 403,
    details: {
      rule: decision.rule,
      host: target.host,
      port: target.port,
      effect: decision.effect,
      authorityHash: decision.authorityHash,
    },
  });
}

export interface RefusedConnection {
  readonly subject: Subject;
  readonly refusal: GatehouseError;
  /** The target as sent, when it was not even well-formed. */
  readonly raw?: string;
}

/**
 * Write the decision before it takes effect.
 *
 * @throws EGRESS_RECORD_FAILED when it is not on disk.
 */
export async function recordDecision(
  ledger: Ledger,
  what: Passage | RefusedConnection,
  via: Via,
  extra: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const event = 'refusal' in what ? refusalEvent(what, via) : admissionEvent(what, via);
  try {
    await ledger.append({ ...event, data: { ...event.data, ...extra } });
  } catch (cause) {
    throw EGRESS_CODES.error('EGRESS_RECORD_FAILED', undefined, { cause });
  }
}

function admissionEvent({ subject, target, decision, rule, grant, addresses }: Passage, via: Via) {
  return {
    type: 'egress',
    action: 'net.connect',
    outcome: 'allow',
    code: decision.code,
    rule: decision.rule,
    subject,
    authorityHash: decision.authorityHash,
    data: {
      via,
      host: target.host,
      port: target.port,
      class: rule?.spec.class ?? 'other',
      ...(grant === undefined ? {} : { grant }),
      addresses: addresses.map(({ address }) => address),
    },
  } as const;
}

function refusalEvent({ subject, refusal, raw }: RefusedConnection, via: Via) {
  const { rule, effect, authorityHash, ...facts } = refusal.details;
  return {
    type: 'egress',
    action: 'net.connect',
    outcome: effect === 'ask' ? 'ask' : 'deny',
    code: refusal.code,
    rule: typeof rule === 'string' ? rule : '(none)',
    subject,
    ...(typeof authorityHash === 'string' ? { authorityHash } : {}),
    data: { via, ...facts, ...(raw === undefined ? {} : { raw: raw.slice(0, MAX_RAW) }) },
  } as const;
}

export interface ClosedConnection {
  readonly address?: string;
  readonly sent: number;
  readonly received: number;
  readonly code?: string;
  readonly ms: number;
}

/** Write how a connection ended. Its beginning is already on record, so a failure here changes nothing. */
export async function recordClosed(
  ledger: Ledger,
  { subject, target, decision, rule, grant }: Passage,
  via: Via,
  { code, ...facts }: ClosedConnection,
): Promise<void> {
  const event = {
    type: 'egress',
    action: 'net.closed',
    outcome: code === undefined ? 'success' : 'failure',
    ...(code === undefined ? {} : { code }),
    rule: decision.rule,
    subject,
    data: {
      via,
      host: target.host,
      port: target.port,
      class: rule?.spec.class ?? 'other',
      ...(grant === undefined ? {} : { grant }),
      ...facts,
    },
  } as const;
  await ledger.append(event, { patient: true }).catch(() => undefined);
}

/** One request inside an intercepted tunnel, as it may be told: without query, bounded. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly rule: string;
  readonly secrets: readonly string[];
}

/**
 * Write that a request is allowed, and each secret that it carries, before it leaves.
 *
 * @throws EGRESS_RECORD_FAILED
 */
export async function recordRequest(
  ledger: Ledger,
  { subject, target, decision }: Passage,
  request: RecordedRequest,
  uses: readonly { readonly secret: string; readonly decision: Decision }[],
): Promise<void> {
  const { method, path, rule, secrets } = request;
  const { host, port } = target;
  const facts = { via: 'intercepted', host, port };
  const data = {
    ...facts,
    method,
    path: path.slice(0, MAX_RAW),
    ...(secrets.length === 0 ? {} : { secrets }),
  };
  const { authorityHash } = decision;
  const events = [
    { type: 'egress', action: 'net.request', outcome: 'allow', rule, subject, authorityHash, data } as const,
    ...uses.map(({ secret, decision: used }) => ({
      type: 'decision' as const,
      action: 'secret.use',
      outcome: used.effect,
      code: used.code,
      rule: used.rule,
      subject,
      authorityHash: used.authorityHash,
      data: { secret, ...facts },
    })),
  ];
  try {
    await Promise.all(events.map((event) => ledger.append(event)));
  } catch (cause) {
    throw EGRESS_CODES.error('EGRESS_RECORD_FAILED', undefined, { cause });
  }
}
