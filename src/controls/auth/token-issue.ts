import type { Clock, Random } from '../../kernel/index.ts';
import { isAddressBlock } from './addresses.ts';
import { AUTH_CODES } from './codes.ts';
import { expandScopes, isScope } from './scopes.ts';
import { mintToken, tokenDigest } from './token-format.ts';
import type { StoredToken, TokenStore } from './token-store.ts';
import type { IssueTokenRequest, PrincipalRecord, TokenSummary } from './types.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const AGENT = /^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$/;
/** Address blocks and agents that one token can list. */
export const MAX_TOKEN_LIST = 100;
const MAX_NOTE = 200;
/** A version that nothing came before and nothing takes over from. */
const FIRST = { version: 1, sunsetAt: null, canary: null, bound: null } as const;

function invalid(message: string): Error {
  return AUTH_CODES.error('AUTH_TOKEN_REQUEST_INVALID', message);
}

function checkRequest(request: IssueTokenRequest, now: number): void {
  if (!NAME.test(request.name)) {
    throw invalid('a token name is 1 to 64 letters, digits, dots, dashes and underscores');
  }
  if (request.scopes.length === 0 || !request.scopes.every(isScope)) {
    throw invalid('a token needs at least one scope, and every scope must be a known one');
  }
  if ((request.agents ?? []).length > MAX_TOKEN_LIST || !(request.agents ?? []).every((a) => AGENT.test(a))) {
    throw invalid(`agents are at most ${MAX_TOKEN_LIST} agent ids, or *`);
  }
  const blocks = request.addresses ?? [];
  if (blocks.length > MAX_TOKEN_LIST || !blocks.every(isAddressBlock)) {
    throw invalid(`addresses are at most ${MAX_TOKEN_LIST} IP addresses or CIDR blocks`);
  }
  if (
    request.expiresAt !== undefined &&
    !(Number.isSafeInteger(request.expiresAt) && request.expiresAt > now)
  ) {
    throw invalid('the expiry must lie in the future');
  }
  if ((request.owner ?? '').length > MAX_NOTE || (request.ticket ?? '').length > MAX_NOTE) {
    throw invalid(`owner and ticket are at most ${MAX_NOTE} characters`);
  }
}

/**
 * Issue a token and store its digest. Without `agents` it may use every agent, without `expiresAt` it does not
 * expire. The text in the result is the only copy there will ever be.
 *
 * @throws AUTH_TOKEN_REQUEST_INVALID, AUTH_TOKEN_NAME_TAKEN
 */
export async function issueToken(
  tokens: TokenStore,
  random: Random,
  clock: Clock,
  request: IssueTokenRequest,
  owner?: PrincipalRecord,
): Promise<{ readonly token: string; readonly summary: TokenSummary }> {
  const now = clock.now();
  checkRequest(request, now);
  if ((await tokens.findLiveByName(request.name)) !== undefined)
    throw AUTH_CODES.error('AUTH_TOKEN_NAME_TAKEN');
  const { id, text } = mintToken(random);
  const summary: TokenSummary = {
    id,
    name: request.name,
    version: 1,
    principal: owner?.id ?? `token:${id}`,
    scopes: expandScopes(request.scopes),
    agents: request.agents ?? ['*'],
    addresses: request.addresses ?? [],
    owner: request.owner ?? owner?.owner ?? '',
    ticket: request.ticket ?? '',
    createdAt: now,
    expiresAt: request.expiresAt ?? null,
    revokedAt: null,
    lastUsedAt: null,
    lastUsedFrom: null,
  };
  await insertUnique(tokens, {
    kind: 'token',
    principal: summary.principal,
    digest: tokenDigest(text),
    deviceId: null,
    summary,
    stored: summary,
    ...FIRST,
    family: id,
  });
  return { token: text, summary };
}

/** Two issues of one name at the same moment: the table's unique index lets one through. */
async function insertUnique(tokens: TokenStore, token: StoredToken): Promise<void> {
  try {
    await tokens.insert(token);
  } catch (cause) {
    if ((await tokens.findLiveByName(token.summary.name)) === undefined) throw cause;
    throw AUTH_CODES.error('AUTH_TOKEN_NAME_TAKEN', undefined, { cause });
  }
}

/** A token that only works together with the proof of this device. Its rights are those of the device's record. */
export async function issueDeviceToken(
  tokens: TokenStore,
  random: Random,
  clock: Clock,
  device: { readonly deviceId: string; readonly principal: string },
): Promise<string> {
  const { id, text } = mintToken(random);
  const summary: TokenSummary = {
    id,
    name: `device-${device.deviceId.slice(0, 12)}`,
    version: 1,
    principal: device.principal,
    scopes: [],
    agents: [],
    addresses: [],
    owner: '',
    ticket: '',
    createdAt: clock.now(),
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    lastUsedFrom: null,
  };
  await tokens.insert({
    kind: 'device',
    principal: device.principal,
    digest: tokenDigest(text),
    deviceId: device.deviceId,
    summary,
    stored: summary,
    ...FIRST,
    family: id,
  });
  return text;
}
