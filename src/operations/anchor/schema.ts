import { Type } from 'typebox';
import { strict } from '../schema.ts';

export const CheckpointSchema = strict({
  payload: Type.String({ minLength: 1, maxLength: 65_536, description: 'The text that was signed.' }),
  keyId: Type.String({ minLength: 1, maxLength: 64 }),
  signature: Type.String({ minLength: 1, maxLength: 128 }),
});
