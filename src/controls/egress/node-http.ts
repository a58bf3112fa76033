/**
 * Node's HTTP without its lazy exports: an `import` of node:http reads every export, `WebSocket` among them, and
 * so loads 15 MB of undici that this process never uses.
 */
export const { Agent, createServer, request, STATUS_CODES } = process.getBuiltinModule('node:http');
