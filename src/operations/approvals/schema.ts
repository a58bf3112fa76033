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

export const ApprovalResult = strict({ approval: ApprovalSchema });
