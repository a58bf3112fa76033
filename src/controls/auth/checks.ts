import type { Finding } from '../../kernel/index.ts';
import { type BrowserSession, SESSION_LIFETIME_MS } from './browser/types.ts';
import { exposureFix } from './exposure/service.ts';
import type { ProxyIdentitySettings } from './identities/proxy-headers.ts';
import { issuerOf, type WrittenIssuer } from './oidc/settings.ts';
import type { ExposedToken } from './types.ts';

/** More than this hides a clock that is wrong, and keeps ended tokens alive. */
const LONG_SKEW_SECONDS = 120;
/** More than this leaves a withdrawn key in use for a day and longer. */
const LONG_GRACE_SECONDS = 86_400;
const LONG_LIFETIME_SECONDS = 86_400;

/** `gateway.auth` and `gateway.trustedProxies` as they are written. */
export interface LoginSettings {
  readonly oidc?: readonly WrittenIssuer[] | undefined;
  readonly trustedProxy?: ProxyIdentitySettings | undefined;
  readonly trustedProxies: readonly string[];
}

export interface LoginFacts {
  readonly sessions: readonly BrowserSession[];
  readonly exposed: readonly ExposedToken[];
  /** Unix milliseconds. */
  readonly now: number;
}

/** Findings about the ways in besides tokens (A5, A6, A7). */
export function checkLogins(settings: LoginSettings, facts: LoginFacts): readonly Finding[] {
  return [
    ...(settings.oidc ?? []).flatMap(providerFindings),
    ...proxyFindings(settings),
    ...sessionFindings(facts),
    ...facts.exposed.map(exposureFinding),
  ];
}

function providerFindings(written: WrittenIssuer, n: number): readonly Finding[] {
  const issuer = issuerOf(written);
  const at = `gateway.auth.oidc[${n}]`;
  const findings: Finding[] = [];
  if ([issuer.issuer, issuer.jwksUri].some((url) => url?.startsWith('http:') === true)) {
    findings.push({
      id: 'auth.oidc-plain',
      severity: 'high',
      title: `${at}: the provider is named or asked over http`,
      expected: 'https',
      found: issuer.issuer,
      fix: 'Use the https address. Who can change what is on the way can sign any token.',
      requirements: ['A5'],
    });
  }
  const bounds = [
    ['clockSkewSeconds', LONG_SKEW_SECONDS, 'Set the clocks with NTP and lower it; 60 is enough.'],
    [
      'offlineGraceSeconds',
      LONG_GRACE_SECONDS,
      'Lower it: for so long a key that was withdrawn may still count.',
    ],
    [
      'maxLifetimeSeconds',
      LONG_LIFETIME_SECONDS,
      'Lower it, and have the provider issue tokens that end sooner.',
    ],
  ] as const;
  for (const [name, most, fix] of bounds) {
    if (issuer[name] <= most) continue;
    findings.push({
      id: 'auth.oidc-lenient',
      severity: 'warning',
      title: `${at}.${name} is long`,
      expected: `at most ${most}`,
      found: String(issuer[name]),
      fix,
      requirements: ['A5'],
    });
  }
  return findings;
}

/** Blocks of so many addresses are a network, not a proxy. */
const WIDE = /\/(?:\d|1\d|2[0-3])$/;

function proxyFindings({ trustedProxy, trustedProxies }: LoginSettings): readonly Finding[] {
  if (trustedProxy?.userHeader === undefined && trustedProxy?.certificateHeader === undefined) return [];
  if (trustedProxies.length === 0) {
    return [
      {
        id: 'auth.proxy-nobody',
        severity: 'warning',
        title: 'identity headers are configured and no proxy is listed',
        expected: 'the address of the proxy in gateway.trustedProxies',
        found: 'none',
        fix: 'List the proxy, or remove gateway.auth.trustedProxy.',
        requirements: ['A6', 'L6'],
      },
    ];
  }
  return trustedProxies
    .filter((block) => WIDE.test(block) && !block.includes(':'))
    .map((block) => ({
      id: 'auth.proxy-network',
      severity: 'high',
      title: `everybody in ${block} may say who they are`,
      expected: 'addresses of single proxies',
      found: block,
      fix: 'List the addresses of the proxies one by one: whoever has one of these needs no credential.',
      requirements: ['A6', 'L6'],
    }));
}

function sessionFindings({ sessions, now }: LoginFacts): readonly Finding[] {
  return sessions
    .filter(({ createdAt, idleUntil }) => now - createdAt >= SESSION_LIFETIME_MS || idleUntil <= now)
    .map(({ id, name, createdAt }) => ({
      id: 'auth.session-too-old',
      severity: 'high',
      title: `the browser session ${id} of ${name} is past its end`,
      expected: 'no session longer than twelve hours, or idle for thirty minutes',
      found: `since ${new Date(createdAt).toISOString()}`,
      fix: `gatehouse login end ${id}; then compare the clock of this machine.`,
      requirements: ['A7'],
    }));
}

/** A token that lies in a file works for whoever reads the file (A8). */
function exposureFinding(token: ExposedToken): Finding {
  const { name, version, places, foundAt } = token;
  const more = places.length > 1 ? ` and ${places.length - 1} more` : '';
  return {
    id: 'auth.token-exposed',
    severity: 'critical',
    title: `the live token ${name} (version ${version}) was found in ${places[0] ?? 'a file'}${more}`,
    expected: 'tokens only in the stores of those who use them',
    found: `since ${new Date(foundAt).toISOString()}`,
    fix: exposureFix(token),
    requirements: ['A8'],
  };
}
