import { createHash } from 'node:crypto';
import { type Drill, type DrillMark, type DrillRange, SetupFailed } from '../../../kernel/index.ts';
import { mintToken } from '../token-format.ts';
import {
  type AuthRange,
  call,
  connect,
  mustWork,
  REFUSED,
  type Refusal,
  refusalOf,
  SPIKE,
  tried,
} from './client.ts';

/** Milliseconds in which a live connection of a credential that ended must end too (A4). */
const END_MS = 1_000;
/** Addresses for documentation (RFC 5737): nobody connects from there. */
const ELSEWHERE = '192.0.2.1/32';

/** A token that was never issued, well-formed to the checksum. */
function madeUp({ id }: DrillMark, salt = ''): string {
  const digest = createHash('sha256').update(`${id} ${salt}`).digest();
  return mintToken({ bytes: (size) => digest.subarray(0, size), uuid: () => id }).text;
}

const over = (range: DrillRange, mark: DrillMark, bearer: string | undefined) => async (): Promise<Refusal> =>
  refusalOf(await call(range, mark, bearer));

const overWebSocket =
  (range: DrillRange, mark: DrillMark, token: string | undefined) => async (): Promise<Refusal> => {
    const { socket, refusal } = await connect(range, mark, () =>
      token === undefined ? {} : { auth: { token } },
    );
    socket.close();
    return refusal;
  };

/** The socket of a credential that ends now: milliseconds until it was closed, as a side effect when too many. */
async function lateEnd(range: DrillRange, ended: (ms: number) => Promise<number | undefined>, since: number) {
  const closed = await ended(3 * END_MS);
  const ms = Math.round(range.now() - since);
  if (closed === undefined) return { ms, sideEffects: ['its open WebSocket stayed open'] };
  return { ms, sideEffects: ms > END_MS ? [`its open WebSocket lived on for ${ms} ms`] : [] };
}

type Fixed = Pick<Drill, 'id' | 'title' | 'codes' | 'rule' | 'attacks' | 'requirements'>;

function tokenDrill(fixed: Fixed, run: Drill<AuthRange>['run']): Drill<AuthRange> {
  return { ...fixed, event: REFUSED, alert: SPIKE, run };
}

