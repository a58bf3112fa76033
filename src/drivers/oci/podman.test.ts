import { join } from 'node:path';
import { after } from 'node:test';
import { conformance } from '../sandbox/testing/conformance.ts';
import { Engine } from './engine.ts';
import { createOciSandbox } from './index.ts';
import { podman } from './testing/engines.ts';

const MODULE = JSON.stringify(join(import.meta.dirname, 'index.ts'));
const engine = podman();
after(() => engine[Symbol.asyncDispose]());
const { program, env, image } = engine;

async function containers(): Promise<readonly string[]> {
  const { out } = await new Engine('podman', program, env).ask(['ps', '--all', '--format', '{{.Names}}']);
  return out.split('\n').filter((name) => name.startsWith('gatehouse-'));
}

// Other installs may use the same engine.
const before = new Set(await containers());

conformance(() => ({
  backend: 'podman',
  create: (places) =>
    createOciSandbox({ ...places, engine: 'podman', program, env, image: () => image, warm: false }),
  expression: (places) =>
    `import(${MODULE}).then((driver) => driver.createOciSandbox({ ...${places}, engine: 'podman', program: ${JSON.stringify(program)}, env: ${JSON.stringify(env)}, image: () => (${JSON.stringify(image)}), warm: false }))`,
  account: { uid: 0, gid: 0 },
  strict: false,
  notHeld: [],
  leftovers: async () => (await containers()).filter((name) => !before.has(name)),
  managers: [/podman run /, /^\/usr\/bin\/conmon /],
}));
