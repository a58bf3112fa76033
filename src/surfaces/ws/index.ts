import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { PeerFacts } from '../../controls/auth/types.ts';
import { Crowd } from '../../controls/listen/index.ts';
import type { GatehouseError } from '../../kernel/index.ts';
import { shownRunId } from '../../operations/run-id.ts';
import { Connection } from './connection.ts';
import { approvalFrame, concernsCaller, deviceRequested } from './events/approvals.ts';
import type { OutgoingEvent } from './events/outgoing.ts';
import { turnEvents } from './events/turns.ts';
import { WS_LIMITS, type WsLimits } from './limits.ts';
import { OPENCLAW_METHODS } from './methods/index.ts';
import type { WsParts } from './parts.ts';

export type { WsLimits } from './limits.ts';

/** Events that may be sent, as `hello-ok` announces them. */
const EVENTS = [
  'connect.challenge',
  'tick',
  'chat',
  'agent',
  'sessions.changed',
  'session.message',
  'exec.approval.requested',
  'exec.approval.resolved',
  'plugin.approval.requested',
  'plugin.approval.resolved',
  'device.pair.requested',
  'device.pair.resolved',
  'shutdown',
] as const;

export interface UpgradeRules {
  judge(request: IncomingMessage): {
    readonly peer: PeerFacts;
    readonly refusal?: GatehouseError;
    /** Secret of the browser session that the upgrade showed, from a page of our own. */
    readonly session?: string;
  };
  /**
   * Called once somebody proved who they are on this connection.
   *
   * @returns false when this principal holds as many connections as one may
   */
  authenticated(request: IncomingMessage, principal: string): boolean;
}

export interface WsSurface {
  /**
   * Take WebSocket upgrades of a server. `judge` looks at the request before anything is answered (Host, Origin,
   * forwarding headers) and says who is at the other end.
   */
  attach(server: Server, rules: UpgradeRules): void;
  connections(): number;
  /** Tell every client, then close; resolves when all are gone or the time is up. */
  close(reason: string, restartExpectedMs?: number): void;
}

type Options = Omit<WsParts, 'limits' | 'hello'> & {
  readonly limits?: Partial<WsLimits>;
  readonly hello: () => {
    readonly version: string;
    readonly uptimeMs: number;
    readonly defaultAgent: string;
  };
};

/** OpenClaw's WebSocket protocol (version 4) over the operations. Translates; every effect is an operation's. */
export function createWsSurface(options: Options): WsSurface {
  const limits: WsLimits = { ...WS_LIMITS, ...options.limits };
  const methods = new Map(OPENCLAW_METHODS.map((method) => [method.name, method]));
  const names = [...methods.keys(), ...options.dispatcher.operations.map(({ id }) => `gatehouse.${id}`)];
  const parts: WsParts = {
    ...options,
    limits,
    hello: () => ({ ...options.hello(), methods: names, events: EVENTS }),
  };
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    // Pongs are bounded like everything that is sent.
    autoPong: false,
    maxPayload: limits.frameBytes,
    clientTracking: false,
  });
  const waiting = new Crowd<Connection>();
  const live = new Set<Connection>();
  let ticker: NodeJS.Timeout | undefined;

  /** Whoever waits longest makes room, as on the listener: others must be able to log in (attack 91). */
  const makeRoom = (address: string) => {
    const crowded = waiting.size >= limits.unauthenticatedTotal ? waiting.mostCrowded() : undefined;
    const full = waiting.countOf(address) >= limits.unauthenticatedPerAddress ? address : crowded;
    const oldest = full === undefined ? undefined : waiting.oldestOf(full);
    if (oldest === undefined) return;
    waiting.delete(oldest);
    oldest.crowdOut();
  };

  const broadcast = (space: string, event: OutgoingEvent) => {
    for (const connection of live) if (connection.caller?.space === space) connection.deliver(event);
  };

  const buffered = () => {
    let bytes = 0;
    for (const connection of live) bytes += connection.buffered;
    return bytes;
  };

  // A function of its own: what lives as long as the connection must not hold the request that it began with.
  const forgetAtEnd = (webSocket: WebSocket, connection: Connection) => {
    webSocket.once('close', () => {
      live.delete(connection);
      waiting.delete(connection);
      if (live.size > 0) return;
      clearInterval(ticker);
      ticker = undefined;
    });
  };

  const accept = (
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    { peer, session }: { readonly peer: PeerFacts; readonly session: string | undefined },
    place: (principal: string) => boolean,
  ) => {
    server.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new Connection(parts, webSocket, {
        socket: request.socket,
        peer,
        session,
        methods,
        broadcast,
        buffered,
      });
      makeRoom(peer.address);
      live.add(connection);
      waiting.add(connection, peer.address);
      forgetAtEnd(webSocket, connection);
      connection.open((principal) => {
        if (!place(principal)) return false;
        waiting.delete(connection);
        return true;
      });
      // No client, no timer: an idle gateway does nothing at all.
      ticker ??= setInterval(() => live.forEach((each) => each.tick()), limits.tickMs).unref();
    });
  };

  options.turns.subscribe((event) => {
    if (live.size === 0) return;
    for (const frame of turnEvents({ ...event, runId: shownRunId(event.runId) }))
      broadcast(event.space, frame);
  });
  options.approvals.subscribe((event) => {
    for (const connection of live) {
      if (!concernsCaller(event.record, connection.caller)) continue;
      const frame = approvalFrame(event, connection.capabilities);
      if (frame !== undefined) connection.event(frame.event, frame.payload);
    }
  });
  options.auth.onDeviceRequest((request) => {
    for (const connection of live) connection.deliver(deviceRequested(request));
  });
  options.auth.onRevoked((credentialId, reason) => {
    for (const connection of live) connection.revoke(credentialId, reason);
  });

  return {
    attach(httpServer, { judge, authenticated }) {
      httpServer.on('upgrade', (request, socket, head) => {
        socket.on('error', destroyThis);
        const { refusal, ...verdict } = judge(request);
        if (refusal !== undefined) return refuseUpgrade(socket, refusal);
        const peer: PeerFacts = { ...verdict.peer, surface: 'ws' };
        const { session } = verdict;
        accept(request, socket, head, { peer, session }, (principal) => authenticated(request, principal));
      });
    },
    connections: () => live.size,
    close(reason, restartExpectedMs) {
      clearInterval(ticker);
      for (const connection of live) connection.shutdown(reason, restartExpectedMs);
    },
  };
}

function destroyThis(this: Duplex): void {
  this.destroy();
}

/** An upgrade that is refused gets an ordinary HTTP answer and nothing else. */
function refuseUpgrade(socket: Duplex, error: GatehouseError): void {
  const body = JSON.stringify({
    error: { message: error.message, type: error.code, code: error.code, fix: error.fix },
  });
  socket.end(
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? 'Error'}\r\n` +
      'Content-Type: application/json; charset=utf-8\r\nCache-Control: no-store\r\nConnection: close\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
