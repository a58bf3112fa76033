import type { CliIo, CliParts } from './io.ts';
import type { Output } from './output.ts';
import type { Invoke } from './session.ts';

/** What every command gets. */
export interface Command {
  readonly io: CliIo;
  readonly parts: CliParts;
  readonly output: Output;
  readonly invoke: Invoke;
}
