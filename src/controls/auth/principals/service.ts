import type { Clock, Ledger } from '../../../kernel/index.ts';
import { isAddressBlock } from '../addresses.ts';
import { AUTH_CODES } from '../codes.ts';
import { expandScopes, isScope, mayGrant } from '../scopes.ts';
import type { AddPrincipalRequest, ChatApprover, Identity, Principal, PrincipalRecord } from '../types.ts';
import type { PrincipalStore } from './store.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const AGENT = /^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$/;
const FINGERPRINT = /^[0-9a-f]{64}$/;
const MAX_LIST = 100;
const MAX_NOTE = 200;
const MAX_IDENTITY = 512;

/** All that a chat sender may do as a principal. */
const ANSWERS = 'operator.approvals';

export const PRINCIPAL_PREFIX = 'principal:';

export interface PrincipalParts {
  readonly store: PrincipalStore;
  readonly clock: Clock;
  readonly ledger: Ledger;
}

function invalid(message: string): Error {
  return AUTH_CODES.error('AUTH_PRINCIPAL_INVALID', message);
}

/**
 * An identity as it is compared: fingerprints in lower case without colons; everything else exactly as it comes.
 *
 * @throws AUTH_PRINCIPAL_INVALID
 */
export function canonicalIdentity({ kind, value }: Identity): Identity {
  const text = kind === 'certificate' ? value.replaceAll(':', '').toLowerCase() : value;
  if (kind === 'certificate' && !FINGERPRINT.test(text)) {
    throw invalid('a certificate is named by the SHA-256 fingerprint of its DER form: 64 hex digits');
  }
  if (kind === 'oidc' && !/^https?:\/\/[^\s|]+\|\S+$/.test(text)) {
    throw invalid('an OIDC identity is ISSUER|SUBJECT, for example https://id.example.org|248289761001');
  }
  if (kind === 'chat' && !/^[a-z]+\/[A-Za-z0-9_-]+\/[^\s/]+$/.test(text)) {
    throw invalid('a chat identity is CHANNEL/ACCOUNT/ID, for example telegram/default/123456789');
  }
  if (text.length === 0 || text.length > MAX_IDENTITY || /[\p{C}\s,]/u.test(text)) {
    throw invalid('an identity is one printable word');
  }
  return { kind, value: text };
}

/** A platform does not say from where somebody writes, so who is bound to addresses cannot come through one (L8). */
function checkChat(addresses: readonly string[], identities: readonly Identity[]): void {
  if (addresses.length > 0 && identities.some(({ kind }) => kind === 'chat')) {
    throw invalid('a principal that may only come from some addresses cannot come through a chat');
  }
}

function check(request: AddPrincipalRequest, now: number): void {
  checkChat(request.addresses, request.identities);

  if (!NAME.test(request.name))
    throw invalid('a name is 1 to 64 letters, digits, dots, dashes and underscores');
  if (request.scopes.length === 0 || !request.scopes.every(isScope)) {
    throw invalid('a principal needs at least one scope, and every scope must be a known one');
  }
  if (request.agents.length > MAX_LIST || !request.agents.every((agent) => AGENT.test(agent))) {
    throw invalid(`agents are at most ${MAX_LIST} agent ids, or *`);
  }
  if (request.addresses.length > MAX_LIST || !request.addresses.every(isAddressBlock)) {
    throw invalid(`addresses are at most ${MAX_LIST} IP addresses or CIDR blocks, one per entry`);
  }
  const { owner, ticket, expiresAt } = request;
  if (owner.trim() === '' || owner.length > MAX_NOTE || ticket.length > MAX_NOTE) {
    throw invalid(`a principal has an owner; owner and ticket are at most ${MAX_NOTE} characters`);
  }
  if (expiresAt !== undefined && !(Number.isSafeInteger(expiresAt) && expiresAt > now)) {
    throw invalid('the expiry must lie in the future');
  }
}

/** Who there is. Each change is in the ledger before it counts; taking rights away does not wait for it. */
export class Principals {
  readonly #parts: PrincipalParts;

  constructor(parts: PrincipalParts) {
    this.#parts = parts;
  }

  /** @throws AUTH_PRINCIPAL_INVALID, AUTH_PRINCIPAL_TAKEN, AUTH_IDENTITY_TAKEN, AUTH_APPROVER_SCOPES */
  async add(request: AddPrincipalRequest, by: Principal): Promise<PrincipalRecord> {
    const { store, clock } = this.#parts;
    const now = clock.now();
    check(request, now);
    if (!mayGrant(by, request.scopes, request.agents)) {
      throw AUTH_CODES.error('AUTH_APPROVER_SCOPES');
    }
    const record: PrincipalRecord = {
      id: `${PRINCIPAL_PREFIX}${request.name}`,
      name: request.name,
      kind: request.kind,
      owner: request.owner,
      ticket: request.ticket,
      scopes: expandScopes(request.scopes),
      agents: request.agents,
      addresses: request.addresses,
      createdAt: now,
      expiresAt: request.expiresAt ?? null,
      disabledAt: null,
      identities: request.identities.map(canonicalIdentity),
    };
    await this.#record('principal.added', record, by);
    await store.add(record);
    return record;
  }

