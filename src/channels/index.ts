export { QuestionStore } from './approvals/store.ts';
export type { ApprovalsPort, Approver } from './approvals/types.ts';
export { CHANNEL_CODES } from './codes.ts';
export { type AccountStatus, ChannelRuntime, type Notice } from './runtime.ts';
export { ChannelStore } from './store.ts';
export { type ChannelTables, migrations } from './tables.ts';
export { TelegramAdapter } from './telegram/adapter.ts';
export { WebhookAdapter } from './webhook/adapter.ts';
export { MAX_DELIVERY_BYTES } from './webhook/delivery.ts';
