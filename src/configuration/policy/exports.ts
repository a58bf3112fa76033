import { join } from 'node:path';
import type { EgressRuleSpec } from '../../controls/egress/types.ts';
import type { ExportDestination } from '../../controls/trace/types.ts';
import type { Issues } from '../issues.ts';
import type { Segment } from '../path.ts';
import type { ConfigInput } from '../schema.ts';
import type { SecretReference } from '../types.ts';
import { isThisMachine } from './base-url.ts';
import { readReference } from './secrets.ts';

export interface Exports {
  readonly destinations: readonly ExportDestination[];
  /** One rule `telemetry:<name>` per place in the network. */
  readonly rules: readonly EgressRuleSpec[];
  readonly secrets: readonly SecretReference[];
}

type Written = NonNullable<NonNullable<ConfigInput['trace']>['export']>[number];
type Kind<Type extends Written['type']> = Extract<Written, { type: Type }>;

interface Reading {
  readonly input: ConfigInput;
  readonly issues: Issues;
  /** Absolute path of the home. */
  readonly home: string;
  readonly at: readonly Segment[];
}

const MINUTE_MS = 60_000;
const MEGABYTE = 1024 ** 2;

function commonOf({ name, format = 'ocsf', lagMinutes = 5 }: Written) {
  return { name, format, lagMs: Math.round(lagMinutes * MINUTE_MS) };
}

function ruleOf(
  { name, networks }: { readonly name: string; readonly networks?: readonly string[] },
  { host, port, tls }: { readonly host: string; readonly port: number; readonly tls: boolean },
  plain: 'http' | 'tcp',
): EgressRuleSpec {
  return {
    id: `telemetry:${name}`,
    host,
    port,
    class: 'telemetry',
    protocol: tls ? 'tls' : plain,
    ...(networks === undefined || networks.length === 0 ? {} : { networks }),
  };
}

/** Where the ledger is delivered to, what egress needs for it, and what is wrong with it (T2). */
export async function readExports(input: ConfigInput, home: string, issues: Issues): Promise<Exports> {
  const found: Exports[] = [];
  const names = new Set<string>();
  for (const [index, written] of (input.trace?.export ?? []).entries()) {
    const at = ['trace', 'export', index] as const;
    if (names.has(written.name)) {
      issues.error([...at, 'name'], 'CONFIG_EXPORT_INVALID', {
        message: `two destinations are named ${written.name}`,
      });
    }
    names.add(written.name);
    if (written.enabled === false) continue;
    found.push(await readExport(written, { input, issues, home, at }));
  }
  return {
    destinations: found.flatMap(({ destinations }) => destinations),
    rules: found.flatMap(({ rules }) => rules),
    secrets: found.flatMap(({ secrets }) => secrets),
  };
}

const NONE: Exports = { destinations: [], rules: [], secrets: [] };

async function readExport(written: Written, reading: Reading): Promise<Exports> {
  switch (written.type) {
    case 'file':
      return fileExport(written, reading);
    case 'syslog':
      return syslogExport(written, reading);
    case 'http':
    case 'otlp':
      return httpExport(written, reading);
  }
}

function fileExport(written: Kind<'file'>, { home, issues, at }: Reading): Exports {
  const { name, path = join(home, 'logs', `events-${name}.jsonl`), maxMegabytes = 100, keep = 10 } = written;
  if (path.split('/').includes('..')) {
    issues.error([...at, 'path'], 'CONFIG_EXPORT_INVALID', { message: 'the path holds ..' });
    return NONE;
  }
  const destination = {
    ...commonOf(written),
    kind: 'file',
    path,
    maxBytes: maxMegabytes * MEGABYTE,
    keep,
  } as const;
  return { ...NONE, destinations: [destination] };
}

async function syslogExport(written: Kind<'syslog'>, { issues, at }: Reading): Promise<Exports> {
  const { port = 6_514, transport = 'tls', facility = 13, ca } = written;
  const { judgeHost } = await import('../../controls/egress/index.ts');
  const judged = judgeHost(written.host);
  if (!judged.ok) {
    issues.error([...at, 'host'], 'CONFIG_EXPORT_INVALID', { message: judged.message });
    return NONE;
  }
  const place = { host: judged.host, port, tls: transport === 'tls' };
  warnOfPlain(place, { issues, at });
  const destination = {
    ...commonOf(written),
    ...place,
    kind: 'syslog',
    facility,
    ...(ca === undefined ? {} : { ca }),
  } as const;
  return { ...NONE, destinations: [destination], rules: [ruleOf(written, place, 'tcp')] };
}

function warnOfPlain(
  { host, tls }: { readonly host: string; readonly tls: boolean },
  { issues, at }: Pick<Reading, 'issues' | 'at'>,
): void {
  if (tls || isThisMachine(host)) return;
  issues.warn(at, 'CONFIG_EXPORT_CLEAR', {
    message: 'events travel to another machine without TLS: whoever is on the way can read and drop them',
  });
}

async function httpExport(written: Kind<'http'> | Kind<'otlp'>, reading: Reading): Promise<Exports> {
  const { issues, at, input } = reading;
  const { name, type, url, ca, scheme = 'Bearer', token } = written;
  const { judgeUrl } = await import('../../controls/egress/index.ts');
  const judged = judgeUrl(url);
  const refuse = (message: string): Exports => {
    issues.error([...at, 'url'], 'CONFIG_EXPORT_INVALID', { message });
    return NONE;
  };
  if (!judged.ok) return refuse(judged.message);
  const { scheme: protocol, target, path } = judged.url;
  const place = { host: target.host, port: target.port, tls: protocol === 'https' };
  if (!place.tls && token !== undefined && !isThisMachine(place.host))
    return refuse('the token would travel in the clear: use https');
  warnOfPlain(place, reading);
  const bound = { host: place.host, port: place.port, header: `authorization: ${scheme} {}` };
  const reference =
    token === undefined ? undefined : readReference(token, [...at, 'token'], input, bound, issues);
  if (token !== undefined && reference === undefined) return NONE;
  // Its place in the list may change; its name may not.
  const secret = reference === undefined ? undefined : { ...reference, name: `trace.export.${name}.token` };
  const destination = {
    ...commonOf(written),
    ...place,
    kind: type,
    path: type === 'otlp' && path === '/' ? '/v1/logs' : path,
    body: written.type === 'http' ? (written.body ?? 'array') : 'array',
    ...(ca === undefined ? {} : { ca }),
    ...(secret === undefined ? {} : { token: { secret: secret.name, scheme } }),
  } as const;
  return {
    destinations: [destination],
    rules: [ruleOf(written, place, 'http')],
    secrets: secret === undefined ? [] : [secret],
  };
}
