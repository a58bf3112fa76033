import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { orNull, strict } from '../schema.ts';

/** Characters of a path on this machine. */
const MAX_PATH_CHARS = 4_096;
const MAX_PACKAGES = 200;

export const sandboxSetup = defineOperation({
  id: 'sandbox.setup',
  summary: 'Build the image of a container backend from Debian packages, without a registry',
  description:
    'Says what it would do; does it with `apply`. A step that was done is not done again, and nothing happens when the image is there already.',
  input: strict({
    backend: Type.Enum(['podman', 'docker'], { description: 'For which backend.' }),
    packages: Type.Optional(
      Type.Array(Type.String({ minLength: 2, maxLength: 61 }), {
        maxItems: MAX_PACKAGES,
        description: 'Debian packages beside the usual ones.',
      }),
    ),
    archive: Type.Optional(
      Type.String({
        maxLength: MAX_PATH_CHARS,
        pattern: '^/',
        description: 'A tar archive of a root file system on this machine, instead of fetching packages.',
      }),
    ),
    apply: Type.Optional(Type.Boolean({ description: 'Do it.' })),
  }),
  output: strict({
    backend: Type.String(),
    name: Type.String({ description: 'What the image is called.' }),
    steps: Type.Array(Type.String(), { description: 'What is done, in order.' }),
    applied: Type.Boolean(),
    image: orNull(Type.String({ description: 'The image by its content; null when it is not built.' })),
    next: Type.String({ description: 'What to do now.' }),
  }),
  scope: 'operator.admin',
  effect: 'change',
  errors: [],
  cli: {
    command: 'sandbox setup',
    examples: [
      'gatehouse sandbox setup --backend podman',
      'gatehouse sandbox setup --backend podman --apply',
      'gatehouse sandbox setup --backend docker --archive /tmp/image.tar --apply',
    ],
    offline: true,
  },
  async run({ services }, { apply = false, ...request }) {
    const { images } = services;
    const { backend, name, steps, ready } = await images.plan(request);
    const use = `Set agents.defaults.sandbox.backend to "${backend}", then look at \`gatehouse sandbox list\`.`;
    const shown = { backend, name, steps: [...steps] };
    if (ready !== null)
      return { ...shown, steps: [], applied: false, image: ready, next: `It is there already. ${use}` };
    if (!apply)
      return { ...shown, applied: false, image: null, next: 'Run it again with --apply to do this.' };
    const { id } = await images.build(request, new AbortController().signal);
    return { ...shown, applied: true, image: id, next: use };
  },
});
