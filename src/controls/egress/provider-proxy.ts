import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { asGatehouseError, GatehouseError, type Subject } from '../../kernel/index.ts';
import { answerRefusal } from './answer.ts';
import { EGRESS_CODES } from './codes.ts';
import { copy } from './forward.ts';
import { judgeHead, type RequestHead, responseHeaders } from './head.ts';
import { hostHeader, type Judged, type JudgedUrl, judgeAuthority, judgeUrl } from './host.ts';
import { createServer, request as httpRequest } from './node-http.ts';
import type { Passage } from './passage.ts';
import { type PoolParts, ProviderAgent } from './provider-pool.ts';
import { codedRefusal, recordClosed, recordDecision } from './record.ts';
import { judgeRequest } from './request-rules.ts';
import type { SecretInjector, SecretMask } from './types.ts';

/** Milliseconds without a byte from a provider; models think for minutes before they answer. */
const PROVIDER_IDLE_MS = 600_000;
/** Characters of an identity header. */
const MAX_IDENTITY = 256;

export interface ProviderParts extends PoolParts {
  readonly secrets: SecretInjector;
}

/** One provider call that was decided, with its secrets put in. */
interface Call {
  readonly passage: Passage;
  readonly url: JudgedUrl;
  readonly head: RequestHead;
  readonly headers: readonly string[];
  readonly secretNames: readonly string[];
}

/**
 * Takes the gateway's own provider calls in absolute form over a Unix socket that only the gateway can reach.
 * The gateway sends placeholders; the value is put in here, for the host it is bound to, and masked in
 * whatever comes back (E6).
 */
export class ProviderProxy {
  readonly #parts: ProviderParts;
  readonly #server: Server;
  readonly #agents = new Map<string, ProviderAgent>();

