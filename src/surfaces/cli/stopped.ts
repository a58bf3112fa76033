import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { CLI_CODES } from './codes.ts';
import type { Command } from './command.ts';
import { targetOf } from './target.ts';

/** Milliseconds until a gateway that drains must be gone: turns get 20 seconds, then connections are closed. */
const STOP_MS = 45_000;

/** Milliseconds between two looks, and until a person is told what is waited for. */
const LOOK_MS = 50;
const PATIENCE_MS = 1_000;

/**
 * Wait until the gateway that agreed to stop has let go of its socket, so that the next one can start.
 *
 * @throws CLI_GATEWAY_STILL_STOPPING
 */
export async function untilStopped({ io, parts, output }: Command): Promise<void> {
  const target = targetOf(io.env, parts.socketPath);
  const address = target.kind === 'socket' ? target.socketPath : { host: target.host, port: target.port };
  const startedAt = Date.now();
  let told = output.json;
  while (await answers(address)) {
    const waited = Date.now() - startedAt;
    if (waited > STOP_MS) throw CLI_CODES.error('CLI_GATEWAY_STILL_STOPPING');
    if (!told && waited > PATIENCE_MS) output.note('waiting for running turns to end ...');
    told ||= waited > PATIENCE_MS;
    await delay(LOOK_MS);
  }
}

function answers(address: string | { readonly host: string; readonly port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = typeof address === 'string' ? connect(address) : connect(address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
