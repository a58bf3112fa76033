import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  asGatehouseError,
  type Decision,
  decide,
  type EgressIdentity,
  type GatehouseError,
  type Sighting,
} from '../../../kernel/index.ts';
import { answerRefusal, answerRefusalOn } from '../answer.ts';
import { EGRESS_CODES, type EgressCode } from '../codes.ts';
import type { Gate } from '../gate.ts';
import { judgeHead, type RequestHead } from '../head.ts';
import { hostHeader, type Judged, judgeAuthority } from '../host.ts';
import type { RunMeter } from '../meter.ts';
import { createServer } from '../node-http.ts';
import type { EgressPolicy, Handle } from '../passage.ts';
import { codedRefusal, decisionRefusal, recordRequest } from '../record.ts';
import { type AllowedRequest, judgeRequest } from '../request-rules.ts';
import type { RunSecrets, SecretPlan } from '../types.ts';
import type { InterceptionAuthority } from './authority.ts';
import { exchange } from './exchange.ts';
import { TunnelAgent } from './upstream.ts';

/** What a run needs so that TLS of its tunnels can end in egress. */
export interface Interception {
  /** The one that this run trusts. */
  readonly authority: InterceptionAuthority;
  readonly secrets: RunSecrets;
  /** Further certificate authorities of upstream hosts in PEM. */
  readonly ca?: string;
}

export interface InterceptParts extends Interception {
  readonly gate: Gate;
  readonly meter: RunMeter;
  readonly identity: EgressIdentity;
  readonly policyOf: () => EgressPolicy | undefined;
  /** Options of Node's HTTP server, the same for every request of a run. */
  readonly serverOptions: object;
  /** Counts a request against the run's life; throws past its limit. */
  withinLimit(): Promise<void>;
}

interface Tunnel {
  readonly handle: Handle;
  readonly agent: TunnelAgent;
}

const HTTPS_PORT = 443;
const ALPN = 'http/1.1';
/** A range of an answer could hold a part of a value, which no search for the value finds. */
const NOT_WITH_SECRETS = new Set(['range', 'if-range', 'accept-encoding']);

/** Ends TLS of a run's tunnels and judges each request inside them (E2, E4, E6). */
export class InterceptServer {
  readonly #parts: InterceptParts;
  readonly #server: Server;
  readonly #tunnels = new WeakMap<Socket, Tunnel>();

