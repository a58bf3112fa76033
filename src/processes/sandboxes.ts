import { join } from 'node:path';
import { SECRETS_CODES } from '../controls/secrets/index.ts';
import { createBubblewrapSandbox } from '../drivers/bubblewrap/index.ts';
import { pinnedImage, recordedImage } from '../drivers/oci/images.ts';
import { SANDBOX_CODES } from '../drivers/sandbox/codes.ts';
import { createSeatbeltSandbox } from '../drivers/seatbelt/index.ts';
import type { ImageBuilder, RunSpec, Sandbox, SandboxProbe, SandboxSet } from '../kernel/index.ts';
import { backendsInUse } from '../operations/sandbox/list.ts';
import type { HomePaths, Services } from '../operations/services.ts';
import type { Environment } from './environment.ts';
import { insideDir } from './inside.ts';
import type { Program } from './program.ts';

/** Backend of agents that name none. */
const DEFAULT_BACKEND = 'bubblewrap';

export interface SandboxParts {
  readonly paths: HomePaths;
  readonly program: Program;
  readonly env: Environment;
}

/** What was set up for container backends. */
function imagesFile(paths: HomePaths): string {
  return join(paths.state, 'sandbox-images.json');
}

/** All that the program of a container engine is told. */
function engineEnvironment(env: Environment): Readonly<Record<string, string>> {
  const names = ['HOME', 'USER', 'PATH', 'LANG', 'XDG_RUNTIME_DIR', 'TMPDIR'];
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

/** Every backend of this version; the container drivers are loaded when an agent uses one. */
export function openSandboxes({ paths, program, env }: SandboxParts): SandboxSet {
  const { state, keys, run, config, logs, playbooks, policy, home } = paths;
  const common = {
    forbidden: [state, keys, run, config, logs, playbooks, policy, join(home, 'cache')],
    insideDir: insideDir(program),
    userHome: env['HOME'] ?? home,
  };
  const imageOf = (engine: string) => (wanted?: string) => pinnedImage(imagesFile(paths), engine, wanted);
  const container = (engine: 'podman' | 'docker') =>
    onFirstUse(engine, imageOf(engine), async () => {
      const { createOciSandbox } = await import('../drivers/oci/index.ts');
      const workDir = join(run, engine);
      return createOciSandbox({
        ...common,
        engine,
        workDir,
        env: engineEnvironment(env),
        image: imageOf(engine),
      });
    });
  return sandboxSet(
    [
      createBubblewrapSandbox({ ...common, workDir: join(run, 'sandbox') }),
      container('podman'),
      container('docker'),
      createSeatbeltSandbox(common),
    ],
    DEFAULT_BACKEND,
  );
}

/** A backend whose driver is loaded when it is first asked. What an approval is bound to is known before. */
function onFirstUse(
  backend: string,
  image: (wanted?: string) => { readonly id: string } | undefined,
  load: () => Promise<Sandbox>,
): Sandbox {
  let loaded: Sandbox | undefined;
  const driver = async (): Promise<Sandbox> => (loaded ??= await load());
  return {
    backend,
    masksFiles: true,
    probe: async () => (await driver()).probe(),
    run: async (...run) => (await driver()).run(...run),
    explain: (spec) => loaded?.explain(spec) ?? [`backend: ${backend}`],
    identity: ({ image: wanted }) => `${backend} ${image(wanted)?.id ?? 'without an image'}`,
    close: async () => loaded?.close?.(),
  };
}

/** One port over several backends. A name that none has is refused; a missing backend never becomes another one. */
export function sandboxSet(backends: readonly Sandbox[], standard: string): SandboxSet {
  const of = (name: string = standard): Sandbox => {
    const found = backends.find(({ backend }) => backend === name);
    if (found === undefined)
      throw SANDBOX_CODES.error('SANDBOX_UNAVAILABLE', `there is no sandbox backend ${JSON.stringify(name)}`);
    return found;
  };
  return {
    backend: standard,
    names: backends.map(({ backend }) => backend),
    probe: () => of().probe(),
    probeOf: async (name) => of(name).probe(),
    // Whether a run's files can be masked is asked of the very backend that runs it.
    masksFiles: true,
    async run(spec, signal, observer) {
      const chosen = of(spec.backend);
      if ((spec.masks?.length ?? 0) > 0 && chosen.masksFiles !== true)
        throw SECRETS_CODES.error('SECRETS_BACKEND_CANNOT_MASK');
      return chosen.run(spec, signal, observer);
    },
    explain: (spec: RunSpec) => of(spec.backend).explain(spec),
    identity: (run) => of(run.backend).identity?.(run) ?? of(run.backend).backend,
    async close() {
      await Promise.all(backends.map((backend) => backend.close?.()));
    },
  };
}

/** Loaded when somebody sets an image up. */
export function openImages({ paths, env }: SandboxParts): ImageBuilder {
  const record = imagesFile(paths);
  const builder = async () => {
    const { createImageBuilder } = await import('../drivers/oci/index.ts');
    const stage = join(paths.home, 'cache', 'sandbox-image');
    return createImageBuilder({ stage, record, env: engineEnvironment(env), now: Date.now });
  };
  return {
    plan: async (request) => (await builder()).plan(request),
    build: async (request, signal) => (await builder()).build(request, signal),
    recorded: (backend) => recordedImage(record, backend),
  };
}

/** What was measured of every backend that an agent uses. */
export async function probesInUse({
  config,
  sandbox,
}: Pick<Services, 'config' | 'sandbox'>): Promise<readonly SandboxProbe[]> {
  return Promise.all([...backendsInUse({ config, sandbox }).keys()].map((name) => sandbox.probeOf(name)));
}
