export { agentFor } from './bindings.ts';
export { checkSenders } from './checks.ts';
export { ADMISSION_CODES, SENDERS_CODES } from './codes.ts';
export { chatId, idHint, senderId } from './ids.ts';
export { accountsOf, policyOf, type WrittenPolicies } from './policy.ts';
export { createSenderService, type RunningSenders, type SenderRules } from './service.ts';
export { migrations, type SenderTables } from './tables.ts';
export type { AgentBinding, SenderRecord } from './types.ts';
