import { join } from 'node:path';
import { conformance } from '../sandbox/testing/conformance.ts';
import { createBubblewrapSandbox } from './index.ts';

const MODULE = JSON.stringify(join(import.meta.dirname, 'index.ts'));
const { getuid, getgid } = process;

conformance(() => ({
  backend: 'bubblewrap',
  create: createBubblewrapSandbox,
  expression: (places) => `import(${MODULE}).then((driver) => driver.createBubblewrapSandbox(${places}))`,
  account: { uid: getuid?.() ?? 0, gid: getgid?.() ?? 0 },
  strict: true,
  notHeld: [],
  leftovers: async () => [],
  managers: [/^\/usr\/bin\/bwrap /],
}));
