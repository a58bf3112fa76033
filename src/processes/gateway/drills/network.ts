import type { ProbeTarget } from '../../../drivers/prober/index.ts';
import {
  type DrillAnswer,
  type DrillMark,
  type DrillRequest,
  type DrillSocket,
  type DrillTarget,
  hostAndPort,
} from '../../../kernel/index.ts';

/** Bytes of one request as they go over the wire; what the drill says stands as it is. */
export function requestBytes(target: DrillTarget, mark: DrillMark, request: DrillRequest): string {
  const { method = 'GET', path = '/', headers = [], body } = request;
  const has = (name: string) => headers.some(([given]) => given.toLowerCase() === name);
  const lines = [
    ...(has('host') ? [] : [['Host', hostAndPort(target)] as const]),
    ...(has('user-agent') ? [] : [['User-Agent', mark.userAgent] as const]),
    ...headers,
    ...(has('connection') ? [] : [['Connection', 'close'] as const]),
    ...(body === undefined || has('content-length') || has('transfer-encoding')
      ? []
      : [['Content-Length', String(Buffer.byteLength(body))] as const]),
  ];
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n${body ?? ''}`, 'utf8').toString('latin1');
}

export function probeTarget(
  { address, port, transport }: DrillTarget,
  from: string | undefined,
): Extract<ProbeTarget, { readonly address: string }> {
  return { address, port, tls: transport !== 'plain', ...(from === undefined ? {} : { from }) };
}

/** Status and failure code of an answer as it came. */
export function answerOf(bytes: string): DrillAnswer {
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(bytes)?.[1] ?? 0);
  const split = bytes.indexOf('\r\n\r\n');
  const body = Buffer.from(split < 0 ? '' : bytes.slice(split + 4), 'latin1').toString('utf8');
  return { status, code: codeIn(body), body };
}

/** The first failure code in a body or a frame; ours are in `error.code`, or deeper for OpenClaw's clients. */
export function codeIn(text: string): string {
  const own = /"gatehouse":\{"code":"([A-Z][A-Z0-9_]+)"/.exec(text)?.[1];
  return own ?? /"code":"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/.exec(text)?.[1] ?? '';
}

/** A socket that was never upgraded. */
export function refusedSocket(answer: DrillAnswer): DrillSocket {
  return {
    upgraded: false,
    answer,
    send: () => undefined,
    next: async () => undefined,
    ended: async () => 1006,
    close: () => undefined,
  };
}
