import { Type } from 'typebox';
import { GRANTABLE_KINDS, MAX_GRANT_HOURS } from '../../controls/grants/index.ts';
import { milliseconds, name, orNull, strict, text } from '../schema.ts';

const HOUR_MS = 3_600_000;
const MAX_REASON_CHARS = 1_000;
const MAX_MATCH = 64;
const MAX_PAIR_CHARS = 1_100;

export const GrantSchema = strict({
  id: Type.String(),
  status: Type.Enum(['waiting', 'active', 'ended']),
  kind: Type.String(),
  match: Type.Record(Type.String(), Type.Array(Type.String())),
  layers: Type.Array(Type.String(), { description: 'What is widened; an action needs every layer.' }),
  subject: strict({
    agent: Type.Optional(Type.String()),
    session: Type.Optional(Type.String()),
    principal: Type.Optional(Type.String()),
  }),
  owner: Type.String(),
  ticket: Type.String(),
  reason: Type.String(),
  breakglass: Type.Boolean({ description: 'Made in an emergency, without a second person.' }),
  requestedBy: Type.String(),
  approvedBy: orNull(Type.String()),
  createdAt: Type.Number({ description: 'Unix milliseconds.' }),
  expiresAt: Type.Number({ description: 'Unix milliseconds; while it waits, when the request lapses.' }),
  remainingMs: Type.Number({ description: 'Most that was left when somebody last looked.' }),
  durationMs: Type.Number({ description: 'How long it was asked for.' }),
  endedAt: orNull(Type.Number()),
  endedBy: orNull(Type.String({ description: '`expiry`, or who ended it.' })),
});

export const OpensSchema = strict(
  {
    effect: Type.Enum(['allow', 'ask', 'deny']),
    rule: Type.String(),
    reason: Type.String(),
  },
  { description: 'What is decided about it now; a rule that denies stands above any grant.' },
);

/** What every way of granting asks for. */
export const GrantNote = {
  ticket: text('Ticket that asked for it.', 200),
  reason: text('Why, in one line.', MAX_REASON_CHARS),
  owner: Type.Optional(name('Who answers for it; the caller when absent.')),
  session: Type.Optional(name('Only in this session, by its id; in all sessions of the agent when absent.')),
};

export const ForMs = milliseconds('Ends by itself after this time.', MAX_GRANT_HOURS * HOUR_MS);

export const WidenInput = {
  kind: Type.Enum([...GRANTABLE_KINDS], { description: 'Kind of action.' }),
  match: Type.Array(Type.String({ minLength: 3, maxLength: MAX_PAIR_CHARS }), {
    description: 'Exactly what is opened, as ATTRIBUTE=VALUE, for example host=api.example.org,port=443.',
    minItems: 1,
    maxItems: MAX_MATCH,
  }),
  agent: Type.Optional(name('For which agent; the default agent when absent.')),
  ...GrantNote,
};

/** Whom a widening is for and why, as the caller said it. */
export interface WidenFields {
  readonly agent?: string;
  readonly session?: string;
  readonly owner?: string;
  readonly ticket: string;
  readonly reason: string;
}

export const GRANT_ERRORS = [
  'GRANT_KIND_REFUSED',
  'GRANT_TOO_WIDE',
  'GRANT_VALUE_INVALID',
  'GRANT_TOO_LONG',
  'GRANT_NOT_PERMITTED',
  'GRANT_LIMIT',
  'GRANT_NOT_RECORDED',
  'OP_AGENT_UNKNOWN',
] as const;
