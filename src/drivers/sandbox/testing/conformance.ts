import { after, before, test } from 'node:test';
import { conformanceOfEnds } from './conformance/ends.ts';
import { conformanceOfFiles } from './conformance/files.ts';
import { conformanceOfIsolation } from './conformance/isolation.ts';
import { conformanceOfLimits } from './conformance/limits.ts';
import { conformanceOfNetwork } from './conformance/network.ts';
import { assertProbe } from './conformance/probe.ts';
import { conformanceOfStreams } from './conformance/streams.ts';
import type { Subject } from './conformance/subject.ts';

export type { Subject } from './conformance/subject.ts';

import { SandboxFixture } from './fixture.ts';

/** The same real checks for every backend: one fixture, made before the first test and removed after the last. */
export function conformance(subject: () => Subject): void {
  const made: { fixture?: SandboxFixture } = {};
  const bench = {
    get subject() {
      return subject();
    },
    fixture: () => {
      if (made.fixture === undefined) throw new Error('the suite has not begun');
      return made.fixture;
    },
  };
  before(() => {
    made.fixture = new SandboxFixture((places) => subject().create(places));
  });
  after(() => made.fixture?.[Symbol.dispose]());

  test('the probe measures every part of the isolation and says which do not hold', async () => {
    await assertProbe(bench);
  });
  conformanceOfIsolation(bench);
  conformanceOfNetwork(bench);
  conformanceOfFiles(bench);
  conformanceOfLimits(bench);
  conformanceOfStreams(bench);
  conformanceOfEnds(bench);
}
