import { randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunObserver, RunResult, RunSpec, Sandbox } from '../../kernel/index.ts';
import { SANDBOX_CODES } from '../sandbox/codes.ts';
import { isLow, MIN_FREE_BYTES } from '../sandbox/disk.ts';
import { prepareKit } from '../sandbox/kit.ts';
import { forbiddenTrees, openSource } from '../sandbox/mounts.ts';
import { ociProfile } from '../sandbox/seccomp/oci.ts';
import { checkSpec, nothingRan } from '../sandbox/spec.ts';
import { type Fixed, type Plan, planOf, runArguments } from './arguments.ts';
import { Container } from './container.ts';
import { explainRun } from './explain.ts';
import { controlDirectory, labelsOf, removeLeftovers, watchOver } from './leftovers.ts';
import { inspectMachine, type Machine } from './machine.ts';
import type { OciOptions, PinnedImage } from './options.ts';
import { Pool } from './pool.ts';
import { ociProbe } from './probe.ts';

/** Idle containers of one install, and how long one waits for its run. */
const WARM = { containers: 2, idleMs: 60_000 };

/** Everything about this machine and install that is found once, at the first run. */
interface Ready {
  readonly machine: Machine;
  readonly fixed: Omit<Fixed, 'image'>;
}

/**
 * Podman and Docker behind the Sandbox port, through their command lines. Looks at the machine at the first call,
 * never at creation. A missing engine, image or part of the isolation fails the run; nothing is ever run outside,
 * nothing is ever fetched.
 */
export function createOciSandbox(options: OciOptions): Sandbox {
  const { engine, workDir, minFreeBytes = MIN_FREE_BYTES } = options;
  const forbidden = forbiddenTrees(options.userHome, [...options.forbidden, workDir]);
  const warm = options.warm === false ? { containers: 0, idleMs: 0 } : (options.warm ?? WARM);
  const pool = new Pool(warm.containers, warm.idleMs);
  let preparing: Promise<Ready> | undefined;
  const ready = (): Promise<Ready> => {
    preparing ??= prepare(options, Math.ceil(warm.idleMs / 1_000)).catch((error: unknown) => {
      // Somebody may start the service or install the engine while the gateway runs.
      preparing = undefined;
      throw error;
    });
    return preparing;
  };

  let closed = false;
  /** Containers that are being started for the next run, and those that are being removed. */
  const underWay = new Set<Promise<void>>();
  const follow = (work: Promise<unknown>): void => {
    const settled: Promise<void> = work
      .catch(() => undefined)
      .then(() => {
        underWay.delete(settled);
      });
    underWay.add(settled);
  };

  const start = ({ machine, fixed }: Ready, plan: Plan, image: PinnedImage): Promise<Container> => {
    const id = randomUUID();
    const names = { container: `gatehouse-${id}`, control: controlDirectory(workDir, id) };
    const args = runArguments(machine, plan, { ...fixed, image: image.id }, names);
    const leave = (removal: Promise<void>) => follow(removal);
    return Container.start({ machine, plan, names, args, leave });
  };

  const run = async (spec: RunSpec, signal: AbortSignal, observer?: RunObserver): Promise<RunResult> => {
    if (closed) throw SANDBOX_CODES.error('SANDBOX_UNAVAILABLE', 'the gateway is stopping');
    checkSpec(spec, forbidden);
    refuseStrict(engine, spec);
    const image = pinned(options, spec.image);
    checkSources(spec, minFreeBytes);
    if (signal.aborted) return nothingRan();
    const found = await ready();
    if (signal.aborted) return nothingRan();
    const plan = planOf(spec);
    const key = Pool.keyOf(plan, image.id);
    const container = pool.take(key, spec.limits.wallMs) ?? (await start(found, plan, image));
    const result = await container.run(spec, minFreeBytes, signal, observer);
    // A mask is made for one run, so nobody else will have this plan.
    if (spec.masks === undefined && !closed && !pool.has(key)) refill(start(found, plan, image), key);
    return result;
  };

  /** Started when the answer is already on its way; a failure shows at the next run. */
  const refill = (starting: Promise<Container>, key: string): void => {
    follow(starting.then((container) => (closed ? container.discard() : pool.put(key, container))));
  };

  const close = async (): Promise<void> => {
    closed = true;
    await pool.close();
    // What ends now may begin a removal.
    while (underWay.size > 0) await Promise.all(underWay);
  };

  const explain = (spec: RunSpec): readonly string[] => {
    checkSpec(spec, forbidden);
    refuseStrict(engine, spec);
    return explainRun(options, spec);
  };
  const probe = ociProbe(engine, async () => (await ready()).machine, run);
  return { backend: engine, masksFiles: true, probe, run, explain, close };
}

/** The image that the operator built or named by its digest. Throws SANDBOX_IMAGE_MISSING. */
function pinned({ engine, image }: OciOptions, wanted: string | undefined): PinnedImage {
  const found = image(wanted);
  if (found !== undefined) return found;
  if (wanted === undefined)
    throw SANDBOX_CODES.error('SANDBOX_IMAGE_MISSING', `no image is set up for the ${engine} backend`, {
      fix: `Build it with \`gatehouse sandbox setup --backend ${engine} --apply\`.`,
    });
  throw SANDBOX_CODES.error(
    'SANDBOX_IMAGE_MISSING',
    `the image ${wanted} is a name that may change its meaning`,
    {
      fix: 'Write it as NAME@sha256:..., or use the one that `gatehouse sandbox setup` built.',
    },
  );
}

/** An image has the programs that it has; which of them a command may start is decided before it runs. */
function refuseStrict(engine: string, { programs }: RunSpec): void {
  if (programs !== undefined)
    throw SANDBOX_CODES.error(
      'SANDBOX_STRICT_UNSUPPORTED',
      `the ${engine} backend cannot limit which programs exist inside`,
    );
}

/** Fails before anything starts; the guard compares once more before the command does. */
function checkSources(spec: RunSpec, minFreeBytes: number): void {
  for (const { source } of [...spec.mounts, ...(spec.masks ?? [])]) closeSync(openSource(source, 'tree'));
  if (spec.egressSocket !== undefined) closeSync(openSource(spec.egressSocket, 'socket'));
  const writable = spec.mounts.filter(({ mode }) => mode === 'rw').map(({ source }) => source);
  if (isLow(writable, minFreeBytes)) throw SANDBOX_CODES.error('SANDBOX_DISK_LOW');
}

async function prepare(options: OciOptions, idleSeconds: number): Promise<Ready> {
  mkdirSync(options.workDir, { recursive: true, mode: 0o700 });
  // What is mounted by name must have no link on its way.
  const workDir = realpathSync(options.workDir);
  const machine = await inspectMachine(options);
  const kit = prepareKit(workDir, options.insideDir, machine.architecture);
  const profile = join(workDir, 'seccomp.json');
  writeFileSync(profile, JSON.stringify(ociProfile(machine.architecture)), { mode: 0o600 });
  await removeLeftovers(machine.engine, options.workDir);
  watchOver(machine.engine);
  const nodePath = realpathSync(options.nodePath ?? process.execPath);
  return { machine, fixed: { profile, kit, nodePath, labels: labelsOf(options.workDir), idleSeconds } };
}