  constructor(parts: InterceptParts) {
    this.#parts = parts;
    this.#server = createServer(
      parts.serverOptions,
      (request, response) => void this.#onRequest(request, response),
    );
    this.#server.maxHeadersCount = parts.gate.limits.headerCount;
    this.#server.on('connect', (request, socket) => void this.#onConnect(request, socket as Socket));
    this.#server.on('clientError', (cause, socket) => void this.#onClientError(cause, socket as Socket));
  }

  /** Take over an admitted tunnel whose first bytes are a ClientHello for its host. */
  async serve(client: Socket, early: Buffer, handle: Handle): Promise<void> {
    const { gate, authority, ca } = this.#parts;
    const { target } = handle.passage;
    const { TLSSocket } = await import('node:tls');
    const secureContext = await authority.contextFor(target.host, gate.clock.now());
    client.unshift(early);
    const secure = new TLSSocket(client, { isServer: true, secureContext, ALPNProtocols: [ALPN] });
    const tls = { timeoutMs: gate.limits.connectMs, ...(ca === undefined ? {} : { ca }) };
    const agent = new TunnelAgent(handle.passage, tls, gate.limits.idleMs);
    let code: EgressCode | undefined = 'EGRESS_INTERCEPT_REFUSED';
    const timer = setTimeout(() => secure.destroy(), gate.limits.helloMs);
    const onAbort = (): void => void secure.destroy();
    handle.signal.addEventListener('abort', onAbort);
    secure.on('error', () => secure.destroy());
    secure.once('close', () => {
      clearTimeout(timer);
      handle.signal.removeEventListener('abort', onAbort);
      agent.destroy();
      client.destroy();
      const moved = { sent: client.bytesRead, received: client.bytesWritten };
      handle.finish({ ...moved, ...(code === undefined ? {} : { code }) });
    });
    secure.once('secure', () => {
      clearTimeout(timer);
      if (!this.#isExpected(secure, handle)) return void secure.destroy();
      code = undefined;
      this.#tunnels.set(secure, { handle, agent });
      secure.setTimeout(gate.limits.idleMs, () => secure.destroy());
      this.#server.emit('connection', secure);
    });
    if (handle.signal.aborted) onAbort();
  }

  /** A second ClientHello after HelloRetryRequest must name the same host as the first (attack 41). */
  #isExpected(secure: TLSSocket, { passage }: Handle): boolean {
    const { servername } = secure as TLSSocket & { readonly servername?: string | false };
    const name = typeof servername === 'string' && servername !== '' ? servername.toLowerCase() : undefined;
    return name === (passage.target.literal === 0 ? passage.target.host : undefined);
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const tunnel = this.#tunnels.get(request.socket);
    try {
      await this.#parts.withinLimit();
      if (tunnel === undefined) throw EGRESS_CODES.error('EGRESS_REQUEST_MALFORMED');
      const { handle, agent } = tunnel;
      const { passage } = handle;
      const { gate, meter, secrets } = this.#parts;
      const judged = await this.#judge(request, handle);
      const { method = 'GET' } = request;
      const path = secrets.redact(judged.path.split('?')[0] ?? '');
      const rule = judged.allowed.rule ?? passage.decision.rule;
      const { names } = judged.plan;
      await recordRequest(gate.ledger, passage, { method, path, rule, secrets: names }, judged.uses);
      for (const name of names) secrets.used(name, gate.clock.now());
      const { headers, target } = judged.plan.fill();
      await exchange({
        request,
        response,
        handle,
        agent,
        headers,
        target,
        framing: judged.head.framing,
        hostHeader: hostHeader({ scheme: 'https', target: passage.target }),
        idleMs: gate.limits.idleMs,
        mask: secrets.stream(),
        redact: (text) => secrets.redact(text),
        watch: gate.tripwire.watch(this.#sighting(passage)),
        meter,
      });
    } catch (thrown) {
      request.resume();
      answerRefusal(response, asGatehouseError(thrown));
    }
  }

  async #judge(request: IncomingMessage, { passage }: Handle) {
    const { gate, policyOf, secrets } = this.#parts;
    const { target } = passage;
    const path = request.url ?? '';
    try {
      const { head } = accept(judgeHead(request.method ?? '', request.httpVersion, request.rawHeaders));
      if (!path.startsWith('/') || /[\x00-\x20\x7f-\uffff#\\]/.test(path)) {
        throw codedRefusal('EGRESS_URL_INVALID', target, passage.decision);
      }
      const host = judgeAuthority(head.host ?? '', HTTPS_PORT);
      if (!host.ok || host.target.host !== target.host || host.target.port !== target.port) {
        throw codedRefusal('EGRESS_HOST_MISMATCH', target, passage.decision);
      }
      if (gate.tripwire.trips([path, ...head.headers].join('\n'), this.#sighting(passage))) {
        throw codedRefusal('EGRESS_HONEYTOKEN', target, passage.decision);
      }
      const asked = { method: request.method ?? '', path };
      const allowed = judgeRequest(policyOf(), target, asked, gate.clock.now());
      const headers = withoutAny(head.headers, NOT_WITH_SECRETS);
      const plan = secrets.plan({
        host: target.host,
        port: target.port,
        headers,
        target: path,
        ...(allowed.attach === undefined ? {} : { attach: allowed.attach }),
      });
      const uses = plan.names.map((secret) => ({ secret, decision: this.#mayUse(secret, allowed, passage) }));
      return { head: head satisfies RequestHead, path, allowed, plan: plan satisfies SecretPlan, uses };
    } catch (thrown) {
      throw await this.#refused(asGatehouseError(thrown), path);
    }
  }

  #sighting({ target, subject }: Handle['passage']): Sighting {
    return { where: `a request to ${target.host}`, subject, data: { via: 'intercepted' } };
  }

  #mayUse(secret: string, allowed: AllowedRequest, { target, decision }: Handle['passage']): Decision {
    const { gate, identity, policyOf } = this.#parts;
    if (!allowed.secrets.has(secret)) {
      throw codedRefusal('EGRESS_SECRET_NOT_IN_RULE', target, decision);
    }
    const policy = policyOf();
    if (policy === undefined) throw codedRefusal('EGRESS_AGENT_UNKNOWN', target);
    const action = { kind: 'secret.use', secret, host: target.host } as const;
    const used = decide(policy.authority, identity, action, gate.clock.now());
    if (used.effect !== 'allow') throw decisionRefusal(used, target);
    return used;
  }

  async #onConnect(request: IncomingMessage, socket: Socket): Promise<void> {
    const refusal = EGRESS_CODES.error('EGRESS_METHOD_REFUSED');
    answerRefusalOn(socket, await this.#refused(refusal, request.url ?? ''));
  }

  async #onClientError(cause: Error & { readonly code?: string }, socket: Socket): Promise<void> {
    if (socket.destroyed || cause.code === 'ECONNRESET' || cause.code === 'EPIPE') {
      socket.destroy();
      return;
    }
    const code = cause.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'EGRESS_LIMIT_TIME' : 'EGRESS_REQUEST_MALFORMED';
    const { allowed } = this.#parts.meter.request();
    const refusal = EGRESS_CODES.error(code, undefined, { cause });
    answerRefusalOn(socket, allowed ? await this.#refused(refusal, '') : refusal);
  }

  /** Record a refusal; a placeholder that is used against its binding is told to a person as well. */
  async #refused(refusal: GatehouseError, raw: string): Promise<GatehouseError> {
    const { gate, identity, secrets } = this.#parts;
    if (refusal.code.startsWith('SECRET_')) raiseMisuse(gate, identity, refusal);
    const shown = secrets.redact(raw.split('?')[0] ?? '');
    return gate.refused(refusal, identity, 'intercepted', shown);
  }
}

/** Tell a person that a run sent a placeholder where it does not belong (attack 84). */
export function raiseMisuse(gate: Gate, identity: EgressIdentity, refusal: GatehouseError): void {
  const { secret, host } = refusal.details;
  gate.alerts.raise({
    rule: 'secrets.misuse',
    code: refusal.code,
    severity: 'high',
    title: `a run of ${identity.agent} sent a secret's placeholder where it does not belong`,
    fix: 'Look at the run in `gatehouse ledger tail`; the value was not sent. Stop the session if nobody meant it.',
    key: `${identity.run} ${refusal.code}`,
    subject: identity,
    data: { ...(secret === undefined ? {} : { secret }), ...(host === undefined ? {} : { host }) },
  });
}

function withoutAny(headers: readonly string[], names: ReadonlySet<string>): readonly string[] {
  return headers.filter((_, at) => !names.has((headers[at - (at % 2)] ?? '').toLowerCase()));
}

function accept<T>(judged: Judged<T>): T {
  if (judged.ok) return judged;
  throw EGRESS_CODES.error(judged.code, judged.message);
}
