import { join } from 'node:path';
import { createMasker, isBait, loadDetector, type Masker } from '../controls/secrets/index.ts';
import { deadAmong } from '../drivers/os/dead-sockets.ts';
import { isMountedElsewhere } from '../drivers/os/mounted.ts';
import { asGatehouseError, type Mount } from '../kernel/index.ts';
import { homePaths, honeytokenFile } from './home.ts';
import type { MaskerMessage, MaskerRequest } from './masking/protocol.ts';
import { offerValues } from './masking/values-client.ts';

/** Milliseconds without a run after which it ends and gives its memory back; the next run starts it again. */
const IDLE_MS = 600_000;

/**
 * The masker: reads the files of workspaces, so that the gateway never does. It listens nowhere and has no network,
 * speaks to the gateway that started it and, of credentials that somebody bound to a host, to egress alone, and ends
 * with the gateway (K5).
 */
export async function main(): Promise<void> {
  if (process.send === undefined) process.exit(1);
  const say = (message: MaskerMessage): void => void process.send?.(message);
  const paths = homePaths(process.env);
  const masker = createMasker({
    folder: join(paths.state, 'masks'),
    detector: await loadDetector(),
    isBait: (path) => isBait(honeytokenFile(paths), path),
    now: () => performance.now(),
    onReplaced: (replaced) => say({ replaced }),
  });
  const offers = new Map<string, () => void>();
  const offer = async ({
    run,
    wayOut,
  }: {
    readonly run: string;
    readonly wayOut: boolean;
  }): Promise<void> => {
    if (!wayOut || !masker.holds(run)) return;
    try {
      const end = await offerValues(join(paths.run, 'values.sock'), run, (wanted) =>
        masker.values(run, wanted),
      );
      offers.set(run, end);
    } catch (cause) {
      // The run goes on: what it sends is a placeholder, and that egress refuses.
      process.stderr.write(`egress was not told of a workspace: ${cause}\n`);
    }
  };
  let open = 0;
  const mounts = new Map<string, readonly Mount[]>();
  // The model thinks meanwhile: reading now what a run left costs the next one nothing, and itself nothing more.
  const lookAhead = (folders: readonly Mount[]): void => {
    setImmediate(() => open <= 0 && masker.lookAhead(folders));
  };
  let idle = setTimeout(() => process.exit(0), IDLE_MS);
  process.on('disconnect', () => void orphaned(masker));
  process.on('message', (request: MaskerRequest) => {
    clearTimeout(idle);
    if (request.op === 'open') open += 1;
    if (request.op === 'close') open -= 1;
    // One turn of the loop later, everything that the kernel had to tell about the folders has been heard.
    setImmediate(() =>
      setImmediate(async () => {
        if (request.op === 'close') {
          offers.get(request.run)?.();
          offers.delete(request.run);
        }
        const message = await answer(masker, request);
        if (request.op === 'open' && 'opened' in message) {
          mounts.set(request.run, request.mounts);
          await offer(request);
        }
        say(message);
        if (request.op !== 'close') return;
        const left = mounts.get(request.run);
        mounts.delete(request.run);
        if (left !== undefined) lookAhead(left);
      }),
    );
    idle = setTimeout(() => open <= 0 && process.exit(0), IDLE_MS);
  });
}

/** Milliseconds for runs to die with the gateway, and between two looks at whether they have. */
const DYING_MS = 30_000;
const LOOK_MS = 50;

/**
 * The gateway is gone, and its runs with it: files go back at once, not only when the next one starts. As long as a
 * process still has one of the folders mounted they do not; then the next start puts them back.
 */
async function orphaned(masker: Masker): Promise<void> {
  const until = performance.now() + DYING_MS;
  while (masker.exchangedIn().some(isMountedElsewhere)) {
    if (performance.now() > until) process.exit(0);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  masker.settleAll();
  process.exit(0);
}

async function answer(masker: Masker, request: MaskerRequest): Promise<MaskerMessage> {
  const { id } = request;
  try {
    switch (request.op) {
      case 'open': {
        const dead = await deadAmong(masker.sockets(request.mounts));
        return { id, opened: masker.open(request.run, request.mounts, { dead, exchange: request.exchange }) };
      }
      case 'close':
        return { id, settled: masker.close(request.run) };
      case 'recover':
        return { id, settled: masker.recover() };
    }
  } catch (thrown) {
    const { code, message } = asGatehouseError(thrown);
    const said = code === 'KERNEL_INTERNAL' && thrown instanceof Error ? thrown.message : message;
    return { id, code, message: said };
  }
}
