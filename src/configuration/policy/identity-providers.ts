import type { EgressRuleSpec } from '../../controls/egress/types.ts';
import { isAddressBlock } from '../../controls/listen/index.ts';
import type { Issues } from '../issues.ts';
import type { Segment } from '../path.ts';
import type { ConfigInput } from '../schema.ts';
import { isThisMachine } from './base-url.ts';

/**
 * One rule `oidc:<n>` per identity provider: the place of its keys, for the gateway's own calls only. Keys that come
 * in the clear are whoever's is on the way, so `http` is for this machine alone.
 */
export async function readIdentityProviders(
  input: ConfigInput,
  issues: Issues,
): Promise<readonly EgressRuleSpec[]> {
  const auth = input.gateway?.auth;
  checkTrustedProxy(input, issues);
  checkAddressLists(input, issues);
  const rules: EgressRuleSpec[] = [];
  for (const [n, { issuer, jwksUri, networks }] of (auth?.oidc ?? []).entries()) {
    const at: readonly Segment[] = ['gateway', 'auth', 'oidc', n];
    const { judgeUrl } = await import('../../controls/egress/index.ts');
    const judged = judgeUrl(jwksUri ?? issuer);
    const path = [...at, jwksUri === undefined ? 'issuer' : 'jwksUri'];
    if (!judged.ok) {
      issues.error(path, 'CONFIG_BAD_VALUE', { message: judged.message });
      continue;
    }
    const { scheme, target } = judged.url;
    if (scheme === 'http' && !isThisMachine(target.host)) {
      issues.error(path, 'CONFIG_BAD_VALUE', {
        message: 'the keys of an identity provider would travel in the clear: use https',
      });
      continue;
    }
    rules.push({
      id: `oidc:${n}`,
      host: target.host,
      port: target.port,
      class: 'internal',
      ...(scheme === 'http' ? { protocol: 'http' as const } : {}),
      ...(networks === undefined || networks.length === 0 ? {} : { networks }),
    });
  }
  return rules;
}

/** Headers that every request may carry: none of them can name a user. */
const TAKEN = new Set([
  'authorization',
  'cookie',
  'host',
  'origin',
  'user-agent',
  'connection',
  'x-forwarded-for',
]);

function checkTrustedProxy({ gateway }: ConfigInput, issues: Issues): void {
  const proxy = gateway?.auth?.trustedProxy;
  const at: readonly Segment[] = ['gateway', 'auth', 'trustedProxy'];
  if (gateway?.auth?.mode === 'trusted-proxy' && proxy?.userHeader === undefined) {
    issues.error([...at, 'userHeader'], 'CONFIG_BAD_VALUE', {
      message: 'mode trusted-proxy needs the header in which the proxy names its user',
    });
  }
  if (proxy === undefined) return;
  if ((gateway?.trustedProxies ?? []).length === 0) {
    issues.error(at, 'CONFIG_BAD_VALUE', {
      message: 'no proxy is listed in gateway.trustedProxies, so nobody could use it',
    });
  }
  for (const name of ['userHeader', 'certificateHeader'] as const) {
    if (TAKEN.has(proxy[name]?.toLowerCase() ?? ''))
      issues.error([...at, name], 'CONFIG_BAD_VALUE', { message: 'this header has another meaning' });
  }
}

/** A block that nobody can read admits nobody: said where it is written, instead of at three in the morning. */
function checkAddressLists({ gateway }: ConfigInput, issues: Issues): void {
  const check = (at: readonly Segment[], list: readonly string[]) => {
    for (const [n, block] of list.entries()) {
      if (isAddressBlock(block)) continue;
      issues.error([...at, n], 'CONFIG_BAD_VALUE', {
        message: 'not an IP address or a CIDR block such as 10.0.0.0/8',
      });
    }
  };
  check(['gateway', 'trustedProxies'], gateway?.trustedProxies ?? []);
  check(['gateway', 'allowedAddresses'], gateway?.allowedAddresses ?? []);
  for (const plane of ['admin', 'metrics', 'webhooks'] as const)
    check(
      ['gateway', 'listeners', plane, 'allowedAddresses'],
      gateway?.listeners?.[plane]?.allowedAddresses ?? [],
    );
}
