import {
  type Drill,
  type DrillAnswer,
  type DrillAttempt,
  type DrillMark,
  type DrillRange,
  type DrillRequest,
  type DrillTarget,
  NotApplicable,
} from '../../kernel/index.ts';
import { inBlocks } from './addresses.ts';
import { LISTEN_LIMITS } from './limits.ts';

/** What drills of listeners need besides what every drill has. */
export interface ListenRange extends DrillRange {
  /** Measure the sockets now instead of within the minute. */
  lookAtListeners(): Promise<void>;
  readonly listenerWatchMs: number;
  /** Let a process of Gatehouse listen on the mark's address, on a port that nothing declares. */
  strayListener(mark: DrillMark): Promise<{ readonly port: number; close(): Promise<void> }>;
  trustedProxies(): readonly string[];
}

const SPIKE = { rule: 'auth.spike' } as const;
const REFUSED = 'login.refused';
const HOSTILE_ORIGIN = 'https://evil.example';

/** Listeners that this machine itself can reach; others are behind their allow-list. */
function open(range: DrillRange): readonly DrillTarget[] {
  const found = range.targets.filter(
    ({ exposed, transport, address }) => !exposed && transport !== 'mutual' && !address.includes(':'),
  );
  if (found.length > 0) return found;
  throw new NotApplicable(
    'no listener takes connections from this machine over IPv4 without a client certificate',
  );
}

function withWebSocket(range: DrillRange): readonly DrillTarget[] {
  const found = open(range).filter(({ plane }) => plane === 'users' || plane === 'admin');
  if (found.length > 0) return found;
  throw new NotApplicable('no listener takes WebSockets from this machine');
}

/** Statuses of refusals; a 404 or a 401 means that the request got past the listener. */
const REFUSALS: readonly number[] = [400, 403, 431];

/** A plane that tells strangers nothing but a status (webhooks, the parser) leaves the code to the record. */
function refusalOf({ status, code }: DrillAnswer, silent: string): DrillAttempt['refusal'] {
  if (!REFUSALS.includes(status)) return undefined;
  return { code: code === '' ? silent : code };
}

/** One hostile request to each plane, and again until somebody is told. */
async function toEach(
  range: ListenRange,
  targets: readonly DrillTarget[],
  what: string,
  send: (target: DrillTarget, mark: DrillMark) => Promise<DrillAttempt['refusal']>,
): Promise<readonly DrillAttempt[]> {
  const attempts: DrillAttempt[] = [];
  for (const target of targets) {
    const mark = range.mark();
    const at = range.now();
    const refusal = await send(target, mark);
    if (refusal !== undefined) await range.untilAlert(mark, () => send(target, mark));
    attempts.push({ tried: `${what} on the ${target.plane} listener`, mark, at, refusal });
  }
  return attempts;
}

function requestDrill(
  fixed: Pick<Drill, 'id' | 'title' | 'requirements' | 'attacks' | 'codes' | 'rule'> & {
    readonly tried: string;
  },
  request: (target: DrillTarget) => DrillRequest,
): Drill<ListenRange> {
  const { tried, ...rest } = fixed;
  return {
    ...rest,
    event: REFUSED,
    alert: SPIKE,
    run: (range) =>
      toEach(range, open(range), tried, async (target, mark) =>
        refusalOf(
          await range.http(target, mark, { path: '/healthz', ...request(target) }),
          fixed.codes[0] ?? '',
        ),
      ),
  };
}

function upgradeDrill(
  fixed: Pick<Drill, 'id' | 'title' | 'requirements' | 'attacks' | 'codes' | 'rule'> & {
    readonly tried: string;
  },
  headers: readonly (readonly [string, string])[],
): Drill<ListenRange> {
  const { tried, ...rest } = fixed;
  return {
    ...rest,
    event: REFUSED,
    alert: SPIKE,
    run: (range) =>
      toEach(range, withWebSocket(range), tried, async (target, mark) => {
        const socket = await range.socket(target, mark, headers);
        socket.close();
        return socket.upgraded ? undefined : refusalOf(socket.answer, '');
      }),
  };
}

