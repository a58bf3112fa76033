import {
  type DrillAnswer,
  type DrillAttempt,
  type DrillMark,
  type DrillRange,
  type DrillSocket,
  type DrillTarget,
  type DrillToken,
  NotApplicable,
  SetupFailed,
} from '../../../kernel/index.ts';

/** What drills of authentication need besides what every drill has. */
export interface AuthRange extends DrillRange {
  /** Issuers whose bearer tokens count; empty when none is configured. */
  readonly issuers: readonly { readonly issuer: string; readonly audience: string }[];
  /** Headers in which a listed proxy names a user or a certificate; empty when none is configured. */
  readonly proxyHeaders: readonly string[];
  /** Somebody of the drill's own, with the most that its credentials may do; removed afterwards. */
  principal(mark: DrillMark, scopes: readonly string[]): Promise<string>;
  /** Name of the cookie of a browser session on this listener. */
  sessionCookie(target: DrillTarget): string;
}

export type Refusal = DrillAttempt['refusal'];

export const REFUSED = 'login.refused';
export const SPIKE = { rule: 'auth.spike' } as const;

/** Where callers log in from this machine. */
export function door(range: DrillRange): DrillTarget {
  const target = range.targets.find(
    ({ plane, exposed, transport, address }) =>
      plane === 'users' && !exposed && transport !== 'mutual' && !address.includes(':'),
  );
  if (target === undefined)
    throw new NotApplicable(
      'no listener for users takes connections from this machine over IPv4 without a client certificate',
    );
  return target;
}

/** A 2xx is let in; anything else says why not. */
export function refusalOf({ status, code }: DrillAnswer): Refusal {
  return status >= 200 && status < 300 ? undefined : { code };
}

/** Ask for the gateway's status, or another operation, with this bearer. */
export function call(
  range: DrillRange,
  mark: DrillMark,
  bearer: string | undefined,
  operation = 'gateway.status',
): Promise<DrillAnswer> {
  const authorization = bearer === undefined ? [] : [['Authorization', `Bearer ${bearer}`] as const];
  return range.http(door(range), mark, {
    method: 'POST',
    path: `/api/v1/${operation}`,
    headers: [['Content-Type', 'application/json'], ...authorization],
    body: '{}',
  });
}

/** A drill that the credential it made itself does not open proves nothing about refusing it later. */
export async function mustWork(range: DrillRange, mark: DrillMark, { text }: DrillToken): Promise<void> {
  const { status, code } = await call(range, mark, text);
  if (status !== 200)
    throw new SetupFailed(`the token of the drill was not accepted to begin with: ${status} ${code}`);
}

export interface Connected {
  readonly socket: DrillSocket;
  readonly refusal: Refusal;
}

/** `connect` of the WebSocket protocol, over a socket of its own. */
export async function connect(
  range: DrillRange,
  mark: DrillMark,
  params: (challenge: string) => Readonly<Record<string, unknown>>,
): Promise<Connected> {
  const socket = await range.socket(door(range), mark);
  if (!socket.upgraded) return { socket, refusal: { code: socket.answer.code } };
  const challenge = /"nonce":"([^"]+)"/.exec((await socket.next()) ?? '')?.[1] ?? '';
  const client = { id: 'gatehouse-drill', version: '1', platform: 'drill', mode: 'cli' };
  return {
    socket,
    refusal: await request(socket, 'connect', {
      minProtocol: 4,
      maxProtocol: 4,
      client,
      ...params(challenge),
    }),
  };
}

/** One request of an open connection; undefined when it was answered. */
export async function request(socket: DrillSocket, method: string, params: object): Promise<Refusal> {
  socket.send(JSON.stringify({ type: 'req', id: method, method, params }));
  for (let frame = await socket.next(); frame !== undefined; frame = await socket.next()) {
    if (!frame.includes('"type":"res"')) continue;
    if (frame.includes('"ok":true')) return undefined;
    return { code: codeOf(frame) };
  }
  return { code: 'no answer' };
}

/** Ours stands beside what OpenClaw's clients expect; a missing scope has only theirs. */
function codeOf(frame: string): string {
  const own = /"gatehouse":\{"code":"([A-Z_]+)"/.exec(frame)?.[1];
  return own ?? (frame.includes('"MISSING_SCOPE"') ? 'AUTH_SCOPE_MISSING' : '');
}

/** One try, and then again until somebody is told. */
export async function tried(
  range: DrillRange,
  what: string,
  mark: DrillMark,
  again: () => Promise<Refusal>,
  names: readonly string[] = [],
): Promise<DrillAttempt> {
  const at = range.now();
  const refusal = await again();
  if (refusal !== undefined) await range.untilAlert(mark, again, { names });
  return { tried: what, mark, at, refusal, names };
}
