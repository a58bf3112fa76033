import { connect, type Socket } from 'node:net';
import type { OfferedValue, WantedSecret } from '../../controls/secrets/index.ts';
import { LineSplitter } from '../../drivers/egress-client/index.ts';

/** Milliseconds for egress to answer; after that the run goes on without its values. */
const ANSWER_MS = 5_000;

/**
 * Tells egress the values that it wants of one run's workspace. The connection stands for the run: when it ends, here or
 * there, egress lets the values go. Resolves to how to end it.
 */
export async function offerValues(
  socketPath: string,
  run: string,
  choose: (wanted: readonly WantedSecret[]) => readonly OfferedValue[],
): Promise<() => void> {
  const socket = connect(socketPath);
  socket.unref();
  const end = () => void socket.destroy();
  try {
    const answers = answersOf(socket);
    socket.write(`${JSON.stringify({ run })}\n`);
    const { wanted = [] } = (await answers()) as { readonly wanted?: readonly WantedSecret[] };
    const values = wanted.length === 0 ? [] : choose(wanted);
    if (values.length === 0) {
      end();
      return end;
    }
    socket.write(`${JSON.stringify({ values })}\n`);
    await answers();
    return end;
  } catch (thrown) {
    end();
    throw thrown;
  }
}

function answersOf(socket: Socket): () => Promise<unknown> {
  const lines = new LineSplitter();
  let pending: PromiseWithResolvers<unknown> | undefined;
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const line of lines.push(chunk)) pending?.resolve(JSON.parse(line));
    } catch (thrown) {
      pending?.reject(thrown);
    }
  });
  socket.on('error', (cause) => pending?.reject(cause));
  socket.once('close', () => pending?.reject(new Error('egress closed the connection')));
  return async () => {
    pending = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => pending?.reject(new Error('egress does not answer')), ANSWER_MS);
    try {
      return await pending.promise;
    } finally {
      clearTimeout(timer);
    }
  };
}
