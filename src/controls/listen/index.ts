export { inBlocks, isAddressBlock, isLoopback, normaliseAddress } from './addresses.ts';
export { type BindRequest, bindProblem, type Exposure, type ResolvedListener, resolveBind } from './bind.ts';
export { checkCertificates, type ListenerCertificate } from './certificates.ts';
export {
  checkListeners,
  type DeclaredListener,
  isDeclared,
  isSynced,
  type ListenFacts,
} from './checks.ts';
export { LISTEN_CODES } from './codes.ts';
export { ConnectionGate } from './connection-gate.ts';
export { Crowd } from './crowd.ts';
export {
  DEEP_PROBES,
  type DeepAnswer,
  type DeepPlace,
  deepFinding,
  HOSTILE_ORIGIN_HEADER,
  oldTls,
  plainOnTls,
  socketOfAnotherOrigin,
  socketWithoutLogin,
} from './deep.ts';
export { BODY_LIMITS, LISTEN_LIMITS, type ListenLimits } from './limits.ts';
export { RateLimiter } from './rate.ts';
export * from './reach/index.ts';
export { FREE_BYTES, type Incoming, Receiving } from './receiving.ts';
export {
  checkForwarded,
  checkHost,
  checkOrigin,
  checkTarget,
  judgeRequest,
  LOOPBACK_HOSTS,
  type RequestRules,
} from './request.ts';
export { type TlsFile, type TlsMaterial, type TlsSettings, tlsMaterial } from './tls.ts';
