import { defineCodes } from '../../kernel/index.ts';

export const LISTEN_CODES = defineCodes({
  LISTEN_EXPOSED: {
    summary: 'the configured address can be reached from outside this machine',
    fix: 'Set gateway.bind to "loopback" and reach it through an SSH tunnel.',
    status: 500,
  },
  LISTEN_BIND_INVALID: {
    summary: 'gateway.bind is neither a known word, an address nor an absolute socket path',
    fix: 'Use "loopback", "lan", "tailnet", an IP address, or the absolute path of a Unix socket.',
    status: 500,
  },
  LISTEN_HOST_NOT_ALLOWED: {
    summary: 'the Host header names a host that this gateway does not answer for',
    fix: 'Use localhost or 127.0.0.1, or add the name to gateway.allowedHosts.',
    status: 403,
  },
  LISTEN_ORIGIN_NOT_ALLOWED: {
    summary: 'requests from this origin are refused',
    fix: 'Open the page from the gateway itself, or add the origin to gateway.controlUi.allowedOrigins.',
    status: 403,
  },
  LISTEN_PROXY_NOT_TRUSTED: {
    summary: 'forwarding headers are only taken from a listed proxy',
    fix: 'Connect directly, or list the proxy in gateway.trustedProxies.',
    status: 403,
  },
  LISTEN_TOKEN_IN_URL: {
    summary: 'a credential in a URL ends up in logs and histories, so the request is refused',
    fix: 'Send it as `Authorization: Bearer ...`, and replace the credential: it has been exposed.',
    status: 400,
  },
  LISTEN_REQUEST_MALFORMED: {
    summary: 'the request is ambiguous or malformed',
    fix: 'Send each of Host, Authorization and Content-Length once, and a path as the target.',
    status: 400,
  },
  LISTEN_HEADERS_TOO_LARGE: {
    summary: 'the request has too many or too large headers',
    fix: 'Send fewer or shorter headers.',
    status: 431,
  },
});
