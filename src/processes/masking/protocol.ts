import type { OpenedMasks, Settled } from '../../controls/secrets/index.ts';
import type { Mount } from '../../kernel/index.ts';

/**
 * What the gateway asks the masker, over the channel that it was started with. Paths go over it, never values.
 * `wayOut`: the run has a socket at egress, which may want to hear of credentials. `exchange`:
 * it may do with files what it likes, and so they are exchanged and not covered.
 */
export type MaskerRequest = { readonly id: number } & (
  | {
      readonly op: 'open';
      readonly run: string;
      readonly mounts: readonly Mount[];
      readonly wayOut: boolean;
      readonly exchange: boolean;
    }
  | { readonly op: 'close'; readonly run: string }
  | { readonly op: 'recover' }
);

export type MaskerMessage =
  | { readonly id: number; readonly opened: OpenedMasks }
  | { readonly id: number; readonly settled: readonly Settled[] }
  | { readonly id: number; readonly code: string; readonly message: string }
  | { readonly replaced: readonly string[] };