export const TOKEN_DRILLS: readonly Drill<AuthRange>[] = [
  tokenDrill(
    {
      id: 'auth.no-credential',
      title: 'a dial-in that shows no credential',
      requirements: ['A2'],
      attacks: [],
      codes: ['AUTH_TOKEN_MISSING', 'AUTH_DEVICE_REQUIRED'],
      rule: 'nobody without a credential',
    },
    async (range) => {
      const [http, ws] = [range.mark(), range.mark()];
      return [
        await tried(range, 'gateway.status over HTTP without a token', http, over(range, http, undefined)),
        await tried(range, 'connect over WebSocket without a token', ws, overWebSocket(range, ws, undefined)),
      ];
    },
  ),
  tokenDrill(
    {
      id: 'auth.made-up-token',
      title: 'a token that looks right to the checksum and was never issued',
      requirements: ['A1'],
      attacks: [78],
      codes: ['AUTH_TOKEN_INVALID'],
      rule: 'digests of issued tokens',
    },
    async (range) => {
      const [http, ws] = [range.mark(), range.mark()];
      return [
        await tried(range, 'a made-up token over HTTP', http, over(range, http, madeUp(http))),
        await tried(range, 'a made-up token over WebSocket', ws, overWebSocket(range, ws, madeUp(ws))),
      ];
    },
  ),
  tokenDrill(
    {
      id: 'auth.malformed-token',
      title: 'a text that is no token at all',
      requirements: ['A1'],
      attacks: [78],
      codes: ['AUTH_TOKEN_INVALID'],
      rule: 'the form of a token',
    },
    async (range) => {
      const mark = range.mark();
      return [await tried(range, 'Authorization: Bearer changeme', mark, over(range, mark, 'changeme'))];
    },
  ),
  tokenDrill(
    {
      id: 'auth.revoked-token',
      title: 'a token that was revoked, over HTTP, and its WebSocket that was open',
      requirements: ['A4'],
      attacks: [81],
      codes: ['AUTH_TOKEN_REVOKED'],
      rule: 'gatehouse token revoke',
    },
    async (range) => {
      const mark = range.mark();
      const token = await range.token(mark, { scopes: ['operator.read'] });
      await mustWork(range, mark, token);
      const open = await connect(range, mark, () => ({
        scopes: ['operator.read'],
        auth: { token: token.text },
      }));
      if (open.refusal !== undefined)
        throw new SetupFailed(`the WebSocket did not open: ${open.refusal.code}`);
      const since = range.now();
      const revoked = await range.operation('token.revoke', { token: token.name }, mark);
      if (!revoked.ok) throw new SetupFailed(`the token was not revoked: ${revoked.code}`);
      const { ms, sideEffects } = await lateEnd(range, open.socket.ended, since);
      open.socket.close();
      const http = await tried(range, 'the token after its revocation', mark, over(range, mark, token.text));
      const ws = range.mark();
      const again = await range.token(ws, { scopes: ['operator.read'] });
      await range.operation('token.revoke', { token: again.name }, ws);
      return [
        { ...http, sideEffects, note: `its open WebSocket was closed ${ms} ms after the order to revoke it` },
        await tried(range, 'a new WebSocket with a revoked token', ws, overWebSocket(range, ws, again.text)),
      ];
    },
  ),
  tokenDrill(
    {
      id: 'auth.expired-token',
      title: 'a token after its expiry, and its WebSocket that was open',
      requirements: ['A2', 'A4'],
      attacks: [81],
      codes: ['AUTH_TOKEN_EXPIRED'],
      rule: 'the expiry of the token',
    },
    async (range) => {
      const mark = range.mark();
      const life = 3_000;
      const ends = range.now() + life;
      const token = await range.token(mark, { scopes: ['operator.read'], expiresInMs: life });
      const open = await connect(range, mark, () => ({
        scopes: ['operator.read'],
        auth: { token: token.text },
      }));
      if (open.refusal !== undefined)
        throw new SetupFailed(`the WebSocket did not open: ${open.refusal.code}`);
      await range.pause(Math.max(0, ends - range.now()) + 50);
      const { sideEffects } = await lateEnd(range, open.socket.ended, ends + 50);
      open.socket.close();
      const attempt = await tried(range, 'the token after its expiry', mark, over(range, mark, token.text));
      return [{ ...attempt, sideEffects }];
    },
  ),
  tokenDrill(
    {
      id: 'auth.token-from-elsewhere',
      title: 'a token from an address that it is not for',
      requirements: ['A2', 'L8'],
      attacks: [83],
      codes: ['AUTH_ADDRESS_NOT_ALLOWED'],
      rule: 'the addresses of the token',
    },
    async (range) => {
      const mark = range.mark();
      const token = await range.token(mark, { scopes: ['operator.read'], addresses: [ELSEWHERE] });
      return [
        await tried(
          range,
          `a token for ${ELSEWHERE} from ${mark.address}`,
          mark,
          over(range, mark, token.text),
        ),
      ];
    },
  ),
  tokenDrill(
    {
      id: 'auth.rotated-token',
      title: 'the old version of a token after the end of its rotation',
      requirements: ['A3'],
      attacks: [81],
      codes: ['AUTH_TOKEN_REVOKED'],
      rule: 'the sunset of the rotation',
    },
    async (range) => {
      const mark = range.mark();
      const old = await range.token(mark, { scopes: ['operator.read'] });
      await mustWork(range, mark, old);
      const rotated = await range.operation(
        'token.rotate',
        { token: old.name, sunset: 1_000, ticket: range.run },
        mark,
      );
      if (!rotated.ok) throw new SetupFailed(`the rotation did not start: ${rotated.code}`);
      const fresh = String(rotated.result['token'] ?? '');
      await range.pause(1_100);
      const attempt = await tried(range, 'version 1 after the sunset', mark, over(range, mark, old.text));
      const { status } = await call(range, mark, fresh);
      return [
        { ...attempt, sideEffects: status === 200 ? [] : [`version 2 was refused as well (${status})`] },
      ];
    },
  ),
  tokenDrill(
    {
      id: 'auth.canary-elsewhere',
      title: 'the new version of a token from an address that is not its canary',
      requirements: ['A3'],
      attacks: [],
      codes: ['AUTH_TOKEN_CANARY'],
      rule: 'the canary of the rotation',
    },
    async (range) => {
      const mark = range.mark();
      const old = await range.token(mark, { scopes: ['operator.read'] });
      const input = { token: old.name, canary: [ELSEWHERE], ticket: range.run };
      const rotated = await range.operation('token.rotate', input, mark);
      if (!rotated.ok) throw new SetupFailed(`the rotation did not start: ${rotated.code}`);
      const fresh = String(rotated.result['token'] ?? '');
      return [await tried(range, 'version 2 before it was promoted', mark, over(range, mark, fresh))];
    },
  ),
  tokenDrill(
    {
      id: 'auth.brute-force',
      title: 'guessing tokens from one address until it is locked out',
      requirements: ['L9', 'A9'],
      attacks: [78],
      codes: ['AUTH_RATE_LIMITED'],
      rule: 'gateway.auth.rateLimit',
    },
    async (range) => {
      const [mark, honest] = [range.mark(), range.mark()];
      const token = await range.token(honest, { scopes: ['operator.read'] });
      const at = range.now();
      let guesses = 0;
      const guess = async () => refusalOf(await call(range, mark, madeUp(mark, String(guesses++))));
      let refusal: Refusal;
      for (let tries = 0; tries < MOST_GUESSES; tries += GUESSES_AT_ONCE) {
        const answers = await Promise.all(Array.from({ length: GUESSES_AT_ONCE }, guess));
        refusal = answers.find((answer) => answer?.code === 'AUTH_RATE_LIMITED');
        if (refusal !== undefined) break;
      }
      await range.untilAlert(mark, guess);
      const { status } = await call(range, honest, token.text);
      const sideEffects =
        status === 200 ? [] : [`an honest client at ${honest.address} was refused (${status})`];
      return [{ tried: `${guesses} guesses from one address`, mark, at, refusal, sideEffects }];
    },
  ),
];

/** A lockout that comes later than this is none. */
const MOST_GUESSES = 200;
const GUESSES_AT_ONCE = 20;
