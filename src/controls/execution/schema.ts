import { Type } from 'typebox';

const DAY_SECONDS = 86_400;

/** Bounds of one run, in units that people write; each must stay within the install's own (X2). */
export const SandboxLimitKeys = {
  memoryMb: Type.Optional(Type.Integer({ minimum: 16, maximum: 1_048_576 })),
  processes: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_536 })),
  fileMb: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_048_576 })),
  tmpMb: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_048_576 })),
  seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: DAY_SECONDS })),
  cpuSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: DAY_SECONDS })),
  outputKb: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_536 })),
  openFiles: Type.Optional(Type.Integer({ minimum: 16, maximum: 1_048_576 })),
};

/** `sandbox`: the most that any run of this install may use, whatever its playbook says. */
export const SandboxCeilingSection = Type.Object(SandboxLimitKeys, {
  additionalProperties: false,
  description: 'The most that any run may use.',
});

/** `approvals`: how many people allow what is asked, and who of them. */
export const ApprovalsSection = Type.Object(
  {
    people: Type.Optional(
      Type.Union([Type.Literal(1), Type.Literal(2)], {
        description:
          'Different people who must allow each action; 1 when absent. With 2, whoever asked is none of them.',
      }),
    ),
    separateApprover: Type.Optional(
      Type.Boolean({ description: 'Whoever started the run may not answer for it.' }),
    ),
  },
  { additionalProperties: false, description: 'Who answers for what a model asks.' },
);

/** `agents.*.sandbox`, in OpenClaw's words. It can only take away from what the playbook gives. */
export const AgentSandbox = Type.Object(
  {
    mode: Type.Optional(
      Type.Union([Type.Literal('all'), Type.Literal('non-main')], {
        default: 'all',
        description:
          '`non-main` means `all` here: the main session is sandboxed too, and nothing turns it off.',
      }),
    ),
    scope: Type.Optional(
      Type.Union([Type.Literal('session'), Type.Literal('agent'), Type.Literal('shared')]),
    ),
    workspaceAccess: Type.Optional(
      Type.Union([Type.Literal('none'), Type.Literal('ro'), Type.Literal('rw')]),
    ),
    backend: Type.Optional(
      Type.Union(
        [
          Type.Literal('bubblewrap'),
          Type.Literal('podman'),
          Type.Literal('docker'),
          Type.Literal('seatbelt'),
        ],
        {
          default: 'bubblewrap',
          description:
            'What runs commands. When it is missing they are refused; nothing else takes its place.',
        },
      ),
    ),
    docker: Type.Optional(
      Type.Object(
        {
          image: Type.Optional(
            Type.String({
              maxLength: 500,
              pattern: '^[a-z0-9][a-zA-Z0-9._:/@-]*$',
              description:
                'Image of the podman or docker backend: `NAME@sha256:...`, `sha256:...`, or the name that `sandbox setup` gave it.',
            }),
          ),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

const ToolNames = Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { maxItems: 500 });

/** Which tools exist at all; a playbook picks from them. An empty `allow` allows nothing (attack 95). */
export const ToolListKeys = {
  allow: Type.Optional(ToolNames),
  deny: Type.Optional(ToolNames),
};

/** `tools`: the install's bound on what a model may ask for. */
export const ToolsSection = Type.Object(
  {
    ...ToolListKeys,
    profile: Type.Optional(
      Type.Union([
        Type.Literal('minimal'),
        Type.Literal('messaging'),
        Type.Literal('coding'),
        Type.Literal('full'),
      ]),
    ),
    alsoAllow: Type.Optional(ToolNames),
    exec: Type.Optional(
      Type.Object(
        {
          security: Type.Optional(
            Type.Union([Type.Literal('deny'), Type.Literal('allowlist')], { default: 'allowlist' }),
          ),
          ask: Type.Optional(
            Type.Union([Type.Literal('on-miss'), Type.Literal('always')], { default: 'on-miss' }),
          ),
          timeoutSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: DAY_SECONDS })),
        },
        { additionalProperties: false },
      ),
    ),
    fs: Type.Optional(
      Type.Object({ workspaceOnly: Type.Optional(Type.Literal(true)) }, { additionalProperties: false }),
    ),
    elevated: Type.Optional(
      Type.Object({ enabled: Type.Optional(Type.Literal(false)) }, { additionalProperties: false }),
    ),
  },
  { additionalProperties: false, description: 'What a model may ask for, on the whole install.' },
);
