import type { RunSpec, Sandbox, SandboxProbe } from '../../kernel/index.ts';
import { SANDBOX_CODES } from '../sandbox/codes.ts';
import { forbiddenTrees } from '../sandbox/mounts.ts';
import { checkSpec } from '../sandbox/spec.ts';
import { seatbeltProfile } from './profile.ts';

export interface SeatbeltOptions {
  readonly forbidden: readonly string[];
  readonly userHome: string;
}

const FIX =
  'Run the gateway on Linux or in a Linux virtual machine. The Seatbelt profile is made and checked, but no macOS has proven it, and what is not proven runs nothing.';

/**
 * Seatbelt behind the Sandbox port. It shows the profile that a run would get; it starts nothing, because nothing has
 * proven on a real macOS that the profile holds, and paths inside are not those of other backends there.
 */
export function createSeatbeltSandbox({ forbidden, userHome }: SeatbeltOptions): Sandbox {
  const trees = forbiddenTrees(userHome, forbidden);
  const refuse = () =>
    SANDBOX_CODES.error('SANDBOX_UNAVAILABLE', 'the Seatbelt backend runs nothing yet', { fix: FIX });
  return {
    backend: 'seatbelt',
    // It runs nothing, so it shows nothing that is masked.
    masksFiles: true,
    probe: async (): Promise<SandboxProbe> => ({
      backend: 'seatbelt',
      available: false,
      version: '',
      features: {},
      fix: FIX,
    }),
    async run() {
      throw refuse();
    },
    explain(spec: RunSpec) {
      checkSpec(spec, trees);
      return [
        'backend: seatbelt (shown only, runs nothing)',
        ...seatbeltProfile(spec, '/private/tmp/RUN', trees).split('\n'),
      ];
    },
  };
}
