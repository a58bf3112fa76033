import { Type } from 'typebox';
import { HONEYTOKEN_KINDS } from '../../controls/secrets/types.ts';
import { strict } from '../schema.ts';

export const HoneytokenFields = {
  id: Type.String(),
  kind: Type.Enum([...HONEYTOKEN_KINDS]),
  agent: Type.String(),
  path: Type.String({ description: 'Where it lies on this machine.' }),
  at: Type.Number({ description: 'Unix milliseconds.' }),
  by: Type.String(),
  note: Type.String(),
};

export const HoneytokenSchema = strict(HoneytokenFields);
