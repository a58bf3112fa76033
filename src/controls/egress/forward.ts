import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { GatehouseError } from '../../kernel/index.ts';
import { answerRefusal } from './answer.ts';
import { dial } from './dial.ts';
import type { Gate } from './gate.ts';
import { type RequestHead, responseHeaders } from './head.ts';
import type { RunMeter } from './meter.ts';
import { request as httpRequest } from './node-http.ts';
import { type Handle, reasonOf } from './passage.ts';
import { codedRefusal } from './record.ts';

export interface ForwardParts {
  readonly gate: Gate;
  readonly meter: RunMeter;
}

export interface ForwardRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly head: RequestHead;
  /** Path and query, as judged. */
  readonly path: string;
  /** Host header for the upstream, in canonical form. */
  readonly hostHeader: string;
}

/** Bytes of one exchange and how it ended. */
export interface Exchanged {
  readonly address: string;
  readonly sent: number;
  readonly received: number;
  readonly code?: string;
}

/**
 * Forward one admitted plain-HTTP request over a connection of its own: nothing is shared between runs or
 * between requests (attacks 28, 47). Redirects go back to the client, whose next request is decided anew.
 */
export async function forward(parts: ForwardParts, what: ForwardRequest, handle: Handle): Promise<Exchanged> {
  const { gate, meter } = parts;
  const { passage } = handle;
  let upstream: Socket;
  try {
    upstream = await dial(passage, gate.limits.connectMs);
  } catch (thrown) {
    answerRefusal(what.response, thrown as GatehouseError);
    return { address: '', sent: 0, received: 0, code: 'EGRESS_CONNECT_FAILED' };
  }
  const address = upstream.remoteAddress ?? '';
  const where = { where: `a request to ${passage.target.host}`, subject: passage.subject };
  const watch = gate.tripwire.watch(where);
  const code = await exchange(upstream, what, handle, gate.limits.idleMs, meter, watch);
  const ending = { address, sent: upstream.bytesWritten, received: upstream.bytesRead };
  upstream.destroy();
  return code === undefined ? ending : { ...ending, code };
}

function exchange(
  upstream: Socket,
  what: ForwardRequest,
  handle: Handle,
  idleMs: number,
  meter: RunMeter,
  watch: ((chunk: Uint8Array) => boolean) | undefined,
): Promise<string | undefined> {
  const { request, response, head, path, hostHeader } = what;
  const { target, decision } = handle.passage;
  return new Promise((resolve) => {
    let settled = false;
    const settle = (refusal?: GatehouseError): void => {
      if (settled) return;
      settled = true;
      handle.signal.removeEventListener('abort', onAbort);
      if (refusal !== undefined) {
        outgoing.destroy();
        answerRefusal(response, refusal);
      }
      resolve(refusal?.code);
    };
    const onAbort = (): void => settle(reasonOf(handle.signal));
    const outbound = (chunk: Buffer): boolean => {
      if (watch?.(chunk) !== true) return counted(chunk);
      settle(codedRefusal('EGRESS_HONEYTOKEN', target, decision));
      return false;
    };
    const counted = (chunk: Buffer): boolean => {
      if (meter.move(chunk.length)) return true;
      settle(codedRefusal(meter.over, target, decision));
      return false;
    };
    const outgoing: ClientRequest = httpRequest({
      method: request.method ?? 'GET',
      path,
      headers: ['Host', hostHeader, ...head.headers, ...head.framing, 'Connection', 'close'],
      setHost: false,
      createConnection: () => upstream,
    });
    upstream.setTimeout(idleMs, () => settle(codedRefusal('EGRESS_UPSTREAM_TIMEOUT', target, decision)));
    outgoing.on('error', (cause) => settle(upstreamFailure(cause, handle)));
    // A response that switches protocols without having been asked to is not HTTP any more (attack 37).
    outgoing.on('upgrade', () => settle(codedRefusal('EGRESS_UPSTREAM_PROTOCOL', target, decision)));
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, responseHeaders(answer.rawHeaders));
      copy(answer, response, counted);
      answer.on('error', (cause) => settle(upstreamFailure(cause, handle)));
      response.on('finish', () => settle());
    });
    response.on('close', () => {
      outgoing.destroy();
      settle();
    });
    if (handle.signal.aborted) onAbort();
    else handle.signal.addEventListener('abort', onAbort);
    copy(request, outgoing, outbound);
  });
}

/** Copy a stream with back-pressure; `counted` may stop it. */
export function copy(from: Readable, to: Writable, counted: (chunk: Buffer) => boolean): void {
  from.on('data', (chunk: Buffer) => {
    if (!counted(chunk)) return;
    if (!to.write(chunk)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  });
  from.on('end', () => to.end());
}

/** What an error of Node's HTTP client says about the upstream, without its text. */
export function upstreamFailure(cause: Error & { readonly code?: string }, handle: Handle): GatehouseError {
  const { target, decision } = handle.passage;
  const code = cause.code?.startsWith('HPE_') ? 'EGRESS_UPSTREAM_PROTOCOL' : 'EGRESS_UPSTREAM_RESET';
  return codedRefusal(code, target, decision, undefined, cause);
}
