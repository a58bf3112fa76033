import { Type } from 'typebox';
import { orNull, strict } from '../schema.ts';

export const ListenerSchema = strict({
  pid: Type.Integer(),
  process: Type.String(),
  family: Type.Enum(['tcp4', 'tcp6', 'unix']),
  address: Type.String(),
  port: orNull(Type.Integer()),
  plane: Type.String(),
  declared: Type.Boolean({ description: 'Whether the configuration says so.' }),
});
