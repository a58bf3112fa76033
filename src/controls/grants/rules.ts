import { createHash } from 'node:crypto';
import { type ActionKind, ATTRIBUTES, type GatehouseError, matches } from '../../kernel/index.ts';
import { GRANT_CODES } from './codes.ts';
import type { GrantPolicy, GrantRecord, GrantRequest } from './types.ts';

/** What must be named for each kind that a command may grant. The others are policy, and stand in files. */
const REQUIRED: Readonly<Partial<Record<ActionKind, readonly string[]>>> = {
  'net.connect': ['host', 'port'],
  'tool.call': ['tool'],
  exec: ['command'],
  'file.read': ['path'],
  'file.write': ['path'],
  'message.send': ['channel', 'recipient'],
  'listen.open': ['plane', 'address'],
};

export const GRANTABLE_KINDS = Object.keys(REQUIRED) as readonly ActionKind[];

/** Longest time of any grant, whatever grantPolicy says, in hours. */
export const MAX_GRANT_HOURS = 2_160;
const MAX_VALUES = 20;
const MAX_VALUE_CHARS = 1_000;
const MAX_TEXT = 1_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** Says what is wrong with a value, or its canonical form; the controls that own the values answer. */
export type JudgeValue = (
  kind: ActionKind,
  attribute: string,
  value: string,
) => { readonly value: string } | { readonly problem: string };

function tooWide(message: string): GatehouseError {
  return GRANT_CODES.error('GRANT_TOO_WIDE', message);
}

/**
 * The request with its values in canonical form, or why it cannot be granted.
 *
 * @throws GRANT_KIND_REFUSED, GRANT_TOO_WIDE, GRANT_VALUE_INVALID, GRANT_TOO_LONG, GRANT_NOT_PERMITTED
 */
export function judgeRequest(
  request: GrantRequest,
  policy: GrantPolicy,
  judge: JudgeValue,
  breakglass: boolean,
): GrantRequest {
  const match = judgeMatch(request, judge);
  for (const field of ['owner', 'ticket', 'reason'] as const) {
    const text = request[field].trim();
    if (text === '' || text.length > MAX_TEXT) {
      throw GRANT_CODES.error('GRANT_VALUE_INVALID', `${field} is missing or too long`);
    }
  }
  if (request.layers.length === 0) throw tooWide('the grant names no layer');
  if (request.kind !== 'listen.open' && request.subject.agent === undefined) {
    throw tooWide('the grant names no agent');
  }
  judgePermission({ ...request, match }, policy, breakglass);
  return { ...request, match };
}

function judgeMatch({ kind, match }: GrantRequest, judge: JudgeValue): GrantRequest['match'] {
  const required = REQUIRED[kind];
  if (required === undefined) {
    throw GRANT_CODES.error('GRANT_KIND_REFUSED', `${kind} is never granted by a command`);
  }
  const known: Readonly<Record<string, unknown>> = ATTRIBUTES[kind].match;
  for (const attribute of required) {
    if ((match[attribute] ?? []).length === 0) throw tooWide(`${kind} needs ${attribute}`);
  }
  return Object.fromEntries(
    Object.entries(match).map(([attribute, values]) => {
      if (!Object.hasOwn(known, attribute)) {
        throw GRANT_CODES.error('GRANT_VALUE_INVALID', `${kind} has no ${attribute}`);
      }
      if (values.length === 0 || values.length > MAX_VALUES) {
        throw tooWide(`${attribute} needs 1 to ${MAX_VALUES} values`);
      }
      return [attribute, values.map((value) => judgeOne(kind, attribute, value, judge))];
    }),
  );
}

