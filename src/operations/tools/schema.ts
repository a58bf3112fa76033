import { Type } from 'typebox';
import { strict } from '../schema.ts';

export const ToolOutcomeSchema = strict({
  isError: Type.Boolean({ description: 'Whether the tool failed or was refused.' }),
  text: Type.String({ description: 'What the tool answered.' }),
  code: Type.Optional(Type.String({ description: 'Why it was refused or failed.' })),
  requiresApproval: Type.Optional(Type.String({ description: 'Id of the approval that it waits for.' })),
  details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
