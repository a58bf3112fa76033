import type { Clock, Ledger, Random } from '../../kernel/index.ts';
import { AUTH_CODES } from './codes.ts';
import type { DeviceRow, DeviceStore } from './device-store.ts';
import type { FailureBucket } from './limiter.ts';
import { credentialOf, type DeviceOwner, type Pairing, sameMetadata, shownText } from './pairing.ts';
import { commonScopes, coversScopes, expandScopes } from './scopes.ts';
import { issueDeviceToken } from './token-issue.ts';
import type { TokenLogin } from './token-login.ts';
import { endOf, readList, readScopes, type StoredToken, type TokenStore } from './token-store.ts';
import type { ConnectGrant, DeviceClaim, PeerFacts, Principal, Scope } from './types.ts';

export interface DeviceLoginParts {
  readonly tokens: TokenStore;
  readonly devices: DeviceStore;
  readonly pairing: Pairing;
  readonly login: TokenLogin;
  readonly clock: Clock;
  readonly random: Random;
  readonly ledger: Ledger;
}

/** A way in for a device, and when the credential behind it expires (Unix milliseconds). */
export interface DeviceEntry {
  readonly grant: ConnectGrant;
  readonly expiresAt: number | null;
}

/** What a device may do now: its record, bounded by the token that vouches for it while there is one. */
interface Rights {
  readonly scopes: readonly Scope[];
  readonly agents: readonly string[];
  readonly expiresAt: number | null;
  /** All scopes of the token that vouches for it, or its own when none does. */
  readonly holds: readonly Scope[];
}

/** Ways in for a peer that has proven a device key. The proof itself was checked before any of these is called. */
export class DeviceLogin {
  readonly #parts: DeviceLoginParts;

  constructor(parts: DeviceLoginParts) {
    this.#parts = parts;
  }

  /**
   * A valid token came with the proof: the device becomes that principal's, with that principal's scopes at
   * most. A node, a change of role and a changed platform wait for an operator even so.
   */
  async withToken(
    token: StoredToken,
    claim: DeviceClaim,
    wanted: readonly string[],
    peer: PeerFacts,
  ): Promise<DeviceEntry> {
    const { summary } = token;
    const owner: DeviceOwner = {
      principal: token.principal,
      name: summary.name,
      agents: summary.agents,
      parentToken: summary.id,
    };
    const bounded = { ...claim, scopes: commonScopes(claim.scopes, summary.scopes) };
    const device = await this.#parts.devices.find(claim.proof.id);
    if (device === undefined && claim.role === 'node') {
      return this.#parts.pairing.require('not-paired', bounded, owner, peer);
    }
    if (device !== undefined && device.role !== claim.role) {
      return this.#parts.pairing.require('role-upgrade', bounded, owner, peer);
    }
    if (device !== undefined && !sameMetadata(device, claim)) {
      return this.#parts.pairing.require('metadata-upgrade', bounded, owner, peer);
    }
    const scopes = commonScopes(wanted, summary.scopes);
    const isSame = device?.principal === token.principal && device.parent_token === summary.id;
    const held = isSame ? readScopes(device.scopes) : [];
    if (isSame && coversScopes(held, scopes)) return this.#entry(device, scopes, ownRights(token));
    const paired = await this.#pair(bounded, owner, expandScopes([...held, ...scopes]), device);
    const deviceToken = await this.#freshToken(paired);
    const entry = this.#entry(paired, scopes, ownRights(token));
    return { ...entry, grant: { ...entry.grant, deviceToken } };
  }

