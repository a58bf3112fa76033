import type { EgressRuleSpec } from '../../controls/egress/types.ts';
import type { Issues } from '../issues.ts';
import type { ConfigInput } from '../schema.ts';
import type { SecretReference, TracingConfig } from '../types.ts';
import { placeOf } from './channels.ts';
import { readReference } from './secrets.ts';

export interface Tracing {
  readonly settings: TracingConfig | undefined;
  readonly secrets: readonly SecretReference[];
  /** One rule `tracing` of class telemetry, for the gateway's own requests to that path. */
  readonly rules: readonly EgressRuleSpec[];
}

const NONE: Tracing = { settings: undefined, secrets: [], rules: [] };

/** Where spans go, and what that needs of egress. */
export async function readTracing(input: ConfigInput, issues: Issues): Promise<Tracing> {
  const written = input.tracing;
  if (written === undefined) return NONE;
  const { endpoint, sample = 1, service = 'gatehouse', networks = [] } = written;
  const place = await placeOf(endpoint, ['tracing', 'endpoint'], issues);
  if (place === undefined) return NONE;
  const { host, port, plain, path } = place;
  const secret = readReference(
    written.authorization,
    ['tracing', 'authorization'],
    input,
    { host, port, header: 'authorization: Bearer {}' },
    issues,
  );
  return {
    settings: { endpoint, authorization: secret?.name ?? null, sample, service },
    secrets: secret === undefined ? [] : [secret],
    rules: [
      {
        id: 'tracing',
        host,
        port,
        class: 'telemetry',
        methods: ['POST'],
        paths: [path],
        ...(plain ? { protocol: 'http' as const } : {}),
        ...(networks.length === 0 ? {} : { networks }),
      },
    ],
  };
}
