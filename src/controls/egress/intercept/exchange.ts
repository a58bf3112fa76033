import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { GatehouseError } from '../../../kernel/index.ts';
import { answerRefusal } from '../answer.ts';
import type { EgressCode } from '../codes.ts';
import { copy, upstreamFailure } from '../forward.ts';
import { responseHeaders } from '../head.ts';
import type { RunMeter } from '../meter.ts';
import { request as httpRequest } from '../node-http.ts';
import { type Handle, reasonOf } from '../passage.ts';
import { codedRefusal } from '../record.ts';
import type { SecretMask } from '../types.ts';
import { decoded } from './decode.ts';
import type { TunnelAgent } from './upstream.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly handle: Handle;
  readonly agent: TunnelAgent;
  readonly hostHeader: string;
  /** Flat, with secrets in place, without Host and framing. */
  readonly headers: readonly string[];
  readonly framing: readonly string[];
  /** Path and query, with secrets in place. */
  readonly target: string;
  readonly idleMs: number;
  /** Hides values in an answer; undefined when there are none. */
  readonly mask: SecretMask | undefined;
  redact(text: string): string;
  /** Sees what the run sends; true ends it. */
  readonly watch: ((chunk: Uint8Array) => boolean) | undefined;
  readonly meter: RunMeter;
}

/** Announced lengths of what is decoded on the way, and digests of what is masked, would be wrong. */
const CHANGED_BY_DECODING = new Set([
  'content-length',
  'content-encoding',
  'content-md5',
  'digest',
  'repr-digest',
]);

/** Send one judged request and pass the answer back without any secret. Resolves to the code it failed with, if it did. */
export function exchange(what: Exchange): Promise<string | undefined> {
  const { request, response, handle, agent } = what;
  const { target, decision } = handle.passage;
  return new Promise((resolve) => {
    let settled = false;
    const settle = (refusal?: GatehouseError): void => {
      if (settled) return;
      settled = true;
      handle.signal.removeEventListener('abort', onAbort);
      if (refusal !== undefined) {
        outgoing.destroy();
        request.resume();
        answerRefusal(response, refusal);
      }
      resolve(refusal?.code);
    };
    const refuse = (code: EgressCode): void => settle(codedRefusal(code, target, decision));
    const onAbort = (): void => settle(reasonOf(handle.signal));
    const failed = (cause: Error): void =>
      settle(cause instanceof GatehouseError ? cause : upstreamFailure(cause, handle));
    const outbound = (chunk: Buffer): boolean => {
      if (what.watch?.(chunk) !== true) return counted(chunk);
      refuse('EGRESS_HONEYTOKEN');
      return false;
    };
    const counted = (chunk: Buffer): boolean => {
      if (what.meter.move(chunk.length)) return true;
      refuse(what.meter.over);
      return false;
    };
    const outgoing: ClientRequest = httpRequest({
      method: request.method ?? 'GET',
      path: what.target,
      headers: ['Host', what.hostHeader, ...what.headers, ...what.framing, 'accept-encoding', 'identity'],
      setHost: false,
      agent,
    });
    outgoing.setTimeout(what.idleMs, () => refuse('EGRESS_UPSTREAM_TIMEOUT'));
    outgoing.on('error', failed);
    // Nobody asked to switch: what follows would not be HTTP any more (attack 37).
    outgoing.on('upgrade', (_answer, socket) => {
      socket.destroy();
      refuse('EGRESS_UPSTREAM_PROTOCOL');
    });
    outgoing.on('response', (answer) => {
      answer.on('error', failed);
      passBack(answer, what, counted).then((passed) => {
        if (!passed) return refuse('EGRESS_UPSTREAM_ENCODED');
        response.on('finish', () => settle());
      }, failed);
    });
    response.on('close', () => {
      if (!response.writableFinished) outgoing.destroy();
      settle();
    });
    if (handle.signal.aborted) onAbort();
    else handle.signal.addEventListener('abort', onAbort);
    copy(request, outgoing, outbound);
  });
}

/** False when the answer cannot be looked through. */
async function passBack(
  answer: IncomingMessage,
  { request, response, mask, redact }: Exchange,
  counted: (chunk: Buffer) => boolean,
): Promise<boolean> {
  const status = answer.statusCode ?? 502;
  const hasBody = request.method !== 'HEAD' && status !== 204 && status !== 304;
  const plain = await decoded(answer, hasBody);
  if (plain.kind === 'unknown') return false;
  const headers: string[] = [];
  const raw = responseHeaders(answer.rawHeaders);
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    if (redact(name) !== name) continue;
    if (plain.changed && CHANGED_BY_DECODING.has(name.toLowerCase())) continue;
    headers.push(name, redact(raw[at + 1] ?? ''));
  }
  response.sendDate = false;
  response.writeHead(status, headers);
  // A stream of events begins with nothing for a while; the client must see the status at once.
  response.flushHeaders();
  pass(plain.body, response, mask, counted);
  return true;
}

function pass(
  body: Readable,
  response: ServerResponse,
  mask: SecretMask | undefined,
  counted: (chunk: Buffer) => boolean,
): void {
  body.on('data', (chunk: Buffer) => {
    if (!counted(chunk)) return;
    const shown = mask === undefined ? chunk : mask.push(chunk);
    if (shown.length > 0 && !response.write(shown)) body.pause();
  });
  response.on('drain', () => body.resume());
  body.on('end', () => response.end(mask?.flush()));
  body.on('error', () => response.destroy());
  body.resume();
}
