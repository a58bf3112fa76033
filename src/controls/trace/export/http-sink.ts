import { hash } from 'node:crypto';
import type { ClientRequestArgs, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { asGatehouseError, bracketed, type GatehouseError } from '../../../kernel/index.ts';
import type { LedgerRecord } from '../types.ts';
import { EXPORT_CODES } from './codes.ts';
import type { HttpDestination } from './destination.ts';
import { type OtlpSource, otlpRequest, rejectedByOtlp } from './otlp.ts';
import type { ExportTransport, Sink } from './types.ts';

/** Without `import`: that would read node:http's lazy exports and load its client library with them. */
const { Agent, request: httpRequest } = process.getBuiltinModule('node:http');

/** Milliseconds for an answer. */
const ANSWER_MS = 30_000;
/** Bytes of an answer that are read. */
const MAX_ANSWER = 65_536;
const MAX_RETRY_AFTER_S = 300;

const SETTLED = { settled: Promise.resolve() };

/** Statuses by which a collector says that the request itself can never be taken. */
const UNACCEPTABLE: readonly number[] = [400, 413, 415, 422];

export interface HttpParts {
  readonly destination: HttpDestination;
  readonly encode: (record: LedgerRecord) => string;
  readonly transport: ExportTransport;
  readonly source: OtlpSource;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfter: string | undefined;
}

/** Posts batches over one kept connection. A success answer is the receipt; a redirect is an error like any other. */
export class HttpSink implements Sink {
  readonly #parts: HttpParts;
  readonly #agent: InstanceType<typeof Agent>;

  constructor(parts: HttpParts) {
    this.#parts = parts;
    this.#agent = new CollectorAgent(() => parts.transport.connect(parts.destination));
  }

  async send(batch: readonly LedgerRecord[]): Promise<typeof SETTLED> {
    const { destination, encode, source, transport } = this.#parts;
    const encoded = batch.map((record) => ({ record, text: encode(record) }));
    const authorization = transport.authorization(destination);
    const answer = await this.#post(
      destination.kind === 'otlp' ? otlpRequest(encoded, source) : bodyOf(encoded, destination.body),
      {
        host: hostOf(destination),
        'content-type':
          destination.kind === 'http' && destination.body === 'lines'
            ? 'application/x-ndjson'
            : 'application/json',
        'idempotency-key': hash('sha256', batch.map((record) => record.hash).join(' ')),
        'user-agent': `gatehouse/${source.version}`,
        ...(authorization === undefined ? {} : { authorization }),
      },
    );
    judge(answer, destination.kind);
    return SETTLED;
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(body: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const { path } = this.#parts.destination;
    const bytes = Buffer.from(body);
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => {
        clearTimeout(timer);
        outgoing.destroy();
        reject(cause instanceof Error && 'fix' in cause ? asGatehouseError(cause) : lost(cause));
      };
      const outgoing = httpRequest({
        agent: this.#agent,
        method: 'POST',
        path,
        headers: { ...headers, 'content-length': bytes.length },
        setHost: false,
      });
      const timer = setTimeout(() => fail(new Error('no answer in time')), ANSWER_MS);
      outgoing.on('error', fail);
      outgoing.on('response', (incoming) => {
        readAnswer(incoming).then((answer) => {
          clearTimeout(timer);
          resolve(answer);
        }, fail);
      });
      outgoing.end(bytes);
    });
  }
}

function lost(cause: unknown): GatehouseError {
  return EXPORT_CODES.error('EXPORT_CONNECTION_LOST', undefined, { cause });
}

/** The port is part of the name unless it is the scheme's own (RFC 9110 section 7.2). */
function hostOf({ host, port, tls }: HttpDestination): string {
  const name = bracketed(host);
  return port === (tls ? 443 : 80) ? name : `${name}:${port}`;
}

function bodyOf(encoded: readonly { readonly text: string }[], body: HttpDestination['body']): string {
  const texts = encoded.map(({ text }) => text);
  return body === 'lines' ? `${texts.join('\n')}\n` : `[${texts.join(',')}]`;
}

async function readAnswer(incoming: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    // An answer without an end is not read: leaving the loop ends the connection.
    if (size > MAX_ANSWER) break;
    chunks.push(chunk);
  }
  return {
    status: incoming.statusCode ?? 502,
    text: Buffer.concat(chunks).toString('utf8'),
    retryAfter: incoming.headers['retry-after'],
  };
}

/** What the collector says is not repeated anywhere: it could reflect the credential. */
function judge({ status, text, retryAfter }: Answer, kind: HttpDestination['kind']): void {
  if (status >= 200 && status < 300) {
    if (kind === 'otlp' && rejectedByOtlp(text) > 0) throw EXPORT_CODES.error('EXPORT_RECORD_REFUSED');
    return;
  }
  if (UNACCEPTABLE.includes(status))
    throw EXPORT_CODES.error('EXPORT_RECORD_REFUSED', undefined, { details: { status } });
  const code = status === 401 || status === 403 ? 'EXPORT_UNAUTHORIZED' : 'EXPORT_ANSWER';
  const seconds = Number(retryAfter);
  const wait =
    Number.isFinite(seconds) && seconds > 0 ? { retryMs: Math.min(seconds, MAX_RETRY_AFTER_S) * 1_000 } : {};
  throw EXPORT_CODES.error(code, `the collector answered ${status}`, { details: { status, ...wait } });
}

/** One connection, opened and checked by egress. */
class CollectorAgent extends Agent {
  readonly #connect: () => Promise<{ readonly stream: Duplex }>;

  constructor(connect: () => Promise<{ readonly stream: Duplex }>) {
    super({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1 });
    this.#connect = connect;
  }

  override createConnection(
    _options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const told = callback as ((error: Error | null, stream?: Duplex) => void) | undefined;
    this.#connect().then(
      ({ stream }) => told?.(null, stream),
      (thrown: unknown) => told?.(asGatehouseError(thrown)),
    );
    return undefined;
  }
}
