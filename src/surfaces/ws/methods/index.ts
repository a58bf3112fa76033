import type { Method } from '../method.ts';
import { APPROVAL_METHODS } from './approvals.ts';
import { AUDIT_METHODS } from './audit.ts';
import { CATALOG_METHODS } from './catalog.ts';
import { CHAT_METHODS } from './chat.ts';
import { DEVICE_METHODS } from './devices.ts';
import { HEALTH_METHODS } from './health.ts';
import { SESSION_METHODS } from './sessions.ts';

/** Every method of OpenClaw's protocol that Gatehouse answers. What is not here is unknown, never guessed. */
export const OPENCLAW_METHODS: readonly Method[] = [
  ...HEALTH_METHODS,
  ...CHAT_METHODS,
  ...SESSION_METHODS,
  ...APPROVAL_METHODS,
  ...DEVICE_METHODS,
  ...CATALOG_METHODS,
  ...AUDIT_METHODS,
];
