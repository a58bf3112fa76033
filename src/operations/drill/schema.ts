import { type Static, Type } from 'typebox';
import { orNull, strict } from '../schema.ts';

const Status = Type.Enum(['passed', 'failed', 'not-applicable']);
const Ms = (description: string) => orNull(Type.Number({ description }));

const AttemptSchema = strict({
  tried: Type.String(),
  refusedBy: orNull(strict({ code: Type.String(), rule: Type.String() })),
  event: orNull(
    strict({
      writer: Type.String(),
      seq: Type.Integer(),
      action: Type.String(),
      code: Type.String(),
      ms: Type.Number({ description: 'From the attempt to the record.' }),
    }),
  ),
  alert: orNull(
    strict({
      rule: Type.String(),
      title: Type.String(),
      ms: Type.Number({ description: 'From the first attempt to the alert.' }),
    }),
  ),
  problems: Type.Array(Type.String(), { description: 'What is not as it must be.' }),
  note: Type.String(),
});

export const ResultSchema = strict({
  drill: Type.String(),
  title: Type.String(),
  status: Status,
  why: Type.String({ description: 'Why it failed, or cannot run here.' }),
  attempts: Type.Array(AttemptSchema),
  noEvent: Type.String({ description: 'Why by design no record follows; empty where one must.' }),
  noAlert: Type.String({ description: 'Why by design no alert follows; empty where one must.' }),
  detectMs: Ms(
    'Milliseconds until somebody was told, or until it was on record where no alert is meant to follow.',
  ),
  recoverMs: Ms('Milliseconds from the end of the attempts until everything was as before.'),
});

export const SummaryFields = {
  run: Type.String(),
  startedAt: Type.Number({ description: 'Unix milliseconds.' }),
  durationMs: Type.Number(),
  by: Type.String(),
  scheduled: Type.Boolean(),
  passed: Type.Integer(),
  failed: Type.Integer(),
  notApplicable: Type.Integer(),
  ok: Type.Boolean({ description: 'Something was proven and nothing failed.' }),
};

export const PastResultSchema = strict({
  run: Type.String(),
  at: Type.Number({ description: 'Unix milliseconds.' }),
  drill: Type.String(),
  status: Status,
  why: Type.String(),
  code: Type.String(),
  rule: Type.String(),
  detectMs: Ms('Milliseconds.'),
  recoverMs: Ms('Milliseconds.'),
});

export type ListedDrill = Static<typeof ListedSchema>;

export const ListedSchema = strict({
  drill: Type.String(),
  title: Type.String(),
  requirements: Type.Array(Type.String()),
  attacks: Type.Array(Type.Integer(), { description: 'Lines of the catalogue of attacks.' }),
  codes: Type.Array(Type.String(), { description: 'One of them must refuse it.' }),
  event: orNull(Type.String({ description: 'Record of the ledger that must follow.' })),
  alert: orNull(Type.String({ description: 'Alert that must follow.' })),
  noEvent: Type.String({ description: 'Why no record is meant to follow, where none is.' }),
  noAlert: Type.String({ description: 'Why no alert is meant to follow, where none is.' }),
});
