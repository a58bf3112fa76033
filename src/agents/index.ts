export { MODEL_CODES, SESSION_CODES, TOOL_CODES, TURN_CODES } from './codes.ts';
export { createAiSdkProvider } from './providers/ai-sdk.ts';
export { createRehearsalProvider, REHEARSAL_NOTICE } from './providers/rehearsal.ts';
export { migrations } from './sessions/migrations.ts';
export { createSessionService } from './sessions/service.ts';
export type { SessionTables } from './sessions/tables.ts';
export type { InsideScript } from './tools/web-fetch.ts';
export { createTurnService } from './turn/service.ts';
