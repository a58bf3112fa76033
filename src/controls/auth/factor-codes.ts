/** Failures of the ways in besides tokens and devices; a part of AUTH_CODES. */
export const FACTOR_CODES = {
  AUTH_OIDC_TOKEN_INVALID: {
    summary: 'unauthorized: this is no token that a configured identity provider issued for this gateway',
    fix: 'Get a token for the configured audience; `gatehouse config get gateway.auth.oidc` shows issuer and audience.',
    status: 401,
  },
  AUTH_OIDC_UNAVAILABLE: {
    summary: 'the identity provider does not answer, and its key for this token is not known here',
    fix: 'Check the provider and `gatehouse egress check`; meanwhile use a token of the gateway. Known keys work until offlineGraceSeconds are over.',
    status: 503,
  },
  AUTH_IDENTITY_UNKNOWN: {
    summary: 'who you are was proven, and no principal of this gateway has that identity',
    fix: 'An administrator adds the identity to a principal (`gatehouse principal add --help`); the ledger names it.',
    status: 403,
  },
  AUTH_IDENTITY_CONFLICT: {
    summary: 'the credentials of this request belong to different principals',
    fix: 'Send credentials of one principal only, for example without the other client certificate.',
    status: 403,
  },
  AUTH_CREDENTIALS_AMBIGUOUS: {
    summary: 'a bearer token and a browser session were sent together',
    fix: 'Send one of them: end the browser session, or leave the Authorization header out.',
    status: 400,
  },
  AUTH_PROXY_HEADER_INVALID: {
    summary: 'the identity header of the proxy is missing a part, repeated, empty or not a plain value',
    fix: 'Let the proxy replace the header on every request, with exactly one value (`gateway.auth.trustedProxy`).',
    status: 400,
  },
  AUTH_SESSION_INVALID: {
    summary: 'unauthorized: the browser session has ended or never was',
    fix: 'Run `gatehouse login` and open the new link.',
    status: 401,
  },
  AUTH_SESSION_ORIGIN: {
    summary: 'a browser session is used from the own pages of this gateway only',
    fix: 'Call from a page that the gateway serves, or use a token.',
    status: 403,
  },
  AUTH_SESSION_UNKNOWN: {
    summary: 'there is no such browser session',
    fix: 'See `gatehouse login list`.',
    status: 404,
  },
  AUTH_LOGIN_CODE_INVALID: {
    summary: 'the login link was used already, is too old or never was',
    fix: 'Run `gatehouse login` and open the new link; each works once, for a few minutes.',
    status: 401,
  },
  AUTH_LOGIN_INSECURE: {
    summary: 'browser login needs TLS, or a browser on this machine or at the end of a tunnel to it',
    fix: 'Use an SSH tunnel (`gatehouse tunnel print`), or TLS at the gateway or at a listed proxy.',
    status: 403,
  },
  AUTH_LOGIN_NOT_YOURS: {
    summary: 'you may not make this login link',
    fix: 'Links for yourself need a token or the machine of the gateway; links for a principal need operator.admin.',
    status: 403,
  },
  AUTH_LOGIN_FULL: {
    summary: 'too many login links or browser sessions are open',
    fix: 'End some of them (`gatehouse login list`, `gatehouse login end SESSION`).',
    status: 429,
  },
  AUTH_PRINCIPAL_UNKNOWN: {
    summary: 'there is no such principal',
    fix: 'See `gatehouse principal list`.',
    status: 404,
  },
  AUTH_PRINCIPAL_DISABLED: {
    summary: 'unauthorized: the principal is disabled',
    fix: 'Ask an administrator; `gatehouse principal show NAME` says since when.',
    status: 403,
  },
  AUTH_PRINCIPAL_EXPIRED: {
    summary: 'unauthorized: the principal has expired',
    fix: 'Ask an administrator to extend it.',
    status: 403,
  },
} as const;
