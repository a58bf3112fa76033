export { inBlocks, isLoopback, normaliseAddress } from './addresses.ts';
export { type BindRequest, type ListenerSpec, resolveBind } from './bind.ts';
export {
  checkListeners,
  type DeclaredListener,
  isDeclared,
  type ListenFacts,
} from './checks.ts';
export { LISTEN_CODES } from './codes.ts';
export { ConnectionGate } from './connection-gate.ts';
export { BODY_LIMITS, LISTEN_LIMITS, type ListenLimits } from './limits.ts';
export {
  checkForwarded,
  checkHost,
  checkOrigin,
  checkTarget,
  judgeRequest,
  LOOPBACK_HOSTS,
  type RequestRules,
} from './request.ts';