  /**
   * No token of a principal came: a paired device gets in with its own rights, any other waits for an operator.
   * Whoever shows a device token has been told its scopes, so asking for more is an error and not a request.
   */
  async withoutToken(
    claim: DeviceClaim,
    wanted: readonly string[],
    peer: PeerFacts,
    deviceToken: StoredToken | undefined,
  ): Promise<DeviceEntry> {
    const device = await this.#parts.devices.find(claim.proof.id);
    if (device === undefined) {
      const own = credentialOf(claim.proof.id);
      const name = shownText(claim.displayName) || `device-${claim.proof.id.slice(0, 12)}`;
      const owner = { principal: own, name, agents: [], parentToken: null };
      return this.#parts.pairing.require('not-paired', claim, owner, peer);
    }
    await this.#refuseChange(device, claim, peer);
    const rights = await this.#rightsOf(device, peer);
    if (!coversScopes(rights.scopes, wanted)) {
      if (deviceToken !== undefined) throw AUTH_CODES.error('AUTH_DEVICE_SCOPES_EXCEEDED');
      return this.#parts.pairing.require('scope-upgrade', claim, ownerOf(device), peer);
    }
    const entry = this.#entry(device, wanted, rights);
    if (deviceToken !== undefined || (await this.#parts.devices.hasToken(device.device_id))) return entry;
    return { ...entry, grant: { ...entry.grant, deviceToken: await this.#freshToken(device) } };
  }

  /**
   * What failed proofs of this device are counted for. A paired device has its own count, so that proofs of
   * made-up devices through a shared address do not lock it out.
   */
  async bucketOf(claim: DeviceClaim, peer: PeerFacts): Promise<FailureBucket> {
    const id = claim.proof.id;
    const known = (await this.#parts.devices.find(id)) !== undefined;
    return known
      ? { kind: 'known-device', address: peer.address, id }
      : { kind: 'device-proof', address: peer.address };
  }

  async #refuseChange(device: DeviceRow, claim: DeviceClaim, peer: PeerFacts): Promise<void> {
    const owner = ownerOf(device);
    if (device.role !== claim.role) await this.#parts.pairing.require('role-upgrade', claim, owner, peer);
    if (!sameMetadata(device, claim))
      await this.#parts.pairing.require('metadata-upgrade', claim, owner, peer);
  }

  async #rightsOf(device: DeviceRow, peer: PeerFacts): Promise<Rights> {
    const scopes = readScopes(device.scopes);
    if (device.parent_token === null) {
      return { scopes, agents: readList(device.agents), expiresAt: null, holds: scopes };
    }
    const parent = await this.#parts.tokens.find(device.parent_token);
    const refusal = parent === undefined ? 'AUTH_TOKEN_REVOKED' : this.#parts.login.refusalOf(parent, peer);
    if (parent === undefined || refusal !== undefined)
      throw AUTH_CODES.error(refusal ?? 'AUTH_TOKEN_REVOKED');
    return { ...ownRights(parent), scopes: commonScopes(scopes, parent.summary.scopes) };
  }

  async #pair(
    claim: DeviceClaim,
    owner: DeviceOwner,
    scopes: readonly Scope[],
    before: DeviceRow | undefined,
  ): Promise<DeviceRow> {
    const { clock, ledger, devices } = this.#parts;
    const now = clock.now();
    const row: DeviceRow = {
      device_id: claim.proof.id,
      public_key: claim.proof.publicKey,
      principal: owner.principal,
      principal_name: owner.name,
      parent_token: owner.parentToken,
      agents: JSON.stringify(owner.agents),
      display_name: shownText(claim.displayName),
      platform: shownText(claim.platform),
      role: claim.role,
      scopes: JSON.stringify(scopes),
      created_at: before?.created_at ?? now,
      approved_at: now,
      approved_by: owner.principal,
    };
    await recordPairing(ledger, row);
    await devices.save(row);
    return row;
  }

  async #freshToken(device: DeviceRow): Promise<string> {
    const { tokens, random, clock } = this.#parts;
    await tokens.revokeOfDevice(device.device_id, clock.now());
    return issueDeviceToken(tokens, random, clock, {
      deviceId: device.device_id,
      principal: device.principal,
    });
  }

  #entry(device: DeviceRow, wanted: readonly string[], rights: Rights): DeviceEntry {
    const scopes = device.role === 'node' ? [] : commonScopes(wanted, rights.scopes);
    const principal: Principal = {
      id: device.principal,
      name: device.principal_name,
      kind: 'device',
      scopes,
      agents: rights.agents,
      credentialId: credentialOf(device.device_id),
    };
    const { holds } = rights;
    const grant = { principal, role: device.role, scopes, holds, deviceId: device.device_id };
    return { grant, expiresAt: rights.expiresAt };
  }
}

function ownRights(token: StoredToken): Rights {
  const { scopes, agents } = token.summary;
  return { scopes, agents, expiresAt: endOf(token), holds: scopes };
}

function ownerOf(device: DeviceRow): DeviceOwner {
  return {
    principal: device.principal,
    name: device.principal_name,
    agents: readList(device.agents),
    parentToken: device.parent_token,
  };
}

/** A pairing is written down before it counts (attack 98). */
async function recordPairing(ledger: Ledger, row: DeviceRow): Promise<void> {
  const data = { device: row.device_id, role: row.role, scopes: readScopes(row.scopes) };
  const subject = { principal: row.principal };
  try {
    await ledger.append({ type: 'change', action: 'device.paired', outcome: 'success', subject, data });
  } catch (cause) {
    throw AUTH_CODES.error('AUTH_NOT_RECORDED', undefined, { cause });
  }
}
