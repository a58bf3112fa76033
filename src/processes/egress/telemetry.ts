import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import {
  type EgressPolicy,
  type Gate,
  judgeHost,
  openOutbound,
  type Target,
} from '../../controls/egress/index.ts';
import type { SecretStore } from '../../controls/secrets/index.ts';
import {
  createExporter,
  type Exporter,
  type ExportTransport,
  type LedgerReader,
  TELEMETRY_PRINCIPAL,
} from '../../controls/trace/index.ts';
import type { ExportDestination } from '../../controls/trace/types.ts';
import { unconfirmedBytes } from '../../drivers/os/send-queue.ts';
import type { Alerts, Clock, ExportStatus, Ledger } from '../../kernel/index.ts';
import { EGRESS_PROCESS_CODES } from './codes.ts';

export interface TelemetryParts {
  readonly gate: Gate;
  readonly policy: () => EgressPolicy;
  readonly secrets: SecretStore;
  readonly ledger: Pick<Ledger, 'append'>;
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly version: string;
  /** Folder of the cursors, and how to read the ledger. */
  readonly folder: string;
  openReader(): LedgerReader;
}

const SUBJECT = { principal: TELEMETRY_PRINCIPAL };

/**
 * Delivery of the ledger, in the process that a hostile message never reaches: a gateway that was taken over can write
 * records, but it cannot keep those that are written from leaving (T2).
 */
export class Telemetry {
  readonly #parts: TelemetryParts;
  #exporter: Exporter | undefined;

  constructor(parts: TelemetryParts) {
    this.#parts = parts;
  }

  /** Nothing is opened, and nothing runs, while there is no destination. */
  async follow(destinations: readonly ExportDestination[]): Promise<void> {
    if (this.#exporter === undefined && destinations.length === 0) return;
    this.#exporter ??= this.#open();
    await this.#exporter.follow(destinations);
  }

  status(): readonly ExportStatus[] {
    return this.#exporter?.status() ?? [];
  }

  async close(): Promise<void> {
    await this.#exporter?.close();
    this.#exporter = undefined;
  }

  #open(): Exporter {
    const { folder, ledger, alerts, clock, version } = this.#parts;
    return createExporter({
      folder,
      reader: this.#parts.openReader(),
      transport: this.#transport(),
      source: { version, hostname: hostname() },
      ledger,
      alerts,
      clock,
    });
  }

  #transport(): ExportTransport {
    const { gate, policy, secrets } = this.#parts;
    return {
      async connect(destination) {
        const { tls, ca, kind } = destination;
        const { stream, socket } = await openOutbound(gate, {
          policy: policy(),
          subject: SUBJECT,
          target: targetOf(destination),
          tls,
          ...(ca === undefined ? {} : { ca: readAuthorities(ca) }),
          // Syslog over TLS negotiates no protocol (RFC 5425).
          ...(kind === 'syslog' ? { alpn: [] } : {}),
        });
        const { localPort = 0, remotePort = 0 } = socket;
        return { stream, unconfirmed: () => unconfirmedBytes(localPort, remotePort) };
      },
      authorization({ token, host, port }) {
        if (token === undefined) return undefined;
        const header = `${token.scheme} {{secret:${token.secret}}}`;
        return secrets.fill('authorization', header, { host, port }).value;
      },
    };
  }
}

function targetOf({ host, port }: { readonly host: string; readonly port: number }): Target {
  const judged = judgeHost(host);
  // The configuration was judged with the same function.
  if (!judged.ok) throw EGRESS_PROCESS_CODES.error('EGRESS_INPUTS_FAILED');
  const { literal, local } = judged;
  return { host: judged.host, port, literal, local };
}

function readAuthorities(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw EGRESS_PROCESS_CODES.error('EGRESS_AUTHORITY_UNREADABLE', undefined, { cause, details: { path } });
  }
}
