export { agentFor } from './bindings.ts';
export { checkSenders, type SenderFacts } from './checks.ts';
export { ADMISSION_CODES, SENDERS_CODES } from './codes.ts';
export { chatId, idHint, senderId } from './ids.ts';
export { accountsOf, DEFAULT_ACCOUNT, policyOf, type SenderPolicy, type WrittenPolicies } from './policy.ts';
export { createSenderService, principalOf, type RunningSenders, type SenderRules } from './service.ts';
export { migrations, type SenderTables } from './tables.ts';
export type {
  Admission,
  AgentBinding,
  InboundFacts,
  PendingPairing,
  SenderKey,
  SenderRecord,
  SenderService,
} from './types.ts';
