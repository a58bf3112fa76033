import type { Sandbox } from '../../../kernel/index.ts';
import { type Places, SandboxFixture } from '../../sandbox/testing/fixture.ts';
import { type BubblewrapOptions, createBubblewrapSandbox } from '../index.ts';

/** A bubblewrap sandbox with a workspace of its own. */
export class Fixture extends SandboxFixture {
  readonly options: BubblewrapOptions;

  constructor(options: Partial<BubblewrapOptions> = {}) {
    const made: { options?: BubblewrapOptions } = {};
    super((places: Places): Sandbox => {
      made.options = { ...places, ...options };
      return createBubblewrapSandbox(made.options);
    });
    this.options = made.options ?? { ...this.places, ...options };
  }
}
