import type { Sandbox } from '../../../../kernel/index.ts';
import type { Places, SandboxFixture } from '../fixture.ts';

/** A backend as the suite sees it. What it cannot do is named here, so that nothing is left out in silence. */
export interface Subject {
  readonly backend: string;
  create(places: Places): Sandbox;
  /** Source of a module that makes the same sandbox in another process, as an expression of `places`. */
  readonly expression: (places: string) => string;
  /** Account that everything in a workspace belongs to. */
  readonly account: { readonly uid: number; readonly gid: number };
  /** Whether only listed programs can exist inside. */
  readonly strict: boolean;
  /** Features that the probe must report as not held, with a reason. */
  readonly notHeld: readonly string[];
  /** What of earlier runs the backend itself still knows; empty when nothing is left. */
  readonly leftovers: () => Promise<readonly string[]>;
  /** Command lines (from their start) of the programs that look after runs. */
  readonly managers: readonly RegExp[];
}

export interface Bench {
  readonly subject: Subject;
  readonly fixture: () => SandboxFixture;
}