const forgedForwarding: Drill<ListenRange> = {
  id: 'listen.forged-forwarding',
  title: 'X-Forwarded-For from a peer that is no listed proxy',
  requirements: ['L6'],
  attacks: [79],
  codes: ['LISTEN_PROXY_NOT_TRUSTED'],
  rule: 'gateway.trustedProxies',
  event: REFUSED,
  alert: SPIKE,
  run(range) {
    const send = async (target: DrillTarget, mark: DrillMark) => {
      if (inBlocks(range.trustedProxies(), mark.address))
        throw new NotApplicable('every program of this machine is listed in gateway.trustedProxies');
      const request = { path: '/healthz', headers: [['X-Forwarded-For', '127.0.0.1']] as const };
      return refusalOf(await range.http(target, mark, request), 'LISTEN_PROXY_NOT_TRUSTED');
    };
    return toEach(range, open(range), 'X-Forwarded-For: 127.0.0.1', send);
  },
};

const oversizedFrame: Drill<ListenRange> = {
  id: 'listen.oversized-frame',
  title: 'a WebSocket frame beyond the limit before anybody has authenticated',
  requirements: ['L5'],
  attacks: [92],
  codes: ['WS_FRAME_TOO_LARGE'],
  rule: '64 KiB before connect',
  event: REFUSED,
  alert: SPIKE,
  run: (range) =>
    toEach(
      range,
      withWebSocket(range).slice(0, 1),
      'a frame of 70,000 bytes before connect',
      async (target, mark) => {
        const socket = await range.socket(target, mark);
        if (!socket.upgraded) return refusalOf(socket.answer, '');
        socket.send('x'.repeat(70_000));
        const closed = await socket.ended(5_000);
        socket.close();
        return closed === undefined
          ? undefined
          : { code: closed === 1009 ? 'WS_FRAME_TOO_LARGE' : `close ${closed}` };
      },
    ),
};

const undeclaredListener: Drill<ListenRange> = {
  id: 'listen.undeclared-listener',
  title: 'a process of Gatehouse opens a port that nothing declares',
  requirements: ['L2'],
  attacks: [],
  codes: ['listen.undeclared'],
  rule: 'the kernel socket tables against the declared listeners',
  event: 'listener.drift',
  alert: { rule: 'listener.drift' },
  async run(range) {
    const mark = range.mark();
    const stray = await range.strayListener(mark);
    const at = range.now();
    await range.lookAtListeners();
    await stray.close();
    await range.lookAtListeners();
    return [
      {
        tried: `listened on ${mark.address}:${stray.port} from a child process of the gateway`,
        mark,
        at,
        // Nothing can refuse a socket of this account; it is noticed, and that is what the drill proves.
        refusal: { code: 'listen.undeclared' },
        note: `the watch was asked to look now; by itself it looks every ${range.listenerWatchMs / 1_000} s`,
        recoveredAt: range.now(),
      },
    ];
  },
};

const foreignAddress: Drill<ListenRange> = {
  id: 'listen.address-not-allowed',
  title: 'a connection to an exposed listener from an address that it does not list',
  requirements: ['L8'],
  attacks: [77],
  codes: ['LISTEN_ADDRESS_NOT_ALLOWED'],
  rule: 'allowedAddresses of the listener',
  event: REFUSED,
  alert: SPIKE,
  run(range) {
    const exposed = range.targets.filter(({ exposed, address }) => exposed && !address.includes(':'));
    if (exposed.length === 0)
      throw new NotApplicable('no listener is exposed: nobody outside this machine can connect');
    return toEach(
      range,
      exposed,
      'a connection from an address without a place on the list',
      async (target, mark) => {
        const { status } = await range.http(target, mark);
        return status === 0 ? { code: 'LISTEN_ADDRESS_NOT_ALLOWED' } : undefined;
      },
    );
  },
};