  /** @throws AUTH_PRINCIPAL_UNKNOWN, AUTH_PRINCIPAL_INVALID, AUTH_IDENTITY_TAKEN, AUTH_APPROVER_SCOPES */
  async bind(idOrName: string, identity: Identity, by: Principal): Promise<PrincipalRecord> {
    const record = await this.show(idOrName);
    if (!mayGrant(by, record.scopes, record.agents)) {
      throw AUTH_CODES.error('AUTH_APPROVER_SCOPES');
    }
    const canonical = canonicalIdentity(identity);
    checkChat(record.addresses, [canonical]);
    await this.#record('principal.bound', record, by, { identity: canonical });
    await this.#parts.store.bind(record.id, canonical);
    return this.show(record.id);
  }

  /** Taking away does not wait for the ledger. @throws AUTH_PRINCIPAL_UNKNOWN, AUTH_IDENTITY_UNBOUND */
  async unbind(idOrName: string, identity: Identity, by: Principal): Promise<PrincipalRecord> {
    const record = await this.show(idOrName);
    const canonical = canonicalIdentity(identity);
    const isBound = record.identities.some(
      ({ kind, value }) => kind === canonical.kind && value === canonical.value,
    );
    if (!isBound) throw AUTH_CODES.error('AUTH_IDENTITY_UNBOUND');
    await this.#parts.store.unbind(canonical);
    await this.#record('principal.unbound', record, by, { identity: canonical }).catch(() => undefined);
    return this.show(record.id);
  }

  /** Who may answer approvals from a chat now, with the right to do that and nothing else. */
  async chatApprovers(): Promise<readonly ChatApprover[]> {
    const now = this.#parts.clock.now();
    return (await this.#parts.store.list()).flatMap((record) => {
      const { id, name, agents, addresses, scopes, disabledAt, expiresAt, identities } = record;
      const isUsable =
        disabledAt === null && (expiresAt === null || expiresAt > now) && addresses.length === 0;
      if (!isUsable || !scopes.includes(ANSWERS)) return [];
      return identities.flatMap(({ kind, value }): readonly ChatApprover[] => {
        if (kind !== 'chat') return [];
        const credentialId = `chat:${value}`;
        return [
          { sender: value, principal: { id, name, kind: 'chat', scopes: [ANSWERS], agents, credentialId } },
        ];
      });
    });
  }

  list(): Promise<readonly PrincipalRecord[]> {
    return this.#parts.store.list();
  }

  /** @throws AUTH_PRINCIPAL_UNKNOWN */
  async show(idOrName: string): Promise<PrincipalRecord> {
    const record = await this.#parts.store.find(idOrName);
    if (record === undefined) throw AUTH_CODES.error('AUTH_PRINCIPAL_UNKNOWN');
    return record;
  }

  /** The first time stands. The caller ends its connections. @throws AUTH_PRINCIPAL_UNKNOWN */
  async disable(idOrName: string, by: Principal): Promise<PrincipalRecord> {
    const record = await this.show(idOrName);
    if (record.disabledAt !== null) return record;
    const now = this.#parts.clock.now();
    await this.#parts.store.disable(record.id, now);
    await this.#record('principal.disabled', record, by).catch(() => undefined);
    return { ...record, disabledAt: now };
  }

  /** @throws AUTH_PRINCIPAL_UNKNOWN, AUTH_APPROVER_SCOPES */
  async enable(idOrName: string, by: Principal): Promise<PrincipalRecord> {
    const record = await this.show(idOrName);
    if (!mayGrant(by, record.scopes, record.agents)) {
      throw AUTH_CODES.error('AUTH_APPROVER_SCOPES');
    }
    await this.#record('principal.enabled', record, by);
    await this.#parts.store.disable(record.id, null);
    return { ...record, disabledAt: null };
  }

  /** @throws AUTH_NOT_RECORDED */
  async #record(
    action: string,
    record: PrincipalRecord,
    by: Principal,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const { id, owner, ticket, scopes, agents, identities } = record;
    const data = { principal: id, owner, ticket, scopes, agents, identities, ...more };
    try {
      const subject = { principal: by.id };
      await this.#parts.ledger.append({ type: 'change', action, outcome: 'success', subject, data });
    } catch (cause) {
      throw AUTH_CODES.error('AUTH_NOT_RECORDED', undefined, { cause });
    }
  }
}
