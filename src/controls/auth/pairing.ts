import type { Clock, Random } from '../../kernel/index.ts';
import { bucketOf } from './addresses.ts';
import { AUTH_CODES } from './codes.ts';
import { type DeviceRequestRow, type DeviceRow, type DeviceStore, pendingDevice } from './device-store.ts';
import { coversScopes, expandScopes } from './scopes.ts';
import { readList, readScopes } from './token-store.ts';
import type { DeviceClaim, PeerFacts, PendingDevice, Principal } from './types.ts';

/** Milliseconds that a request waits for an operator. */
export const PENDING_TTL_MS = 3_600_000;
/** Waiting requests from one address (an IPv6 /64 counts as one), and from all. */
export const MAX_PENDING_PER_ADDRESS = 5;
export const MAX_PENDING_TOTAL = 50;
/** Of the total, kept for devices that a token vouches for: whoever has none cannot take every place. */
export const KEPT_FOR_KNOWN = 10;
/** A stranger's request that is older gives its place to the next one of its address when all are taken. */
export const STRANGER_KEEPS_MS = 300_000;
const MAX_NAME = 64;

/** Whose device it becomes, and what bounds it. */
export interface DeviceOwner {
  readonly principal: string;
  readonly name: string;
  readonly agents: readonly string[];
  /** Token whose holder brings the device; null when only its own key speaks for it. */
  readonly parentToken: string | null;
}

type Reason = PendingDevice['reason'];

const HINTS: Readonly<Record<Reason, readonly [message: string, hint: string]>> = {
  'not-paired': ['device pairing required', 'Approve this device from the pending pairing requests.'],
  'role-upgrade': [
    'role upgrade pending approval',
    'Review the requested role upgrade, then approve the pending request.',
  ],
  'scope-upgrade': [
    'scope upgrade pending approval',
    'Review the requested scopes, then approve the pending upgrade.',
  ],
  'metadata-upgrade': [
    'device metadata change pending approval',
    'Review the refreshed device details, then approve the pending request.',
  ],
};

/** Printable text of at most 64 characters: what an operator is shown cannot hide or reorder anything. */
export function shownText(text: string): string {
  return [...text.replace(/[\p{C}\p{Z}]+/gu, ' ').trim()].slice(0, MAX_NAME).join('');
}

export function sameMetadata(device: DeviceRow, claim: DeviceClaim): boolean {
  return device.platform.toLowerCase() === shownText(claim.platform).toLowerCase();
}

