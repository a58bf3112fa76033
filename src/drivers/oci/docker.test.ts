import { chownSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { conformance, type Subject } from '../sandbox/testing/conformance.ts';
import type { Places } from '../sandbox/testing/fixture.ts';
import { Engine } from './engine.ts';
import { createOciSandbox, type OciOptions } from './index.ts';
import { docker } from './testing/engines.ts';

const MODULE = JSON.stringify(join(import.meta.dirname, 'index.ts'));
/** Docker without user namespaces never takes root: an account as an operator would have made one. */
const account = { uid: 61_234, gid: 61_234 };

const engine = await docker();
after(() => engine[Symbol.asyncDispose]());

function subject(): Subject {
  const { program, env, image } = engine;
  const options = { engine: 'docker', program, env, account, warm: false } as const;
  const create = (places: Places) => {
    chownSync(join(places.workDir, '..', 'workspace'), account.uid, account.gid);
    return createOciSandbox({ ...places, ...options, image: () => image } satisfies OciOptions);
  };
  return {
    backend: 'docker',
    create,
    expression: (places) =>
      `import(${MODULE}).then((driver) => driver.createOciSandbox({ ...${places}, ...${JSON.stringify(options)}, image: () => (${JSON.stringify(image)}) }))`,
    account,
    strict: false,
    notHeld: ['userNamespace'],
    leftovers: async () => {
      const { out } = await new Engine('docker', program, env).ask(['ps', '--all', '--format', '{{.Names}}']);
      return out.split('\n').filter((name) => name.startsWith('gatehouse-'));
    },
    managers: [/^docker run /, /\/docker run /],
  };
}

conformance(subject);
