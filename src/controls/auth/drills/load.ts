import { type Drill, type DrillMark, type DrillToken, SetupFailed } from '../../../kernel/index.ts';
import { type AuthRange, call, connect, mustWork, REFUSED, refusalOf, SPIKE, tried } from './client.ts';

/** Clients that ask one request after the other. */
const CLIENTS = 8;
/** Milliseconds in which a live connection of somebody who was disabled must end (A4). */
const END_MS = 1_000;
const SUNSET_MS = 2_000;

interface Load {
  /** Stop, and tell what happened until then. */
  stop(): Promise<{ readonly requests: number; readonly failed: readonly string[] }>;
}

/** Honest clients at work while something is changed; `bearer` says what they use at this moment. */
function startLoad(range: AuthRange, mark: DrillMark, bearer: () => string, count = CLIENTS): Load {
  const over = new AbortController();
  let requests = 0;
  const failed: string[] = [];
  const client = async () => {
    while (!over.signal.aborted) {
      const used = bearer();
      const { status, code } = await call(range, mark, used);
      requests += 1;
      // What was sent with the old version a moment before the switch is no failure of the switch.
      if (status === 200 || used !== bearer()) continue;
      failed.push(code || String(status));
      // More would only lock its address out, and then say nothing of the credential.
      return;
    }
  };
  const clients = Array.from({ length: count }, client);
  return {
    async stop() {
      over.abort();
      await Promise.all(clients);
      return { requests, failed };
    },
  };
}

const common = { event: REFUSED, alert: SPIKE } as const;

export const LOAD_DRILLS: readonly Drill<AuthRange>[] = [
  {
    ...common,
    id: 'auth.rotation-under-load',
    title: 'a token that is rotated while clients use it, and its old version afterwards',
    requirements: ['A3'],
    attacks: [81],
    codes: ['AUTH_TOKEN_REVOKED'],
    rule: 'the sunset of the rotation',
    async run(range) {
      const mark = range.mark();
      const old = await range.token(mark, { scopes: ['operator.read'] });
      await mustWork(range, mark, old);
      let current = old.text;
      const load = startLoad(range, mark, () => current);
      const rotated = await range.operation(
        'token.rotate',
        { token: old.name, sunset: SUNSET_MS, ticket: range.run },
        mark,
      );
      current = rotated.ok ? String(rotated.result['token'] ?? '') : current;
      await range.pause(SUNSET_MS + 200);
      const { requests, failed } = await load.stop();
      if (!rotated.ok) throw new SetupFailed(`the rotation did not start: ${rotated.code}`);
      const attempt = await tried(range, 'version 1 after the sunset', mark, async () =>
        refusalOf(await call(range, mark, old.text)),
      );
      const sideEffects =
        failed.length === 0
          ? []
          : [`${failed.length} of ${requests} requests of clients that switched failed: ${failed[0]}`];
      return [{ ...attempt, sideEffects, note: `${requests} requests went on while it was rotated` }];
    },
  },
  {
    ...common,
    id: 'auth.disabled-principal',
    title: 'every credential of somebody who was disabled, while it is used, and its WebSocket that was open',
    requirements: ['A4'],
    attacks: [81],
    codes: ['AUTH_PRINCIPAL_DISABLED'],
    rule: 'gatehouse principal disable',
    async run(range) {
      const mark = range.mark();
      const principal = await range.principal(mark, ['operator.read']);
      const token: DrillToken = await range.token(mark, { scopes: ['operator.read'], principal });
      await mustWork(range, mark, token);
      const open = await connect(range, mark, () => ({
        scopes: ['operator.read'],
        auth: { token: token.text },
      }));
      if (open.refusal !== undefined)
        throw new SetupFailed(`the WebSocket did not open: ${open.refusal.code}`);
      const load = startLoad(range, mark, () => token.text, CLIENTS / 4);
      const since = range.now();
      const disabled = await range.operation('principal.disable', { principal }, mark);
      const closed = await open.socket.ended(3 * END_MS);
      const ms = Math.round(range.now() - since);
      open.socket.close();
      await load.stop();
      if (!disabled.ok) throw new SetupFailed(`the principal was not disabled: ${disabled.code}`);
      const late =
        closed === undefined ? 'its open WebSocket stayed open' : `its open WebSocket lived on for ${ms} ms`;
      const attempt = await tried(range, 'its token afterwards', mark, async () =>
        refusalOf(await call(range, mark, token.text)),
      );
      await range.operation('principal.enable', { principal }, mark);
      const { status } = await call(range, mark, token.text);
      const back =
        status === 200 || status === 429 ? [] : [`it was not let in again when it was enabled (${status})`];
      return [
        {
          ...attempt,
          sideEffects: [...(closed === undefined || ms > END_MS ? [late] : []), ...back],
          note: `its open WebSocket was closed ${ms} ms after the order`,
          recoveredAt: range.now(),
        },
      ];
    },
  },
];
