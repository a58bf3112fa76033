import type { EgressRuleSpec } from '../../controls/egress/types.ts';
import type { AnchorTarget } from '../../controls/trace/types.ts';
import type { Issues } from '../issues.ts';
import type { ConfigInput } from '../schema.ts';
import type { SecretReference } from '../types.ts';
import { isThisMachine } from './base-url.ts';
import { readReference } from './secrets.ts';

export interface AnchorPlaces {
  readonly targets: readonly AnchorTarget[];
  readonly secrets: readonly SecretReference[];
  /** One rule `anchor:<name>` per other instance: what it takes to keep a checkpoint there, and no more. */
  readonly rules: readonly EgressRuleSpec[];
}

/** Where checkpoints are kept a second time, and what is wrong with it (T1). */
export async function readAnchors(input: ConfigInput, issues: Issues): Promise<AnchorPlaces> {
  const targets: AnchorTarget[] = [];
  const secrets: SecretReference[] = [];
  const rules: EgressRuleSpec[] = [];
  for (const [index, written] of (input.trace?.anchors ?? []).entries()) {
    const at = ['trace', 'anchors', index] as const;
    const { name, type } = written;
    const refuse = (key: string, message: string): void =>
      issues.error([...at, key], 'CONFIG_EXPORT_INVALID', { message });
    if (targets.some((one) => one.name === name)) refuse('name', `two anchors are named ${name}`);
    if (type !== 'gatehouse') {
      if (written.path.split('/').includes('..')) refuse('path', 'the path holds ..');
      targets.push({ name, kind: type, path: written.path });
      continue;
    }
    const { judgeUrl } = await import('../../controls/egress/index.ts');
    const judged = judgeUrl(written.url);
    if (!judged.ok) {
      refuse('url', judged.message);
      continue;
    }
    const { scheme, target, path } = judged.url;
    if (scheme === 'http' && !isThisMachine(target.host)) {
      refuse('url', 'the token would travel in the clear: use https, or a tunnel to this machine');
      continue;
    }
    if (path !== '/') {
      refuse('url', 'the address has a path');
      continue;
    }
    const bound = { host: target.host, port: target.port, header: 'authorization: Bearer {}' };
    const reference = readReference(written.token, [...at, 'token'], input, bound, issues);
    if (reference === undefined) continue;
    const secret = { ...reference, name: `trace.anchors.${name}.token` };
    const { networks } = written;
    secrets.push(secret);
    rules.push({
      id: `anchor:${name}`,
      host: target.host,
      port: target.port,
      class: 'telemetry',
      protocol: scheme === 'http' ? 'http' : 'tls',
      methods: ['POST'],
      paths: ['/api/v1/anchor.keep', '/api/v1/anchor.list'],
      ...(networks === undefined || networks.length === 0 ? {} : { networks }),
    });
    targets.push({ name, kind: 'gatehouse', url: written.url.replace(/\/+$/, ''), secret: secret.name });
  }
  return { targets, secrets, rules };
}
