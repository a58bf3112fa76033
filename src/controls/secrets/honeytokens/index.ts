export { HONEYTOKEN_KINDS } from './bait.ts';
export { isBait, readPlanted } from './file.ts';
export { createHoneytokens, type HoneytokenService } from './service.ts';
export { HoneytokenTripwire } from './tripwire.ts';
