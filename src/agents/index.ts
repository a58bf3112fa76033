export { MODEL_CODES, SESSION_CODES, TOOL_CODES, TURN_CODES } from './codes.ts';
export { type AiSdkProviderOptions, createAiSdkProvider } from './providers/ai-sdk.ts';
export { createRehearsalProvider, REHEARSAL_NOTICE } from './providers/rehearsal.ts';
export { parseRehearsalScript, type RehearsalStep } from './providers/rehearsal-script.ts';
export { migrations } from './sessions/migrations.ts';
export { createSessionService, type SessionStore } from './sessions/service.ts';
export type { SessionTables } from './sessions/tables.ts';
export type { InsideScript } from './tools/web-fetch.ts';
export { createTurnService, type TurnServiceOptions } from './turn/service.ts';
