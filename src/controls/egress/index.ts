export { type AddressClass, classifyAddress } from './address.ts';
export { checkEgress } from './checks.ts';
export { EGRESS_CODES } from './codes.ts';
export { Gate, type GateParts, MAX_ANSWER_ADDRESSES } from './gate.ts';
export { type JudgedHost, judgeAuthority, judgeHost, judgePort, judgeUrl } from './host.ts';
export {
  type AuthorityFiles,
  createAuthority,
  InterceptionAuthority,
} from './intercept/authority.ts';
export type { Interception } from './intercept/server.ts';
export { type Mail, MailPace, sendMail } from './mail.ts';
export { type Outbound, openOutbound } from './outbound.ts';
export type { EgressPolicy } from './passage.ts';
export { ProviderProxy } from './provider-proxy.ts';
export { rehearse } from './rehearsal.ts';
export { judgeRequest } from './request-rules.ts';
export {
  compileEgressRules,
  compileEgressTable,
  egressRuleProblem,
  judgesRequests,
  namesLocal,
  protocolOf,
} from './rules.ts';
export { RunProxy } from './run-proxy.ts';
export {
  DEFAULT_EGRESS_LIMITS,
  EGRESS_CLASSES,
  EGRESS_PROTOCOLS,
  type EgressClass,
  type EgressLimits,
  type EgressProtocol,
  type EgressRuleSpec,
  type MailDestination,
  type ResolvedAddress,
  type Resolver,
  type RunSecrets,
  type SecretInjector,
  type SecretMask,
  type SecretPlan,
  type Target,
  type WrittenEgressRule,
} from './types.ts';
