import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { principalLayer, type Scope } from '../../../controls/auth/index.ts';
import {
  LISTEN_LIMITS,
  type ListenLimits,
  LOOPBACK_HOSTS,
  type RequestRules,
} from '../../../controls/listen/index.ts';
import { authorityOf, decide, GatehouseError } from '../../../kernel/index.ts';
import type { Caller, CallOptions, Dispatcher, Operation } from '../../../operations/define.ts';
import { createHttpSurface, type HttpSurface, type HttpSurfaceParts } from '../index.ts';
import { type AuthOptions, type TestHome, testHome } from './home.ts';

/** One thing that a fake operation does. */
export type Behaviour = (input: unknown, caller: Caller, options: CallOptions) => unknown;

export interface FakeOperation {
  readonly id: string;
  readonly scope: Scope;
  readonly run: Behaviour;
  readonly streams?: boolean;
}

export interface Call {
  readonly id: string;
  readonly input: unknown;
  readonly caller: Caller;
}

/** A dispatcher that decides on scopes like the real one and otherwise does what the test says. */
function fakeDispatcher(
  operations: readonly FakeOperation[],
): Dispatcher & { readonly calls: readonly Call[] } {
  const calls: Call[] = [];
  return {
    calls,
    operations: operations.map(({ id, scope, streams }) => ({
      ...({
        id,
        scope,
        summary: id,
        input: {},
        output: {},
        effect: 'read',
        errors: [],
      } as unknown as Operation),
      ...(streams === true ? { stream: {} } : {}),
    })) as readonly Operation[],
    async call(id, caller, input, options = {}) {
      const found = operations.find((operation) => operation.id === id);
      if (found === undefined)
        throw new GatehouseError('OP_UNKNOWN', 'there is no such operation', { status: 404 });
      const action = { kind: 'operation.call', operation: id, scope: found.scope } as const;
      if (decide(caller.authority, caller.subject, action, 0).effect !== 'allow') {
        const details = { missingScope: found.scope };
        throw new GatehouseError('AUTH_SCOPE_MISSING', 'missing scope', { status: 403, details });
      }
      calls.push({ id, input, caller });
      return found.run(input, caller, options);
    },
  };
}

export interface TestGateway extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly surface: HttpSurface;
  readonly server: Server;
  readonly events: TestHome['events'];
  /** Codes of the ledger's events, or their actions where there is none. */
  readonly codes: () => readonly string[];
  readonly calls: readonly Call[];
  readonly auth: TestHome['auth'];
  readonly advance: (ms: number) => void;
  issue(
    name: string,
    scopes: readonly Scope[],
    more?: { agents?: string[]; expiresAt?: number },
  ): Promise<string>;
  /** Bytes to the server and all that it answers until it closes. */
  raw(text: string): Promise<string>;
  dial(): Socket;
  /** Run what the timers of authentication wait for. */
  readonly runTimers: () => void;
  /** Resolves when the server has seen the next connection end. */
  nextDisconnect(): Promise<void>;
}

export interface GatewayOptions {
  readonly operations?: readonly FakeOperation[];
  readonly limits?: Partial<ListenLimits>;
  readonly rules?: Partial<RequestRules>;
  readonly parts?: Partial<HttpSurfaceParts>;
  readonly auth?: Partial<AuthOptions>;
  /** Awaited before a token is proven. */
  readonly beforeProof?: () => Promise<void>;
}

const CALLER_OF: HttpSurfaceParts['callerOf'] = (principal, surface, trace) => ({
  principal,
  subject: { principal: principal.id },
  authority: authorityOf(principalLayer(principal)),
  surface,
  space: principal.id,
  trace,
});

function methodsOf(auth: TestHome['auth']): HttpSurfaceParts['auth'] {
  return {
    authenticateRequest: (credentials, peer) => auth.authenticateRequest(credentials, peer),
    browser: auth.browser,
    localOperator: () => auth.localOperator(),
    onRevoked: (listener) => auth.onRevoked(listener),
    recordRefusal: (code, peer, principal) => auth.recordRefusal(code, peer, principal),
  };
}

/** The HTTP surface with real authentication on a real loopback socket, over fake operations. */
export async function testGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const home = await testHome(options.auth);
  const dispatcher = fakeDispatcher(options.operations ?? []);
  const rules = { allowedHosts: LOOPBACK_HOSTS, allowedOrigins: [], trustedProxies: [], ...options.rules };
  const surface = await createHttpSurface({
    dispatcher,
    auth: {
      ...methodsOf(home.auth),
      async authenticateRequest(credentials, peer) {
        await options.beforeProof?.();
        return home.auth.authenticateRequest(credentials, peer);
      },
    },
    callerOf: CALLER_OF,
    runtime: { version: '0.0.0-test', startedAt: 0, ready: () => ({ ready: true, failing: [] }) },
    logger: { info() {}, warn() {}, error() {} },
    rules: () => rules,
    limits: { ...LISTEN_LIMITS, ...options.limits },
    ...options.parts,
  });
  const server = surface.server('token');
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = new Set<Socket>();
  server.on('connection', (socket: Socket) => accepted.add(socket));
  const sockets = new Set<Socket>();
  const dial = (): Socket => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    sockets.add(socket);
    return socket;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    surface,
    server,
    events: home.events,
    codes: () => home.events.map((event) => event.code ?? event.action),
    calls: dispatcher.calls,
    auth: home.auth,
    advance: home.advance,
    runTimers: home.runTimers,
    nextDisconnect: () =>
      new Promise((resolve) => {
        for (const socket of accepted) socket.once('close', () => resolve());
      }),
    dial,
    issue: async (name, scopes, more) => (await home.auth.issueToken({ name, scopes, ...more })).token,
    raw: async (text) => {
      const socket = dial();
      socket.write(text);
      let answer = '';
      socket.on('data', (chunk) => (answer += chunk.toString()));
      await Promise.race([once(socket, 'close'), sleep(5_000, undefined, { ref: false })]);
      return answer;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await surface.close();
      await home[Symbol.asyncDispose]();
    },
  };
}

/** A JSON body whose shape the test asserts. */
export interface AnswerBody {
  readonly ok?: boolean;
  readonly error: { readonly code?: string; readonly type?: string; readonly requiresApproval?: string };
  readonly failing?: readonly string[];
  readonly version?: string;
  readonly paths: Readonly<Record<string, { readonly post: Readonly<Record<string, unknown>> }>>;
}

export async function jsonOf(answer: Response): Promise<AnswerBody> {
  return (await answer.json()) as AnswerBody;
}
