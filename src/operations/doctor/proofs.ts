import type { Finding } from '../../kernel/index.ts';

/** Where the requirement is about more than this finding is. */
const BY_FINDING: Readonly<Record<string, string>> = {
  'listen.undeclared': 'listen.undeclared-listener',
  'listen.exposed': 'listen.address-not-allowed',
  'listen.gateway-dials': 'execution.network',
  'listen.home-open': 'execution.host-files',
  'listen.home-owner': 'execution.host-files',
  'auth.token-exposed': 'auth.revoked-token',
  'auth.oidc-plain': 'auth.unsigned-oidc-token',
  'auth.oidc-lenient': 'auth.unsigned-oidc-token',
  'auth.proxy-nobody': 'auth.forged-proxy-identity',
  'auth.proxy-network': 'auth.forged-proxy-identity',
  'auth.session-too-old': 'auth.forged-cookie',
  'auth.admin-token-unbounded': 'auth.expired-token',
  'auth.many-administrators': 'auth.missing-scope',
  'senders.open': 'senders.stranger',
  'senders.no-mention': 'senders.unlisted-in-group',
  SANDBOX_UNAVAILABLE: 'execution.forbidden-command',
  SANDBOX_LIMIT_NOT_HELD: 'execution.namespaces',
  APPROVAL_STANDING_TOO_WIDE: 'execution.forbidden-command',
  EGRESS_UNAVAILABLE: 'egress.host-without-rule',
};

/** The drill that tries what the requirement forbids; more drills may, this one says most. */
const BY_REQUIREMENT: Readonly<Record<string, string>> = {
  L1: 'listen.address-not-allowed',
  L2: 'listen.undeclared-listener',
  L3: 'senders.forged-delivery',
  L4: 'listen.hostile-origin',
  L5: 'listen.oversized-headers',
  L6: 'listen.forged-forwarding',
  L8: 'listen.address-not-allowed',
  L9: 'auth.brute-force',
  A1: 'auth.made-up-token',
  A2: 'auth.missing-scope',
  A3: 'auth.rotation-under-load',
  A4: 'auth.revoked-token',
  A5: 'auth.unsigned-oidc-token',
  A6: 'auth.forged-device',
  A7: 'auth.forged-cookie',
  A9: 'auth.brute-force',
  S1: 'senders.stranger',
  S2: 'senders.guessed-pairing-code',
  S3: 'senders.unlisted-in-group',
  S4: 'senders.name-instead-of-id',
  S6: 'senders.stranger',
  E1: 'egress.host-without-rule',
  E2: 'egress.host-without-rule',
  E3: 'egress.metadata-service',
  E4: 'egress.two-hosts',
  E6: 'egress.secret-to-wrong-host',
  X1: 'execution.forbidden-command',
  X2: 'execution.namespaces',
  X3: 'execution.forbidden-command',
  X4: 'execution.host-files',
  X5: 'execution.forbidden-command',
  X6: 'execution.forbidden-command',
  K2: 'execution.host-files',
  K4: 'secrets.honeytoken',
  T1: 'trace.edited-record',
  B1: 'budget.overrun',
};

/** Requirements that no attempt on the live install can show, and why. */
export const WITHOUT_DRILL: Readonly<Record<string, string>> = {
  L7: 'a certificate that ends is read, not tried',
  L11: 'settings of sshd and of the account are read; a test with a real sshd tries what they allow',
  A8: 'a scan finds where tokens lie, nobody dials in',
  D1: 'a file is valid or it is not: gatehouse config validate',
  D2: 'versions, files, room and clocks are compared',
  D3: 'the audit itself, which its own tests try',
  D6: 'the drills themselves, which fail where a control lets them through',
  D7: 'a grant is somebody\u2019s decision; that it ends is proven by tests',
  D9: 'a restore is rehearsed by gatehouse restore --rehearse',
  D11: 'homes, ports and units of instances are compared',
  P5: 'which model is too weak is a judgement, not an attempt',
  T2: 'a collector that does not take records is seen at its delivery',
  T4: 'an alert that does not arrive is seen at its delivery',
};

/** Drills that findings name, for the test that they exist. */
export const PROVING_DRILLS: readonly string[] = [
  ...new Set([...Object.values(BY_FINDING), ...Object.values(BY_REQUIREMENT)]),
];
export const PROVEN_FINDINGS: readonly string[] = Object.keys(BY_FINDING);

export function isProvable(requirement: string): boolean {
  return BY_REQUIREMENT[requirement] !== undefined;
}

/** The same findings, each with the drill that proves its fix where there is one (D3). */
export function withProofs(findings: readonly Finding[]): readonly Finding[] {
  return findings.map((finding) => {
    const drill =
      finding.drill ??
      BY_FINDING[finding.id] ??
      finding.requirements.map((requirement) => BY_REQUIREMENT[requirement]).find((one) => one !== undefined);
    return drill === undefined ? finding : { ...finding, drill };
  });
}
