import type { Services } from '../services.ts';

/** OpenClaw's port, for an install whose gateway does not run and lets the system choose. */
const USUAL_PORT = 18_789;

/** The port on 127.0.0.1 that callers come in through: as measured, and as configured where nothing runs. */
export async function gatewayPort({ runtime, config }: Services): Promise<number> {
  const measured = (await runtime.listeners()).find(
    ({ address, port, plane }) => address === '127.0.0.1' && port !== null && plane.startsWith('users'),
  );
  const configured = config.current().config.gateway.port;
  return measured?.port ?? (configured === 0 ? USUAL_PORT : configured);
}
