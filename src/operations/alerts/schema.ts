import { Type } from 'typebox';
import { ALERT_STATES, MESSAGE_KINDS } from '../../controls/alerting/types.ts';
import { orNull, SubjectSchema, strict } from '../schema.ts';

export const AlertState = Type.Enum([...ALERT_STATES], {
  description:
    'told: somebody was told; repeated: the same had been told shortly before; acknowledged: somebody has taken it; silenced, drill, unwanted: on purpose not told; new: not looked at yet.',
});

export const AlertSchema = strict({
  writer: Type.String({ description: 'The process that raised it.' }),
  seq: Type.Integer({ description: 'Its record in the ledger, together with the writer.' }),
  at: Type.Number({ description: 'Unix milliseconds.' }),
  rule: Type.String({ description: 'What fired, for example auth.spike.' }),
  code: Type.String(),
  severity: Type.Enum(['critical', 'high', 'warning']),
  title: Type.String(),
  fix: Type.String({ description: 'What to do next.' }),
  key: Type.Optional(Type.String({ description: 'What makes alerts of one rule the same.' })),
  repeats: Type.Integer({ description: 'How often it happened since the one before, without being told.' }),
  subject: Type.Optional(SubjectSchema),
  drill: Type.Optional(Type.String({ description: 'Run of drills that provoked it on purpose.' })),
  data: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

export const DetailsSchema = strict({
  alert: AlertSchema,
  state: AlertState,
  acknowledged: orNull(strict({ by: Type.String(), at: Type.Number(), note: Type.String() })),
  count: Type.Integer({ description: 'How often this has been raised since it was first seen.' }),
  deliveries: Type.Array(
    strict({
      id: Type.String(),
      destination: Type.String(),
      kind: Type.Enum([...MESSAGE_KINDS]),
      status: Type.Enum(['pending', 'handed', 'held', 'sent', 'failed']),
      attempts: Type.Integer(),
      createdAt: Type.Number(),
      endedAt: orNull(Type.Number()),
      reason: orNull(Type.String()),
    }),
  ),
  message: Type.String({ description: 'What people are told, word for word.' }),
});

export const SilenceSchema = strict({
  id: Type.Integer(),
  rule: Type.String(),
  by: Type.String(),
  ticket: Type.String(),
  reason: Type.String(),
  createdAt: Type.Number(),
  until: Type.Number({ description: 'Unix milliseconds; over by itself.' }),
});
