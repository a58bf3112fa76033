import { Type } from 'typebox';
import { strict } from '../schema.ts';

export const InstanceSchema = strict({
  name: Type.String(),
  home: Type.String(),
  port: Type.Integer({ description: 'For users; webhooks, administration and metrics are the next three.' }),
  unit: Type.String(),
  logPrefix: Type.String({ description: 'What its lines in the journal begin with.' }),
  running: Type.Boolean({ description: 'Whether its gateway answers now.' }),
  unitText: Type.String({ description: 'A unit of systemd for it.' }),
});
