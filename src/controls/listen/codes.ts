import { defineCodes } from '../../kernel/index.ts';

export const LISTEN_CODES = defineCodes({
  DEEP_NOT_RUNNING: {
    summary: 'there is no running gateway whose listeners could be tried',
    fix: 'Start it (gatehouse gateway start), or leave --deep out to look at the files of the home.',
    status: 409,
  },
  LISTEN_EXPOSED: {
    summary: 'the configured address can be reached from outside this machine',
    fix: 'Set it to "loopback" and use `gatehouse tunnel print`, or add what is missing.',
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
  LISTEN_TLS_INVALID: {
    summary: 'the certificate or key of a listener is of no use',
    fix: 'Name a PEM certificate chain and the PEM key that belongs to it (certPath, keyPath), and caPath for client certificates.',
    status: 500,
  },
  LISTEN_TLS_KEY_OPEN: {
    summary: 'other accounts can read the private key of a listener',
    fix: 'chmod 600 the key, and replace it: it may have been copied.',
    status: 500,
  },
  LISTEN_TLS_HANDSHAKE_FAILED: {
    summary: 'a TLS handshake failed before there was a request',
    fix: 'Use TLS 1.3, trust the certificate of the gateway, and show a client certificate where one is required.',
    status: 400,
  },
  LISTEN_ADDRESS_NOT_ALLOWED: {
    summary: 'this address may not connect to this listener',
    fix: 'Add the address to allowedAddresses of the listener if it should.',
    status: 403,
  },
  LISTEN_RATE_LIMITED: {
    summary: 'too many requests in too short a time',
    fix: 'Wait as long as Retry-After says; raise gateway.rateLimit if the load is real.',
    status: 429,
  },
  LISTEN_TOO_MANY_CONNECTIONS: {
    summary: 'this principal holds as many connections as one may',
    fix: 'Close some, or use one for more; raise gateway.connections.perPrincipal if the load is real.',
    status: 429,
  },
  LISTEN_BUSY: {
    summary: 'too much is being received at once, from this principal or from all together',
    fix: 'Send large bodies one after the other, and try again in a moment.',
    status: 503,
  },
  LISTEN_CERTIFICATE_ENDS: {
    summary: 'the certificate of a listener ends soon',
    fix: 'Renew it and put it in its place; new connections get it after `gatehouse config reload`.',
    status: 200,
  },
  LISTEN_GRANT_ENDED: {
    summary: 'the grant of an exposed listener has ended, so it was closed',
    fix: 'Add a new grant for listen.open if it is still needed, or set its bind back to loopback.',
    status: 403,
  },
  LISTEN_NOT_APPLIED: {
    summary: 'the listeners that the new configuration asks for could not be opened; the old ones go on',
    fix: 'Correct what is named and run `gatehouse config reload`.',
    status: 500,
  },
  LISTEN_HEADERS_TOO_LARGE: {
    summary: 'the request has too many or too large headers',
    fix: 'Send fewer or shorter headers.',
    status: 431,
  },
});
