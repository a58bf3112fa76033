import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AUTH_CODES } from '../../controls/auth/index.ts';
import type { GatehouseError } from '../../kernel/index.ts';
import { HTTP_CODES } from './codes.ts';
import { LOGIN_PAGE, type Page, SESSION_PAGE } from './pages.ts';
import type { HttpSurfaceParts, RequestState } from './parts.ts';
import { cookieHeader, isOwn, isPrivate, isSecure } from './session-cookie.ts';

const BODY_BYTES = 1_024;

/** Browser login: two static pages, and the session behind them (A7). */
export function addLogin(app: FastifyInstance, parts: HttpSurfaceParts, state: RequestState): void {
  const secureOf = (request: FastifyRequest) => isSecure(request.raw, parts.rules().trustedProxies);

  app.get('/login', (_request, reply) => send(reply, LOGIN_PAGE));
  app.get('/session', (_request, reply) => send(reply, SESSION_PAGE));

  app.post('/login/session', { bodyLimit: BODY_BYTES }, async (request, reply) => {
    const { peer, identity } = state.arrivalOf(request.raw);
    const secure = secureOf(request);
    const refuse = (error: GatehouseError): never => {
      parts.auth.recordRefusal(error.code, peer);
      throw error;
    };
    if (identity === 'socket' || !isPrivate(secure, peer.address)) {
      return refuse(AUTH_CODES.error('AUTH_LOGIN_INSECURE'));
    }
    // Without this, any page could log a browser in as somebody else.
    if (!isOwn(request.raw, secure)) return refuse(AUTH_CODES.error('AUTH_SESSION_ORIGIN'));
    const body = request.body as Readonly<Record<string, unknown>> | null | undefined;
    const code = body?.['code'];
    if (typeof code !== 'string') throw HTTP_CODES.error('HTTP_FIELD_INVALID', '`code` must be a text');
    const { secret } = await parts.auth.browser.redeem(code, peer);
    reply.header('set-cookie', cookieHeader(secret, secure));
    return { ok: true };
  });

  app.get('/login/session', { onRequest: state.authenticate }, async (request) => {
    const { principal } = state.callerOf(request.raw);
    const session = await own(parts, principal.credentialId);
    const { scopes, agents } = principal;
    return { ok: true, session: { ...session, name: principal.name, scopes, agents } };
  });

  app.delete('/login/session', { onRequest: state.authenticate }, async (request, reply) => {
    const { principal } = state.callerOf(request.raw);
    reply.header('set-cookie', cookieHeader('', secureOf(request)));
    const { id } = await own(parts, principal.credentialId);
    await parts.auth.browser.end(id, 'logged out');
    return { ok: true };
  });
}

/** @throws AUTH_SESSION_INVALID for callers that came another way */
async function own({ auth }: HttpSurfaceParts, credentialId: string) {
  const open = await auth.browser.list();
  const session = open.find(({ id }) => `browser:${id}` === credentialId);
  if (session === undefined) throw AUTH_CODES.error('AUTH_SESSION_INVALID');
  return session;
}

function send(reply: FastifyReply, { html, policy }: Page): FastifyReply {
  return reply
    .headers({
      'content-security-policy': policy,
      'cross-origin-opener-policy': 'same-origin',
      'permissions-policy': 'camera=(), microphone=(), geolocation=()',
      'content-type': 'text/html; charset=utf-8',
    })
    .send(html);
}
