import { Type } from 'typebox';
import { isLoopback } from '../../controls/listen/index.ts';
import { hostAndPort } from '../../kernel/index.ts';
import { OP_CODES } from '../codes.ts';
import { defineOperation } from '../define.ts';
import { milliseconds, name, strict } from '../schema.ts';
import type { MeasuredListener } from '../services.ts';

const MAX_TTL_MS = 15 * 60_000;
const ORIGIN = /^https?:\/\/[^/?#\s@]+$/;

export const loginLink = defineOperation({
  id: 'login.link',
  summary: 'Make a link that logs a browser in, once',
  description:
    'Open it in a browser on this machine, or at the end of a tunnel to it. The code stands behind the `#`, which ' +
    'browsers send nowhere. The session that it opens can do what you can, at most for twelve hours, and ends with your ' +
    'credential.',
  input: strict({
    principal: Type.Optional(name('Principal to log in as, for an administrator; yourself when absent.')),
    ttlMs: Type.Optional(milliseconds('How long the link works; five minutes when absent.', MAX_TTL_MS)),
    url: Type.Optional(
      Type.String({
        description: 'Where the browser reaches this gateway, for example https://gate.example.org.',
        maxLength: 300,
      }),
    ),
  }),
  output: strict({
    url: Type.String({ description: 'The link. It works once and is never shown again.' }),
    principal: Type.String(),
    name: Type.String(),
    expiresAt: Type.Number({ description: 'Unix milliseconds.' }),
  }),
  scope: 'operator.pairing',
  effect: 'high-impact',
  errors: ['AUTH_LOGIN_NOT_YOURS', 'AUTH_LOGIN_FULL', 'AUTH_PRINCIPAL_UNKNOWN', 'OP_INPUT_INVALID'],
  cli: {
    command: 'login',
    examples: [
      'gatehouse login',
      'gatehouse login --principal alice --ttl 2m --url https://gate.example.org',
    ],
    offline: false,
  },
  async run({ caller, services }, { url, principal, ttlMs }) {
    const base =
      url?.replace(/\/$/, '') ??
      ownOrigin(await services.runtime.listeners(), servesTls(services.config.current().config.gateway.tls));
    if (!ORIGIN.test(base)) {
      throw OP_CODES.error('OP_INPUT_INVALID', 'the url is not one of the form https://name[:port]', {
        details: { issues: [{ path: 'url', problem: 'not an origin' }] },
      });
    }
    const link = await services.auth.browser.link({ by: caller.principal, principal, ttlMs });
    const { name: who, principal: id, expiresAt } = link;
    return { url: `${base}/login#${link.code}`, principal: id, name: who, expiresAt };
  },
});

/** Whether listeners of users that speak TLS are configured. */
function servesTls(tls: { readonly enabled?: boolean } | undefined): boolean {
  return tls?.enabled === true;
}

/**
 * Where users reach this gateway on this machine, as the kernel reports it. With certificates configured every listener
 * speaks TLS, but the loopback one beside an exposed one, which stays plain.
 *
 * @throws OP_INPUT_INVALID when there is none
 */
export function ownOrigin(listeners: readonly MeasuredListener[], tls: boolean): string {
  const users = listeners.filter((one) => one.declared && one.port !== null && one.plane.startsWith('users'));
  const first = users.find(({ address }) => address === '127.0.0.1') ?? users[0];
  if (first === undefined) {
    throw OP_CODES.error('OP_INPUT_INVALID', 'no listener of this machine was found: say where with url', {
      details: { issues: [{ path: 'url', problem: 'needed here' }] },
    });
  }
  const isExposed = users.some(({ address }) => !isLoopback(address));
  const scheme = tls && (!isExposed || !isLoopback(first.address)) ? 'https' : 'http';
  return `${scheme}://${hostAndPort(first)}`;
}