function judgeOne(kind: ActionKind, attribute: string, value: string, judge: JudgeValue): string {
  if (value.includes('*') && !(kind.startsWith('file.') && value.endsWith('/**'))) {
    throw tooWide(`${attribute}: ${JSON.stringify(value)} stands for more than one thing`);
  }
  if (value === '' || value.length > MAX_VALUE_CHARS || /[\u0000-\u001f\u007f]/.test(value)) {
    throw GRANT_CODES.error('GRANT_VALUE_INVALID', `${attribute} is empty, too long or no plain text`);
  }
  const judged = judge(kind, attribute, value);
  if ('value' in judged) return judged.value;
  throw GRANT_CODES.error('GRANT_VALUE_INVALID', `${attribute}: ${judged.problem}`);
}

/** What the install allows, checked again by egress for every stored grant: a stored row proves nothing. */
function judgePermission(request: GrantRequest, policy: GrantPolicy, breakglass: boolean): void {
  const { kind, match, durationMs } = request;
  const longest = breakglass
    ? policy.breakglass.maxMinutes * MINUTE_MS
    : Math.min(policy.maxHours, MAX_GRANT_HOURS) * HOUR_MS;
  if (!(durationMs > 0) || durationMs > longest) {
    throw GRANT_CODES.error('GRANT_TOO_LONG', `at most ${describeMs(longest)} can be granted`);
  }
  if (breakglass) {
    if (policy.breakglass.enabled) return;
    throw GRANT_CODES.error('GRANT_NOT_PERMITTED', 'grantPolicy.breakglass.enabled is false');
  }
  if (!policy.enabled) throw GRANT_CODES.error('GRANT_NOT_PERMITTED', 'grantPolicy.enabled is false');
  if (!policy.kinds.includes(kind)) {
    throw GRANT_CODES.error('GRANT_NOT_PERMITTED', `grantPolicy.kinds does not hold ${kind}`);
  }
  const { hosts } = policy;
  if (kind !== 'net.connect' || hosts === undefined) return;
  const outside = (match['host'] ?? []).find(
    (host) => !hosts.some((pattern) => matches('host', pattern, host)),
  );
  if (outside !== undefined) {
    throw GRANT_CODES.error('GRANT_NOT_PERMITTED', `grantPolicy.hosts does not hold ${outside}`);
  }
}

export function describeMs(ms: number): string {
  if (ms % HOUR_MS === 0) return `${ms / HOUR_MS} hours`;
  return `${Math.round(ms / MINUTE_MS)} minutes`;
}

/**
 * Why a stored grant must not be honoured; undefined when it holds up. Nothing is taken from the row on trust: it has
 * to be one that this install's policy would still allow, by another person where two are needed.
 */
export function grantProblem(
  record: GrantRecord,
  policy: GrantPolicy,
  judge: JudgeValue,
): string | undefined {
  try {
    const judged = judgeRequest(record, policy, judge, record.breakglass);
    if (JSON.stringify(judged.match) !== JSON.stringify(record.match)) return 'its values are not canonical';
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : 'it is malformed';
  }
  if (record.expiresAt - record.createdAt !== record.durationMs) return 'its times do not fit together';
  const alone = record.approvedBy === null || record.approvedBy === record.requestedBy;
  if (policy.twoPersons && !record.breakglass && alone) return 'nobody else has approved it';
  return undefined;
}

/** What a grant says, without what changes while it is in force; the ledger holds this digest. */
export function grantDigest(record: GrantRecord): string {
  const { id, kind, match, layers, subject, owner, ticket, reason, breakglass } = record;
  const { requestedBy, approvedBy, createdAt, expiresAt, durationMs } = record;
  const sorted = Object.entries(match).sort(([a], [b]) => (a < b ? -1 : 1));
  const { agent = null, session = null, principal } = subject;
  const fixed = [id, kind, sorted, layers, agent, session, owner, ticket, reason, breakglass];
  const whose = principal === undefined ? [] : [principal];
  const text = JSON.stringify([
    ...fixed,
    requestedBy,
    approvedBy,
    createdAt,
    expiresAt,
    durationMs,
    ...whose,
  ]);
  return createHash('sha256').update(text).digest('hex');
}

/** Under which trace the ledger holds everything about a grant. */
export function grantTrace(id: string): string {
  return `grant:${id}`;
}
