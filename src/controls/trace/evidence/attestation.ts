import { EVIDENCE_CODES } from './codes.ts';
import { open } from './dsse.ts';

export const ATTESTATION_TYPE = 'application/vnd.gatehouse.attestation.v1+json';

/** One line of the posture matrix (D8). */
export interface AttestedPosture {
  readonly area: string;
  readonly required: string;
  readonly measured: string;
  readonly holds: boolean;
  /** What proves it: a command that anybody on the install can repeat, and records of the ledger. */
  readonly evidence: string;
  /** ISO date on which it has to be looked at again; null when nothing in it ends. */
  readonly renewal: string | null;
}

/** A look or an attempt, and when. */
export interface AttestedCheck {
  readonly name: string;
  readonly at: string | null;
  readonly result: string;
  readonly passed: boolean;
}

/** One control of a framework and the areas of the matrix that answer it. */
export interface AttestedControl {
  readonly framework: string;
  readonly control: string;
  readonly title: string;
  readonly areas: readonly string[];
  readonly holds: boolean;
}

/** What an owner signs about an install. Names, counts and digests; no secret and no content. */
export interface Attestation {
  readonly install: { readonly name: string; readonly version: string; readonly node: string };
  /** ISO time of the measurement. */
  readonly at: string;
  readonly by: string;
  /** The earliest date on which something named here ends or is due. */
  readonly renewal: string | null;
  readonly owners: readonly {
    readonly what: string;
    readonly owner: string;
    readonly review: string | null;
  }[];
  readonly posture: readonly AttestedPosture[];
  readonly checks: readonly AttestedCheck[];
  readonly grants: readonly {
    readonly id: string;
    readonly what: string;
    readonly owner: string;
    readonly ticket: string;
    readonly expires: string;
  }[];
  readonly ledger: { readonly records: number; readonly checkpoints: number; readonly head: string };
  readonly digests: Readonly<Record<string, string>>;
  readonly controls: readonly AttestedControl[];
}

export interface VerifiedAttestation {
  readonly keyId: string;
  readonly attestation: Attestation;
}

/**
 * Check an attestation against keys that the reader trusts, without the install.
 *
 * @throws ATTEST_FILE_INVALID, ATTEST_KEY_UNKNOWN, ATTEST_SIGNATURE_BAD
 */
export function openAttestation(text: string, keys: readonly string[]): VerifiedAttestation {
  const opened = open(text, ATTESTATION_TYPE, keys);
  if (opened.ok) return { keyId: opened.keyId, attestation: opened.document as Attestation };
  switch (opened.reason) {
    case 'malformed':
    case 'type':
      throw EVIDENCE_CODES.error('ATTEST_FILE_INVALID');
    case 'unknown-key':
      throw EVIDENCE_CODES.error('ATTEST_KEY_UNKNOWN');
    case 'signature':
      throw EVIDENCE_CODES.error('ATTEST_SIGNATURE_BAD');
  }
}
