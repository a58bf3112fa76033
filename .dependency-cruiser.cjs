// Data goes one way: kernel <- controls <- agents, channels <- configuration <- operations <- surfaces <- processes.
// Each rule says why. There are no exceptions: a change that needs one needs another design first.
const UPWARD = {
  kernel: 'src/(controls|agents|channels|configuration|operations|surfaces|drivers|processes)/',
  controls: 'src/(agents|channels|configuration|operations|surfaces|drivers|processes)/',
  agents: 'src/(channels|configuration|operations|surfaces|drivers|processes)/',
  channels: 'src/(agents|configuration|operations|surfaces|drivers|processes)/',
  configuration: 'src/(operations|surfaces|drivers|processes)/',
  operations: 'src/(surfaces|drivers|processes)/',
  surfaces: 'src/(drivers|processes)/',
  drivers: 'src/(agents|channels|operations|surfaces|processes)/(?!.*types\\.ts$)',
};

const tests = '\\.test\\.ts$|\\.property\\.test\\.ts$|src/.*/(fixtures|testing)/';

module.exports = {
  forbidden: [
    ...Object.entries(UPWARD).map(([folder, path]) => ({
      name: `${folder}-imports-down-only`,
      comment:
        'Authority and data flow one way; an upward import would let a surface or process reach into a decision.',
      severity: 'error',
      from: { path: `^src/${folder}/`, pathNot: tests },
      to: { path },
    })),
    {
      name: 'kernel-has-no-library',
      comment: 'The permission model is pure: the only thing it may use is a hash from Node itself.',
      severity: 'error',
      from: { path: '^src/kernel/', pathNot: tests },
      to: { pathNot: '^src/kernel/|^(node:)?crypto$' },
    },
    {
      name: 'controls-do-not-import-each-other',
      comment:
        'What one control needs of another is a port that processes/ passes in, so each can be proven alone.',
      severity: 'error',
      from: { path: '^src/controls/([^/]+)/', pathNot: tests },
      to: { path: '^src/controls/', pathNot: '^src/controls/$1/' },
    },
    {
      name: 'a-control-has-one-door',
      comment:
        'Only index.ts, types.ts (contracts), schema.ts (configuration keys) and drills.ts (loaded when drills run) of a control are visible outside.',
      severity: 'error',
      // test/alerts is one test in several files: it makes each rule of each control fire with the part that raises it.
      from: { pathNot: '^src/controls/|\\.test\\.ts$|^test/alerts/' },
      to: { path: '^src/controls/[^/]+/(?!index\\.ts$|types\\.ts$|schema\\.ts$|drills\\.ts$)' },
    },
    {
      name: 'only-processes-import-drivers',
      comment:
        'The outside world comes in through ports; who picks the implementation is the composition root alone.',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/(processes|drivers)/|${tests}` },
      to: { path: '^src/drivers/' },
    },
    {
      name: 'one-dial-path',
      comment:
        'Egress is the only process that opens an outbound connection, so nothing else may load a TLS client. The server of the HTTP surface only accepts (L7); the prober makes the attempts of drills on our own listeners (decision 0011).',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: `^src/(controls/egress|drivers/(egress-client|resolver|bubblewrap/inside)|processes/(egress|prober)|surfaces/http/server\\.ts$)|${tests}`,
      },
      to: { path: '^(node:)?(tls|https|dns|dns/promises|dgram|http2)$' },
    },
    {
      name: 'one-spawn-path',
      comment:
        'Nothing a model asked for runs outside the sandbox port (bubblewrap and oci implement it); the other spawns start our own processes.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: `^src/(drivers/(bubblewrap|oci|egress-client|os|prober)|controls/secrets|processes)/|${tests}`,
      },
      to: { path: '^(node:)?child_process$' },
    },
    {
      name: 'no-cycles',
      comment: 'A cycle means that two files are one thing or that something points up.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-undeclared-packages',
      comment: 'What is not in package.json is not pinned, and what is not pinned is not reviewed.',
      severity: 'error',
      from: { path: '^src/', pathNot: tests },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
};
