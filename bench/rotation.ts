import { startGateway } from '../test/fixtures/gateway.ts';
import { operate } from '../test/fixtures/operator.ts';
import { type SteadyClient, steadyClient } from '../test/fixtures/steady-client.ts';
import { openSession } from './gatehouse.ts';
import { pause } from './measure.ts';

const SWITCHING = 6;
const LAGGING = 2;
/** Further sockets of the old version that wait for events and must end with it. */
const IDLE = 300;
const PHASE_MS = 2_500;

/** A rotation with canary under load: what clients that switched lost, and how fast the old version ends. */
export async function benchRotation(): Promise<Record<string, number>> {
  const gateway = await startGateway();
  const clients: SteadyClient[] = [];
  const { home, port, url } = gateway;
  try {
    const old = String(
      (await operate(home, 'token.issue', { name: 'ci', scopes: ['operator.read'] })).result['token'],
    );
    for (let i = 0; i < SWITCHING + LAGGING; i += 1) {
      clients.push(await steadyClient({ port, address: `127.0.0.${2 + i}`, token: old, pauseMs: 15 }));
    }
    const switching = clients.slice(0, SWITCHING);
    const lagging = clients.slice(SWITCHING);
    const closed: number[] = [];
    for (let i = 0; i < IDLE; i += 1) {
      const session = await openSession(url, old);
      session.stream.once('close', () => closed.push(performance.now()));
    }
    const before = clients.reduce((sum, one) => sum + one.answered, 0);
    const started = performance.now();
    await pause(PHASE_MS);
    const input = { token: 'ci', ticket: 'BENCH-1', canary: ['127.0.0.2'] };
    const next = String((await operate(home, 'token.rotate', input)).result['token']);
    await switching[0]?.switchTo(next);
    await pause(PHASE_MS);
    await operate(home, 'token.rotate', { token: 'ci', promote: true });
    await Promise.all(switching.slice(1).map((one) => one.switchTo(next)));
    await pause(PHASE_MS);
    const lostBefore = lagging.reduce((sum, one) => sum + one.failures.length, 0);
    const asked = performance.now();
    await operate(home, 'token.rotate', { token: 'ci', now: true });
    while (closed.length < IDLE || lagging.some(({ closedAt }) => closedAt.length === 0)) await pause(5);
    const last = Math.max(...closed, ...lagging.flatMap(({ closedAt }) => closedAt));
    await pause(PHASE_MS);
    const seconds = (performance.now() - started) / 1_000;
    const answered = clients.reduce((sum, one) => sum + one.answered, 0) - before;
    return {
      'answers per second during the rotation': answered / seconds,
      'failures of clients that switched': switching.reduce((sum, one) => sum + one.failures.length, 0),
      'failures of the others before the end': lostBefore,
      'sockets of the old version': IDLE + LAGGING,
      'ms until the last of them was closed': last - asked,
    };
  } finally {
    for (const client of clients) await client[Symbol.asyncDispose]();
    await gateway[Symbol.asyncDispose]();
  }
}
