import { Type } from 'typebox';
import { FACT_SECTIONS } from '../../controls/trace/index.ts';
import { orNull, strict } from '../schema.ts';

export const BaselineSchema = strict(
  {
    number: Type.Integer(),
    at: Type.Number({ description: 'Unix milliseconds.' }),
    author: Type.String(),
    ticket: Type.String(),
    reason: Type.String(),
  },
  { description: 'What was approved: signed when it was made.' },
);

export const DifferenceSchema = strict({
  section: Type.Enum([...FACT_SECTIONS]),
  name: Type.String(),
  before: orNull(Type.String({ description: 'Null when it was not there.' })),
  after: orNull(Type.String({ description: 'Null when it is gone.' })),
});
