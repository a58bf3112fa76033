import { Type } from 'typebox';

/**
 * `gateway.auth`: how callers prove who they are. There is no shared secret to configure: tokens are issued
 * per consumer and only their digests are kept (A1, A2).
 */
export const AuthSection = Type.Object(
  {
    mode: Type.Optional(Type.Literal('token', { default: 'token' })),
    allowTailscale: Type.Optional(Type.Literal(false)),
    rateLimit: Type.Optional(
      Type.Object(
        {
          maxAttempts: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 10 })),
          windowMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 86_400_000, default: 60_000 })),
          lockoutMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 86_400_000, default: 300_000 })),
          exemptLoopback: Type.Optional(Type.Literal(false)),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false, description: 'How callers prove who they are.' },
);