  constructor(parts: ProviderParts) {
    const { limits } = parts.gate;
    this.#parts = parts;
    this.#server = createServer(
      { insecureHTTPParser: false, maxHeaderSize: limits.headerBytes, headersTimeout: 0, requestTimeout: 0 },
      (request, response) => void this.#onRequest(request, response),
    );
    this.#server.keepAliveTimeout = 0;
    this.#server.on('connect', (_request, socket) => socket.destroy());
  }

  listen(socketPath: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(socketPath, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** Idle connections were opened under the old rules; calls in flight keep theirs. */
  reload(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  /** Take no new calls, let running ones end for `graceMs`, then cut them off. */
  close(graceMs = 0): Promise<void> {
    return new Promise((resolve) => {
      const cut = setTimeout(() => this.#server.closeAllConnections(), graceMs);
      this.#server.close(() => {
        clearTimeout(cut);
        this.reload();
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let subject: Subject = { principal: 'gateway' };
    try {
      subject = subjectOf(request);
      const call = this.#prepare(request, subject);
      const recorded = recordDecision(this.#parts.gate.ledger, call.passage, 'provider', {
        secrets: call.secretNames,
      });
      // Handled where it is awaited, before the first byte of the answer; this keeps Node from calling it unhandled.
      recorded.catch(() => undefined);
      await this.#exchange(request, response, call, recorded);
    } catch (thrown) {
      const refusal = asGatehouseError(thrown);
      request.resume();
      answerRefusal(response, await this.#parts.gate.refused(refusal, subject, 'provider'));
    }
  }

  #prepare(request: IncomingMessage, subject: Subject): Call {
    const { gate, policyOf, secrets } = this.#parts;
    const { head } = accept(judgeHead(request.method ?? '', request.httpVersion, request.rawHeaders));
    const { url } = accept(judgeUrl(request.url ?? ''));
    const { target } = url;
    const host = accept(judgeAuthority(head.host ?? '', url.scheme === 'https' ? 443 : 80)).target;
    if (host.host !== target.host || host.port !== target.port)
      throw codedRefusal('EGRESS_HOST_MISMATCH', target);
    const { decision, rule } = gate.decide(policyOf(), subject, target, 'provider');
    // A key never goes out in the clear to a provider that is reached over TLS.
    const protocol = rule?.spec.protocol;
    // A rule for mail carries no HTTP: lines of a body would be commands to the server.
    if (protocol === 'tcp' || (url.scheme === 'http') !== (protocol === 'http')) {
      throw codedRefusal('EGRESS_SCHEME_REFUSED', target, decision);
    }
    // What a key is for is the model's own endpoint, not everything that the host offers to its owner.
    judgeRequest(policyOf(), target, { method: request.method ?? '', path: url.path }, gate.clock.now());
    const headers: string[] = [];
    const secretNames: string[] = [];
    for (let i = 0; i + 1 < head.headers.length; i += 2) {
      const name = head.headers[i] ?? '';
      // A compressed answer would hide a reflected secret from the mask (attack 84).
      if (name.toLowerCase() === 'accept-encoding') continue;
      const filled = secrets.fill(name, head.headers[i + 1] ?? '', target);
      // Once is what a call needs; more would multiply what is sent.
      if (filled.names.some((secret) => secretNames.includes(secret)))
        throw codedRefusal('EGRESS_HEADER_REFUSED', target, decision);
      headers.push(name, filled.value);
      secretNames.push(...filled.names);
    }
    const filledPath = secrets.fillTarget(url.path, target);
    secretNames.push(...filledPath.names);
    const passage = { subject, target, decision, rule, addresses: [], intercepted: false };
    return {
      passage,
      url: { ...url, path: filledPath.value },
      head,
      headers: [...headers, 'accept-encoding', 'identity'],
      secretNames,
    };
  }

  #agent({ url }: Call): ProviderAgent {
    const key = `${url.scheme} ${url.target.host} ${url.target.port}`;
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      agent = new ProviderAgent(this.#parts, url.target, url.scheme === 'https');
      this.#agents.set(key, agent);
    }
    return agent;
  }

  #exchange(
    request: IncomingMessage,
    response: ServerResponse,
    call: Call,
    recorded: Promise<void>,
  ): Promise<void> {
    const { gate, secrets } = this.#parts;
    const { passage, url, head } = call;
    const started = performance.now();
    const moved = { sent: 0, received: 0 };
    return new Promise((resolve, reject) => {
      let settled = false;
      const settle = (refusal?: GatehouseError): void => {
        if (settled) return;
        settled = true;
        const ms = Math.round(performance.now() - started);
        const address = outgoing.socket?.remoteAddress;
        const code = refusal === undefined ? {} : { code: refusal.code };
        const facts = { ...moved, ms, ...code, ...(address === undefined ? {} : { address }) };
        void recordClosed(gate.ledger, passage, 'provider', facts);
        if (refusal === undefined) return resolve();
        outgoing.destroy();
        reject(refusal);
      };
      const refuse = (
        code: 'EGRESS_UPSTREAM_PROTOCOL' | 'EGRESS_UPSTREAM_ENCODED' | 'EGRESS_UPSTREAM_TIMEOUT',
      ): void => settle(codedRefusal(code, url.target, passage.decision));
      const outgoing = httpRequest({
        method: request.method ?? 'POST',
        path: url.path,
        headers: ['Host', hostHeader(url), ...call.headers, ...head.framing],
        setHost: false,
        agent: this.#agent(call),
      });
      outgoing.setTimeout(PROVIDER_IDLE_MS, () => refuse('EGRESS_UPSTREAM_TIMEOUT'));
      outgoing.on('error', (cause) => settle(providerFailure(cause, passage)));
      outgoing.on('upgrade', (_answer, socket) => {
        socket.destroy();
        refuse('EGRESS_UPSTREAM_PROTOCOL');
      });
      outgoing.on('response', (answer) => {
        answer.on('error', (cause) => settle(providerFailure(cause, passage)));
        const encoding = answer.headers['content-encoding'] ?? 'identity';
        const mask = secrets.stream();
        if (mask !== undefined && encoding !== 'identity') return refuse('EGRESS_UPSTREAM_ENCODED');
        recorded.then(
          () => this.#answer(answer, response, mask, moved, () => settle()),
          (error: unknown) => settle(asGatehouseError(error)),
        );
      });
      response.on('close', () => {
        if (!response.writableFinished) outgoing.destroy();
        settle();
      });
      // A model that was shown a planted credential is how one finds out that it was read; the call itself goes on.
      const watch = gate.tripwire.watch({
        where: `a prompt to ${url.target.host}`,
        subject: passage.subject,
      });
      copy(request, outgoing, (chunk) => {
        moved.sent += chunk.length;
        watch?.(chunk);
        return true;
      });
    });
  }

  #answer(
    answer: IncomingMessage,
    response: ServerResponse,
    mask: SecretMask | undefined,
    moved: { received: number },
    done: () => void,
  ): void {
    const headers = responseHeaders(answer.rawHeaders);
    response.sendDate = false;
    response.writeHead(
      answer.statusCode ?? 502,
      headers.map((text, i) => (i % 2 === 1 ? this.#parts.secrets.redact(text) : text)),
    );
    // Server-sent events start with nothing for a while; the caller must see the status at once.
    response.flushHeaders();
    answer.on('data', (chunk: Buffer) => {
      moved.received += chunk.length;
      const shown = mask === undefined ? chunk : mask.push(chunk);
      if (shown.length > 0 && !response.write(shown)) answer.pause();
    });
    response.on('drain', () => answer.resume());
    answer.on('end', () => response.end(mask?.flush()));
    response.on('finish', done);
  }
}

/** The gateway's attribution of its own call. Trusted because nobody else can reach this socket. */
function subjectOf(request: IncomingMessage): Subject {
  const named = (name: string): string | undefined => {
    const value = request.headers[`x-gatehouse-${name}`];
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value.length > MAX_IDENTITY || !/^[\x21-\x7e]+$/.test(value)) {
      throw EGRESS_CODES.error(
        'EGRESS_RUN_INVALID',
        `the x-gatehouse-${name} header is not a plain identifier`,
      );
    }
    return value;
  };
  const [principal, agent, session, run] = ['principal', 'agent', 'session', 'run'].map(named);
  return {
    principal: principal ?? 'gateway',
    ...(agent === undefined ? {} : { agent }),
    ...(session === undefined ? {} : { session }),
    ...(run === undefined ? {} : { run }),
  };
}

function accept<T>(judged: Judged<T>): T {
  if (judged.ok) return judged;
  throw EGRESS_CODES.error(judged.code, judged.message);
}

function providerFailure(cause: Error & { readonly code?: string }, passage: Passage): GatehouseError {
  if (cause instanceof GatehouseError) return cause;
  const code = cause.code?.startsWith('HPE_') ? 'EGRESS_UPSTREAM_PROTOCOL' : 'EGRESS_UPSTREAM_RESET';
  return codedRefusal(code, passage.target, passage.decision, undefined, cause);
}
