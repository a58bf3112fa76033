import { Type } from 'typebox';
import { permit } from '../access.ts';
import type { Caller, OperationContext } from '../define.ts';
import { strict } from '../schema.ts';

export const IssueSchema = strict(
  {
    path: Type.String({ description: 'Dotted path; empty for the file as a whole.' }),
    code: Type.String(),
    message: Type.String(),
    nearest: Type.Optional(Type.String({ description: 'The known key that was probably meant.' })),
    fix: Type.String(),
    file: Type.Optional(Type.String()),
    line: Type.Optional(Type.Integer()),
  },
  { description: 'One thing that is wrong.' },
);

export const SnapshotSchema = strict(
  {
    number: Type.Integer(),
    hash: Type.String({ description: 'SHA-256 of the effective configuration.' }),
    at: Type.Number({ description: 'Unix milliseconds.' }),
    author: Type.String(),
    ticket: Type.String(),
    reason: Type.String(),
  },
  { description: 'One applied configuration.' },
);

/** Author from the transport, the rest as the caller says. */
export function changeBy(caller: Caller, note: { readonly ticket?: string; readonly reason?: string }) {
  return { author: caller.principal.id, ticket: note.ticket ?? '', reason: note.reason ?? '' };
}

/**
 * Decide a change of one path; `/` stands for the configuration as a whole.
 *
 * @throws CONFIG_CHANGE_NOT_ALLOWED or another decision code
 */
export async function permitChange(context: OperationContext<never>, path: string): Promise<void> {
  await permit(
    context,
    { kind: 'config.change', path },
    {
      message: 'you may not change this part of the configuration',
      fix: 'Ask an operator whose rights cover it, or change it in gatehouse.json on the machine.',
    },
  );
}
