/**
 * Node's HTTP without its lazy exports: an `import` of node:http reads every export, `WebSocket` among them, and
 * so loads 15 MB of undici before the first model call needs it.
 */
export const { Agent, request } = process.getBuiltinModule('node:http');
