import { defineCodes } from '../../kernel/index.ts';
import { FACTOR_CODES } from './factor-codes.ts';

/**
 * Failures of authentication. Before the secret of a credential is proven, only AUTH_TOKEN_MISSING,
 * AUTH_TOKEN_INVALID, AUTH_DEVICE_TOKEN_INVALID and AUTH_RATE_LIMITED are told to a caller, so that nobody learns
 * which tokens exist; expired, revoked and address codes are told only to somebody who holds the secret.
 */
export const AUTH_CODES = defineCodes({
  ...FACTOR_CODES,
  AUTH_TOKEN_MISSING: {
    summary: 'unauthorized: no token was given',
    fix: 'Send a token as `Authorization: Bearer ...`; `gatehouse token issue NAME --scopes ...` makes one.',
    status: 401,
  },
  AUTH_TOKEN_INVALID: {
    summary: 'unauthorized: gateway token mismatch',
    fix: 'Check that the whole token was copied; `gatehouse token list` shows which exist.',
    status: 401,
  },
  AUTH_TOKEN_EXPIRED: {
    summary: 'unauthorized: the token has expired',
    fix: 'Issue a new one with `gatehouse token issue`.',
    status: 401,
  },
  AUTH_TOKEN_EXPOSED: {
    summary: 'a live token was found in a file, a backup or an environment',
    fix: 'Rotate it with `gatehouse token rotate NAME`, or revoke it, and delete the copy.',
    status: 409,
  },
  AUTH_TOKEN_CANARY: {
    summary: 'unauthorized: this version of the token is for its canary only yet',
    fix: 'Use the version before it until `gatehouse token rotate NAME --promote` was run.',
    status: 403,
  },
  AUTH_ROTATION_RUNNING: {
    summary: 'a rotation of this token is running already',
    fix: 'See `gatehouse token status NAME`; finish it with --now, or take it back with --abort.',
    status: 409,
  },
  AUTH_ROTATION_NONE: {
    summary: 'no rotation of this token is running',
    fix: 'Start one with `gatehouse token rotate NAME --ticket TICKET`.',
    status: 404,
  },
  AUTH_ROTATION_INVALID: {
    summary: 'the rotation cannot be understood; nothing was changed',
    fix: 'Give a ticket, a sunset between one second and thirty days, and CIDR blocks for a canary.',
    status: 400,
  },
  AUTH_PRINCIPAL_INVALID: {
    summary: 'the principal cannot be understood; nothing was changed',
    fix: 'Give a plain name, an owner, known scopes, and one CIDR block per entry.',
    status: 400,
  },
  AUTH_PRINCIPAL_TAKEN: {
    summary: 'there is a principal of this name already',
    fix: 'Choose another name; names are never used again, so that the ledger stays clear.',
    status: 409,
  },
  AUTH_IDENTITY_UNBOUND: {
    summary: 'the principal has no such identity',
    fix: '`gatehouse principal show NAME` lists what stands for it.',
    status: 404,
  },
  AUTH_IDENTITY_TAKEN: {
    summary: 'this identity stands for another principal already',
    fix: 'See `gatehouse principal list`; one identity is one principal.',
    status: 409,
  },
  AUTH_TOKEN_REVOKED: {
    summary: 'unauthorized: the token was revoked',
    fix: 'Ask an operator for a new token.',
    status: 401,
  },
  AUTH_ADDRESS_NOT_ALLOWED: {
    summary: 'the token may not be used from this address',
    fix: 'Use it from an address it was issued for, or issue one with other --addresses.',
    status: 403,
  },
  AUTH_RATE_LIMITED: {
    summary: 'unauthorized: too many failed authentication attempts (retry later)',
    fix: 'Wait until the lockout ends, then use a correct credential.',
    status: 429,
  },
  AUTH_NOT_RECORDED: {
    summary: 'the login could not be written to the ledger, so it is refused',
    fix: 'Look at disk space and at logs/gateway.log; `gatehouse doctor` checks the ledger.',
    status: 503,
  },
  AUTH_ROLE_UNKNOWN: {
    summary: 'invalid role',
    fix: 'Connect as `operator` or as `node`.',
    status: 400,
  },
  AUTH_DEVICE_REQUIRED: {
    summary: 'device identity required',
    fix: 'Connect with a token, or with a device identity that an operator approves.',
    status: 401,
  },
  AUTH_DEVICE_PROOF_REQUIRED: {
    summary: 'a device token is only good together with the proof of its device',
    fix: 'Connect over WebSocket with the device identity, or use an ordinary token.',
    status: 401,
  },
  AUTH_DEVICE_TOKEN_INVALID: {
    summary: 'unauthorized: device token mismatch',
    fix: 'Forget the stored device token and connect with a token, or pair the device again.',
    status: 401,
  },
  AUTH_DEVICE_ID_MISMATCH: {
    summary: 'device identity mismatch',
    fix: 'The device id must be the SHA-256 of its public key.',
    status: 401,
  },
  AUTH_DEVICE_KEY_INVALID: {
    summary: 'device public key invalid',
    fix: 'Send the raw 32 bytes of an Ed25519 public key as base64url.',
    status: 401,
  },
  AUTH_DEVICE_SIGNATURE_EXPIRED: {
    summary: 'device signature expired',
    fix: 'Sign with the time of the challenge, and set the clock of the device.',
    status: 401,
  },
  AUTH_DEVICE_NONCE_REQUIRED: {
    summary: 'device nonce required',
    fix: 'Wait for connect.challenge and sign its nonce.',
    status: 401,
  },
  AUTH_DEVICE_NONCE_MISMATCH: {
    summary: 'device nonce mismatch',
    fix: 'Sign the nonce of this very connection.',
    status: 401,
  },
  AUTH_DEVICE_SIGNATURE_INVALID: {
    summary: 'device signature invalid',
    fix: 'Sign exactly what is sent, with the key of the device.',
    status: 401,
  },
  AUTH_DEVICE_SCOPES_EXCEEDED: {
    summary: 'the device token does not cover the requested scopes',
    fix: 'Ask for fewer scopes, or connect once with a token that has them.',
    status: 403,
  },
  AUTH_DEVICE_UNKNOWN: {
    summary: 'there is no such paired device',
    fix: 'See `gatehouse device list`.',
    status: 404,
  },
  AUTH_PAIRING_REQUIRED: {
    summary: 'pairing required',
    fix: 'An operator approves it with `gatehouse device approve REQUEST`.',
    status: 403,
  },
  AUTH_PAIRING_FULL: {
    summary: 'too many devices are waiting for approval',
    fix: 'Answer or reject the waiting ones; see `gatehouse device list`.',
    status: 429,
  },
  AUTH_PAIRING_UNKNOWN: {
    summary: 'there is no such pairing request, or it has expired',
    fix: 'Connect the device again and approve the new request.',
    status: 404,
  },
  AUTH_PAIRING_SELF: {
    summary: 'nobody approves their own device',
    fix: 'Ask another operator, or approve it on the machine of the gateway.',
    status: 403,
  },
  AUTH_APPROVER_SCOPES: {
    summary: 'the request asks for more than its approver has',
    fix: 'Have it approved by somebody who holds every requested scope.',
    status: 403,
  },
  AUTH_TOKEN_NAME_TAKEN: {
    summary: 'a token of this name is in use',
    fix: 'Choose another name, or revoke the old token first.',
    status: 409,
  },
  AUTH_TOKEN_REQUEST_INVALID: {
    summary: 'this token cannot be issued as asked for',
    fix: 'See `gatehouse token issue --help`.',
    status: 400,
  },
  AUTH_TOKEN_UNKNOWN: {
    summary: 'there is no such token',
    fix: 'See `gatehouse token list`.',
    status: 404,
  },
});
