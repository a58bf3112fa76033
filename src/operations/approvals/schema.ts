import { Type } from 'typebox';
import { orNull, SubjectSchema, strict } from '../schema.ts';

const Text = Type.String();

const Binding = strict(
  {
    tool: Text,
    argv: Type.Array(Text),
    cwd: Text,
    env: Type.Record(Text, Text),
    files: Type.Record(Text, Text, { description: 'SHA-256 by path, or `absent`.' }),
    sandbox: Type.String({ description: 'Digest of mounts, limits and backend.' }),
    agent: Text,
    session: Text,
  },
  { description: 'Everything the approval is bound to; a difference is a different action.' },
);

export const DecisionSchema = Type.Enum(['allow-once', 'allow-always', 'deny']);
export const StatusSchema = Type.Enum(['pending', 'allowed', 'denied', 'expired', 'cancelled', 'consumed']);

export const ApprovalSchema = strict({
  id: Text,
  bindingHash: Text,
  binding: Binding,
  commandText: Type.String({ description: 'In full, invisible characters made visible.' }),
  title: Text,
  diff: orNull(Type.String({ description: 'Unified diff of the file that would change.' })),
  reach: orNull(
    strict(
      {
        hosts: Type.Array(Text),
        network: Type.Boolean({ description: 'Whether it has a way out to the hosts of the agent.' }),
        reads: Type.Array(Text),
        writes: Type.Array(Text),
      },
      { description: 'What the action names that it could touch.' },
    ),
  ),
  batch: orNull(Type.String({ description: 'Asked for together; can be answered together.' })),
  people: Type.Integer({ description: 'How many different people must allow it.' }),
  allowedBy: Type.Array(Text, { description: 'Who has allowed it so far.' }),
  standingUntil: orNull(
    Type.Number({ description: 'Until when the same action goes on, Unix milliseconds.' }),
  ),
  reason: Text,
  rule: Text,
  subject: SubjectSchema,
  status: StatusSchema,
  createdAt: Type.Number({ description: 'Unix milliseconds.' }),
  expiresAt: Type.Number({ description: 'Unix milliseconds.' }),
  resolvedAt: orNull(Type.Number()),
  resolvedBy: orNull(Text),
  decision: orNull(DecisionSchema),
});

export const DurationText = Type.String({
  pattern: '^[1-9][0-9]{0,4}[smhd]$',
  description: 'For how long, such as 90s, 30m, 4h or 7d.',
});

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export function durationMs(text: string): number {
  return Number(text.slice(0, -1)) * (UNIT_MS[text.slice(-1)] ?? 0);
}

export const StandingSchema = strict(
  {
    name: Text,
    agent: Text,
    pattern: Type.String({ description: 'Words of a command; `*` is one plain word that is no option.' }),
    reason: Text,
    createdAt: Type.Number(),
    createdBy: Text,
    expiresAt: Type.Number({ description: 'Unix milliseconds.' }),
    revokedAt: orNull(Type.Number()),
    revokedBy: orNull(Text),
    used: Type.Integer(),
    lastUsedAt: orNull(Type.Number()),
  },
  { description: 'A narrow answer that stands until it ends.' },
);

export const ApprovalResult = strict({ approval: ApprovalSchema });
