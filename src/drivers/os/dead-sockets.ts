import { createConnection } from 'node:net';

/** Milliseconds for an answer of the kernel; whoever takes longer counts as alive. */
const ANSWER_MS = 500;

/**
 * Those of these Unix sockets that nobody is bound to any more. The kernel says ECONNREFUSED for such a file alone
 * (unix(7)): a socket of another type, a full queue or a path that is too long all count as alive.
 */
export async function deadAmong(paths: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await Promise.all(paths.map(async (path) => ((await isDead(path)) ? [path] : [])));
  return new Set(found.flat());
}

function isDead(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    const done = (dead: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(dead);
    };
    const timer = setTimeout(() => done(false), ANSWER_MS);
    socket.on('connect', () => done(false));
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code === 'ECONNREFUSED'));
  });
}