/** Devices that wait for an operator: bounded per address and in total, gone after an hour. */
export class Pairing {
  readonly #devices: DeviceStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #announce: (request: PendingDevice) => void;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    devices: DeviceStore,
    clock: Clock,
    random: Random,
    announce: (request: PendingDevice) => void,
  ) {
    this.#devices = devices;
    this.#clock = clock;
    this.#random = random;
    this.#announce = announce;
  }

  pending(): Promise<readonly DeviceRequestRow[]> {
    return this.#devices.requests(this.#clock.now() - PENDING_TTL_MS);
  }

  /**
   * Have the device wait for an operator. Asking for the same again keeps the request; asking for something
   * else replaces it, so that nobody approves what they were not shown.
   *
   * @throws always: AUTH_PAIRING_REQUIRED with the request's id, or AUTH_PAIRING_FULL
   */
  require(reason: Reason, claim: DeviceClaim, owner: DeviceOwner, peer: PeerFacts): Promise<never> {
    // One after the other: requests that arrive together would all see room for one more.
    const turn = this.#last.then(() => this.#require(reason, claim, owner, peer));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #require(reason: Reason, claim: DeviceClaim, owner: DeviceOwner, peer: PeerFacts): Promise<never> {
    const waiting = await this.pending();
    const before = waiting.find((row) => row.device_id === claim.proof.id);
    const row = this.#rowOf(reason, claim, owner, peer);
    if (before !== undefined && sameRequest(before, row)) throw pairingRequired(before);
    const others = waiting.filter((item) => item !== before);
    const room = this.#roomFor(row, others);
    if (room === undefined) throw AUTH_CODES.error('AUTH_PAIRING_FULL');
    if (room.instead !== undefined) await this.#devices.removeRequest(room.instead.request_id);
    await this.#devices.saveRequest(row);
    this.#announce(pendingDevice(row));
    throw pairingRequired(row);
  }

  /**
   * Whether one more may wait, and which request goes for it. Everybody on this machine shares an address, so that
   * strangers count apart from devices that a token vouches for, and cannot hold their places for the whole hour.
   */
  #roomFor(
    row: DeviceRequestRow,
    others: readonly DeviceRequestRow[],
  ): { readonly instead?: DeviceRequestRow } | undefined {
    const isKnown = row.parent_token !== null;
    const alike = others.filter((item) => (item.parent_token !== null) === isKnown);
    const near = alike.filter((item) =>
      isKnown ? item.principal === row.principal : bucketOf(item.remote_ip) === bucketOf(row.remote_ip),
    );
    const most = isKnown ? MAX_PENDING_TOTAL : MAX_PENDING_TOTAL - KEPT_FOR_KNOWN;
    const isFull = isKnown ? others.length >= most : alike.length >= most;
    if (!isFull && near.length < MAX_PENDING_PER_ADDRESS) return {};
    const [oldest] = near.toSorted((a, b) => a.created_at - b.created_at);
    const gives = oldest !== undefined && this.#clock.now() - oldest.created_at >= STRANGER_KEEPS_MS;
    return !isKnown && gives ? { instead: oldest } : undefined;
  }

  /** @throws AUTH_PAIRING_UNKNOWN */
  async find(requestId: string): Promise<DeviceRequestRow> {
    const row = (await this.pending()).find((item) => item.request_id === requestId);
    if (row === undefined) throw AUTH_CODES.error('AUTH_PAIRING_UNKNOWN');
    return row;
  }

  /**
   * The device as the approver may grant it. The dispatcher has checked that the approver may pair at all.
   *
   * @throws AUTH_PAIRING_UNKNOWN, AUTH_PAIRING_SELF, AUTH_APPROVER_SCOPES
   */
  async approved(requestId: string, approver: Principal): Promise<DeviceRow> {
    const request = await this.find(requestId);
    const isOwn =
      approver.id === request.principal || approver.credentialId === credentialOf(request.device_id);
    if (isOwn) throw AUTH_CODES.error('AUTH_PAIRING_SELF');
    const existing = await this.#devices.find(request.device_id);
    const kept =
      request.reason === 'scope-upgrade' && existing !== undefined ? readScopes(existing.scopes) : [];
    const wanted = expandScopes([...readScopes(request.scopes), ...kept]);
    if (!coversScopes(approver.scopes, wanted)) throw AUTH_CODES.error('AUTH_APPROVER_SCOPES');
    const now = this.#clock.now();
    return {
      device_id: request.device_id,
      public_key: request.public_key,
      principal: request.principal,
      principal_name: request.principal_name,
      parent_token: request.parent_token,
      agents: JSON.stringify(agentsOf(request, existing, approver)),
      display_name: request.display_name,
      platform: request.platform,
      role: request.role,
      scopes: JSON.stringify(wanted),
      created_at: existing?.created_at ?? now,
      approved_at: now,
      approved_by: approver.id,
    };
  }

  #rowOf(reason: Reason, claim: DeviceClaim, owner: DeviceOwner, peer: PeerFacts): DeviceRequestRow {
    return {
      request_id: this.#random.uuid(),
      device_id: claim.proof.id,
      public_key: claim.proof.publicKey,
      principal: owner.principal,
      principal_name: owner.name,
      parent_token: owner.parentToken,
      agents: JSON.stringify(owner.agents),
      display_name: shownText(claim.displayName),
      platform: shownText(claim.platform),
      role: claim.role,
      scopes: JSON.stringify(expandScopes(claim.scopes)),
      created_at: this.#clock.now(),
      client_id: shownText(claim.clientId),
      client_mode: shownText(claim.clientMode),
      remote_ip: peer.address,
      reason,
    };
  }
}

/** The credential id under which a paired device's connections are known. */
export function credentialOf(deviceId: string): string {
  return `device:${deviceId}`;
}

/** A device that no token vouches for may use the agents of whoever approved it first. */
function agentsOf(
  request: DeviceRequestRow,
  existing: DeviceRow | undefined,
  approver: Principal,
): readonly string[] {
  if (request.parent_token !== null) return readList(request.agents);
  return existing === undefined ? approver.agents : readList(existing.agents);
}

function sameRequest(a: DeviceRequestRow, b: DeviceRequestRow): boolean {
  const facts = (row: DeviceRequestRow): string =>
    JSON.stringify([row.principal, row.parent_token, row.role, row.scopes, row.platform, row.reason]);
  return facts(a) === facts(b);
}

function pairingRequired(row: DeviceRequestRow): Error {
  const [message, remediationHint] = HINTS[row.reason];
  const openclaw = {
    code: 'PAIRING_REQUIRED',
    reason: row.reason,
    requestId: row.request_id,
    remediationHint,
    deviceId: row.device_id,
    requestedRole: row.role,
    requestedScopes: readScopes(row.scopes),
  };
  return AUTH_CODES.error(
    'AUTH_PAIRING_REQUIRED',
    `pairing required: ${message} (requestId: ${row.request_id})`,
    {
      fix: `An operator approves it with \`gatehouse device approve ${row.request_id}\`.`,
      details: { openclaw },
    },
  );
}