/** Negative tests of what can be reached (L1 to L9). */
export const LISTEN_DRILLS: readonly Drill<ListenRange>[] = [
  requestDrill(
    {
      id: 'listen.rebinding',
      title: 'a request for a host name that a hostile DNS server points here',
      requirements: ['L4'],
      attacks: [77],
      codes: ['LISTEN_HOST_NOT_ALLOWED'],
      rule: 'gateway.allowedHosts',
      tried: 'Host: evil.example',
    },
    ({ port }) => ({ headers: [['Host', `evil.example:${port}`]] }),
  ),
  requestDrill(
    {
      id: 'listen.hostile-origin',
      title: 'a request that a page of another site makes',
      requirements: ['L4'],
      attacks: [77],
      codes: ['LISTEN_ORIGIN_NOT_ALLOWED'],
      rule: 'gateway.controlUi.allowedOrigins',
      tried: `Origin: ${HOSTILE_ORIGIN}`,
    },
    () => ({ headers: [['Origin', HOSTILE_ORIGIN]] }),
  ),
  requestDrill(
    {
      id: 'listen.null-origin',
      title: 'a request from a sandboxed frame or a local file',
      requirements: ['L4'],
      attacks: [77],
      codes: ['LISTEN_ORIGIN_NOT_ALLOWED'],
      rule: 'null is no origin',
      tried: 'Origin: null',
    },
    () => ({ headers: [['Origin', 'null']] }),
  ),
  upgradeDrill(
    {
      id: 'listen.hostile-origin-websocket',
      title: 'a WebSocket that a page of another site opens',
      requirements: ['L4'],
      attacks: [77],
      codes: ['LISTEN_ORIGIN_NOT_ALLOWED'],
      rule: 'gateway.controlUi.allowedOrigins',
      tried: `a WebSocket with Origin: ${HOSTILE_ORIGIN}`,
    },
    [['Origin', HOSTILE_ORIGIN]],
  ),
  upgradeDrill(
    {
      id: 'listen.null-origin-websocket',
      title: 'a WebSocket from a sandboxed frame or a local file',
      requirements: ['L4'],
      attacks: [77],
      codes: ['LISTEN_ORIGIN_NOT_ALLOWED'],
      rule: 'null is no origin',
      tried: 'a WebSocket with Origin: null',
    },
    [['Origin', 'null']],
  ),
  upgradeDrill(
    {
      id: 'listen.rebinding-websocket',
      title: 'a WebSocket for a host name that a hostile DNS server points here',
      requirements: ['L4'],
      attacks: [77],
      codes: ['LISTEN_HOST_NOT_ALLOWED'],
      rule: 'gateway.allowedHosts',
      tried: 'a WebSocket with Host: evil.example',
    },
    [['Host', 'evil.example']],
  ),
  forgedForwarding,
  requestDrill(
    {
      id: 'listen.token-in-url',
      title: 'a credential in the address of a request',
      requirements: ['L4'],
      attacks: [83],
      codes: ['LISTEN_TOKEN_IN_URL'],
      rule: 'no credential in a URL',
      tried: 'GET /?token=drill',
    },
    () => ({ path: '/?token=drill' }),
  ),
  requestDrill(
    {
      id: 'listen.too-many-headers',
      title: 'more headers than a request may have',
      requirements: ['L5'],
      attacks: [92],
      codes: ['LISTEN_HEADERS_TOO_LARGE'],
      rule: `${LISTEN_LIMITS.headerCount} headers`,
      tried: `${LISTEN_LIMITS.headerCount + 10} headers`,
    },
    () => ({
      headers: Array.from(
        { length: LISTEN_LIMITS.headerCount + 10 },
        (_, i) => [`X-Drill-${i}`, '1'] as const,
      ),
    }),
  ),
  requestDrill(
    {
      id: 'listen.oversized-headers',
      title: 'headers of more bytes than a request may have',
      requirements: ['L5'],
      attacks: [92],
      codes: ['LISTEN_HEADERS_TOO_LARGE'],
      rule: `${LISTEN_LIMITS.headerBytes} bytes`,
      tried: `a header of ${LISTEN_LIMITS.headerBytes + 4_096} bytes`,
    },
    () => ({ headers: [['X-Drill', 'x'.repeat(LISTEN_LIMITS.headerBytes + 4_096)]] }),
  ),
  requestDrill(
    {
      id: 'listen.ambiguous-request',
      title: 'a request that two parsers read in two ways',
      requirements: ['L5'],
      attacks: [24, 26, 27],
      codes: ['LISTEN_REQUEST_MALFORMED'],
      rule: 'one Host, one length',
      tried: 'Content-Length together with Transfer-Encoding',
    },
    () => ({
      method: 'POST',
      headers: [
        ['Content-Length', '4'],
        ['Transfer-Encoding', 'chunked'],
      ],
      body: '0\r\n\r\n',
    }),
  ),
  oversizedFrame,
  undeclaredListener,
  foreignAddress,
];
