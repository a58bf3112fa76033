/**
 * What happens to a key of OpenClaw that Gatehouse does not act on. Each one is an explicit decision, so that no
 * fragment of a hardening guide is silently without effect:
 * `ignore`: it can only matter to something Gatehouse does not have; loads with a warning.
 * `off`: it switches something on that Gatehouse does not have; loads with a warning when it switches it off,
 * and is refused otherwise, because somebody counts on it.
 * `refuse`: it would open something, or a decision of the operator is needed.
 */
export interface ForeignKey {
  readonly effect: 'ignore' | 'off' | 'refuse';
  readonly advice: string;
}

const ISSUE_TOKEN =
  'Remove it and run `gatehouse token issue NAME --scopes operator.write`: tokens are issued, not configured.';
const SANDBOX =
  'Remove it: runs have their own namespaces, no capabilities, a read-only root and no network; mounts and limits are in the playbook.';
export const LATER = 'Remove it: this version does not have that.';
const LOOKS = 'Remove it: it only changes how things look or sound in OpenClaw.';

/** Paths with `*` for any one key; the last word may list several keys with `|`, never all, so that typing errors stay errors. */
export const FOREIGN_KEYS: Readonly<Record<string, ForeignKey>> = {
  env: {
    effect: 'refuse',
    advice: 'Remove it and export the variables in the environment that starts Gatehouse.',
  },
  auth: {
    effect: 'refuse',
    advice: 'Remove it and put providers under models.providers with apiKey: "${NAME}".',
  },
  multiAgent: { effect: 'off', advice: LATER },
  broadcast: { effect: 'off', advice: LATER },
  cron: { effect: 'off', advice: LATER },
  hooks: { effect: 'off', advice: LATER },
  skills: { effect: 'off', advice: LATER },
  plugins: { effect: 'off', advice: LATER },
  mcp: { effect: 'off', advice: LATER },
  memory: { effect: 'off', advice: LATER },
  browser: { effect: 'off', advice: LATER },
  talk: { effect: 'off', advice: LATER },
  acp: { effect: 'off', advice: LATER },
  nodeHost: { effect: 'off', advice: LATER },
  canvasHost: { effect: 'off', advice: LATER },
  discovery: { effect: 'off', advice: 'Remove it: nothing is announced on any network.' },
  web: { effect: 'off', advice: LATER },
  approvals: { effect: 'ignore', advice: 'Remove it: approvals are asked for where the playbook says so.' },
  messages: { effect: 'ignore', advice: LOOKS },
  commands: { effect: 'ignore', advice: 'Remove it: chat messages are never commands to the gateway.' },
  ui: { effect: 'ignore', advice: LOOKS },
  tts: { effect: 'ignore', advice: LOOKS },
  media: { effect: 'ignore', advice: LOOKS },
  cli: { effect: 'ignore', advice: LOOKS },
  meta: { effect: 'ignore', advice: 'Remove it: OpenClaw writes it for itself.' },
  wizard: { effect: 'ignore', advice: 'Remove it: OpenClaw writes it for itself.' },
  update: { effect: 'ignore', advice: 'Remove it: Gatehouse never updates itself.' },
  diagnostics: { effect: 'ignore', advice: 'Remove it: see the ledger and logs/.' },
  worktreeRoot: { effect: 'ignore', advice: LATER },
  worktreeAcceleration: { effect: 'ignore', advice: LATER },
  'gateway.auth.token': { effect: 'refuse', advice: ISSUE_TOKEN },
  'gateway.auth.password': { effect: 'refuse', advice: ISSUE_TOKEN },
  'gateway.auth.identityScopes': {
    effect: 'refuse',
    advice: 'Remove it: scopes belong to tokens and paired devices.',
  },
  'gateway.customBindHost': {
    effect: 'refuse',
    advice:
      'Remove it: this version listens on loopback only; reach it through an SSH tunnel or a reverse proxy on this machine.',
  },
  'gateway.remote': { effect: 'ignore', advice: "Remove it: the CLI talks to this machine's own gateway." },
  'gateway.reload': {
    effect: 'ignore',
    advice: 'Remove it: `gatehouse config set` and `gatehouse config reload` apply changes.',
  },
  'gateway.tailscale': { effect: 'off', advice: LATER },
  'gateway.terminal': { effect: 'off', advice: 'Remove it: there is no terminal on the host.' },
  'gateway.nodes': {
    effect: 'ignore',
    advice: 'Remove it: every device waits for `gatehouse device approve`.',
  },
  'gateway.roles': { effect: 'refuse', advice: 'Remove it: give each token its own scopes and agents.' },
  'gateway.tools': {
    effect: 'refuse',
    advice: 'Remove it: POST /tools/invoke obeys tools.allow, tools.deny and the playbook.',
  },
  'gateway.push': { effect: 'off', advice: LATER },
  'gateway.cliAgents': { effect: 'off', advice: LATER },
  'gateway.publicOrigin': {
    effect: 'ignore',
    advice:
      'Remove it, and list the name in gateway.allowedHosts and the origin in controlUi.allowedOrigins.',
  },
  'gateway.allowRealIpFallback': { effect: 'off', advice: 'Remove it: X-Real-IP never counts.' },
  'gateway.channelHealthCheckMinutes': { effect: 'ignore', advice: LATER },
  'gateway.tls.autoGenerate': { effect: 'ignore', advice: LATER },
  'gateway.tls.certPath': { effect: 'ignore', advice: LATER },
  'gateway.tls.keyPath': { effect: 'ignore', advice: LATER },
  'gateway.tls.caPath': { effect: 'ignore', advice: LATER },
  'gateway.http.securityHeaders': { effect: 'ignore', advice: 'Remove it: the headers are fixed.' },
  'gateway.http.endpoints.responses.maxBodyBytes|maxUrlParts|files|images': {
    effect: 'ignore',
    advice: LATER,
  },
  'gateway.http.endpoints.chatCompletions.maxBodyBytes|maxImageParts|maxTotalImageBytes|images': {
    effect: 'ignore',
    advice: LATER,
  },
  'gateway.controlUi.dangerouslyAllowHostHeaderOriginFallback': {
    effect: 'off',
    advice: 'Remove it: list origins in allowedOrigins.',
  },
  'gateway.controlUi.dangerouslyDisableDeviceAuth': {
    effect: 'off',
    advice: 'Remove it: device identities are always checked.',
  },
  'gateway.controlUi.allowInsecureAuth': { effect: 'off', advice: 'Remove it: there is no weaker way in.' },
  'gateway.controlUi.basePath|root|experimental|environment|communityInvite|github|embedSandbox|allowExternalEmbedUrls|automaticallyFetchFavicons|chatMessageMaxWidth|toolTitles':
    { effect: 'ignore', advice: LOOKS },
  'agents.ownership': { effect: 'ignore', advice: 'Remove it: mark one agent with default: true.' },
  'agents.defaults.workspace': {
    effect: 'refuse',
    advice:
      'Set workspace on single agents: one workspace for all would let one agent write what another reads.',
  },
  'agents.*.sandbox.docker.containerPrefix|workdir|readOnlyRoot|tmpfs|network|user|capDrop|env|setupCommand|pidsLimit|memory|memorySwap|cpus|gpus|ulimits|seccompProfile|apparmorProfile|dns|extraHosts|binds|dangerouslyAllowReservedContainerTargets|dangerouslyAllowExternalBindSources|dangerouslyAllowContainerNamespaceJoin':
    { effect: 'ignore', advice: SANDBOX },
  'agents.*.sandbox.ssh': { effect: 'ignore', advice: SANDBOX },
  'agents.*.sandbox.browser': { effect: 'off', advice: SANDBOX },
  'agents.*.sandbox.prune': { effect: 'ignore', advice: SANDBOX },
  'agents.*.sandbox.workspaceRoot': { effect: 'ignore', advice: SANDBOX },
  'agents.*.sandbox.perSession': {
    effect: 'refuse',
    advice: 'Write scope: "session" or scope: "agent" instead.',
  },
  'agents.*.heartbeat': { effect: 'off', advice: LATER },
  'agents.*.subagents': { effect: 'off', advice: LATER },
  'agents.*.runtime': { effect: 'refuse', advice: 'Remove it: agents run in Gatehouse itself.' },
  'agents.*.skills': { effect: 'off', advice: LATER },
  'agents.*.tools.elevated': { effect: 'off', advice: 'Remove it: nothing runs outside the sandbox.' },
  'agents.*.tools.exec': {
    effect: 'refuse',
    advice: 'Put it under tools.exec, or into the commands of the playbook.',
  },
  'agents.*.tools.profile': {
    effect: 'refuse',
    advice: 'Name the tools in allow, or choose another playbook.',
  },
  'agents.*.tools.alsoAllow|byProvider|fs|loopDetection|sandbox|message': { effect: 'ignore', advice: LATER },
  'session.groupScope|notifyOnCreate|identityLinks|reset|resetByType|resetByChannel|resetTriggers|store|maintenance|threadBindings|sharing|sendPolicy|mainKey|typingMode|idleMinutes':
    {
      effect: 'ignore',
      advice: 'Remove it: sessions are kept until `gatehouse sessions reset` or `delete`.',
    },
  'tools.exec.host': { effect: 'refuse', advice: 'Remove it: commands run in the sandbox only.' },
  'tools.exec.node': { effect: 'refuse', advice: 'Remove it: commands run in the sandbox only.' },
  'tools.exec.safeBins': { effect: 'refuse', advice: 'List commands in the playbook instead.' },
  'tools.exec.backgroundMs|cleanupMs|approvalRunningNoticeMs|notifyOnExit|notifyOnExitEmptySuccess|commandHighlighting|applyPatch|strictInlineEval|pathPrepend':
    { effect: 'ignore', advice: LATER },
  'tools.elevated.allowFrom': { effect: 'refuse', advice: 'Remove it: nothing runs outside the sandbox.' },
  'tools.sandbox': { effect: 'refuse', advice: 'Everything is sandboxed: use tools.allow and tools.deny.' },
  'tools.byProvider': { effect: 'refuse', advice: 'Use tools.deny, or another playbook for that agent.' },
  'tools.toolsBySender': {
    effect: 'refuse',
    advice: 'Give those senders an agent with a playbook of its own.',
  },
  'tools.agentToAgent': { effect: 'off', advice: LATER },
  'tools.web': { effect: 'ignore', advice: 'Remove it: web_fetch reaches the hosts of the playbook.' },
  'tools.media': { effect: 'ignore', advice: LATER },
  'tools.sessions': { effect: 'ignore', advice: 'Remove it: tools cannot see sessions.' },
  'tools.loopDetection': { effect: 'ignore', advice: 'Remove it: turns are bounded by `turn`.' },
  'tools.github': { effect: 'refuse', advice: LATER },
  'tools.codeMode': { effect: 'off', advice: LATER },
  'tools.updatePlan': { effect: 'ignore', advice: LATER },
  'secrets.defaults': { effect: 'refuse', advice: 'Name the provider in each reference.' },
  'secrets.egressProxy': { effect: 'ignore', advice: 'Remove it: everything goes through egress already.' },
  'logging.file': { effect: 'ignore', advice: 'Remove it: logs are in logs/ of the home.' },
  'logging.consoleLevel|consoleStyle|maxFileBytes|redactPatterns': { effect: 'ignore', advice: LOOKS },
  'models.mode': { effect: 'ignore', advice: 'Remove it: only listed providers exist.' },
  'models.providers.*.headers': {
    effect: 'refuse',
    advice: 'Remove it: headers are fixed; the key goes into apiKey.',
  },
  'models.providers.*.request': {
    effect: 'refuse',
    advice: 'Remove it: connections go through egress; name private networks in `networks`.',
  },
  'models.providers.*.auth': { effect: 'refuse', advice: 'Remove it: the header follows from `api`.' },
  'models.providers.*.authHeader': { effect: 'ignore', advice: 'Remove it: the header follows from `api`.' },
  'models.providers.*.models.*.reasoning|input|cost|maxTokens|compat|api|headers|params': {
    effect: 'ignore',
    advice: 'Remove it: only id, name and contextTokens matter here.',
  },
  'models.providers.*.maxTokens|timeoutSeconds|injectNumCtxForOpenAICompat|contextWindow|contextTokens': {
    effect: 'ignore',
    advice: LATER,
  },
  'channels.modelByChannel': { effect: 'refuse', advice: LATER },
  'channels.defaults.contextVisibility|implicitMentions|heartbeatVisibility|heartbeat': {
    effect: 'ignore',
    advice: LATER,
  },
  'channels.imessage': { effect: 'off', advice: LATER },
  'channels.matrix': { effect: 'off', advice: LATER },
  'channels.irc': { effect: 'off', advice: LATER },
  'channels.googlechat': { effect: 'off', advice: LATER },
  'channels.mattermost': { effect: 'off', advice: LATER },
  'channels.msteams': { effect: 'off', advice: LATER },
  'channels.line': { effect: 'off', advice: LATER },
  'channels.zalo': { effect: 'off', advice: LATER },
};

/** Keys of agents and channels that OpenClaw knows and that only tune what Gatehouse does not have. */
export const TUNING_KEYS: Readonly<Record<'agents' | 'channels' | 'groups', ReadonlySet<string>>> = {
  agents: new Set([
    'agentDir',
    'blockStreamingBreak',
    'blockStreamingChunk',
    'blockStreamingCoalesce',
    'blockStreamingDefault',
    'bootstrapMaxChars',
    'bootstrapTotalMaxChars',
    'compaction',
    'contextInjection',
    'contextLimits',
    'contextPruning',
    'cwd',
    'elevatedDefault',
    'fastModeDefault',
    'groupChat',
    'humanDelay',
    'identity',
    'imageMaxDimensionPx',
    'imageModel',
    'imageQuality',
    'maxConcurrent',
    'mediaMaxMb',
    'mediaModels',
    'models',
    'modelSelectionScope',
    'params',
    'pdfMaxMb',
    'pdfMaxPages',
    'pdfModel',
    'reasoningDefault',
    'repoRoot',
    'skipBootstrap',
    'skipOptionalBootstrapFiles',
    'startupContext',
    'systemAgent',
    'thinkingDefault',
    'toolProgressDetail',
    'tts',
    'typingIntervalSeconds',
    'userTimezone',
    'utilityModel',
    'verboseDefault',
  ]),
  channels: new Set([
    'actions',
    'allowBots',
    'apiRoot',
    'capabilities',
    'commands',
    'configWrites',
    'contextVisibility',
    'customCommands',
    'defaultAccount',
    'dm',
    'dmHistoryLimit',
    'dms',
    'execApprovals',
    'healthMonitor',
    'historyLimit',
    'linkPreview',
    'maxLinesPerMessage',
    'mediaMaxMb',
    'network',
    'proxy',
    'reactionAllowlist',
    'reactionNotifications',
    'replyToMode',
    'selfChatMode',
    'sendReadReceipts',
    'slashCommand',
    'streaming',
    'suppressEmbeds',
    'textChunkLimit',
    'thread',
    'threadBindings',
    'trustedLocalFileRoots',
    'typingReaction',
    'unfurlLinks',
    'unfurlMedia',
    'voice',
    'webhookPath',
    'webhookUrl',
    'authDir',
    'httpHost',
    'httpPort',
    'httpUrl',
    'cliPath',
    'guilds',
    'channels',
  ]),
  groups: new Set(['skills', 'systemPrompt', 'topics', 'groupPolicy', 'users', 'allowBots', 'slug']),
};

/** What to say about values that OpenClaw takes and Gatehouse does not. */
export const VALUE_ADVICE: Readonly<Record<string, string>> = {
  'gateway.mode': 'only local is possible: this program is the gateway',
  'gateway.auth.mode':
    'only token and trusted-proxy are possible: there is no way in without a credential, and none that everybody shares',
  'gateway.auth.allowTailscale': 'only false is possible: a network is not a credential',
  'gateway.auth.rateLimit.exemptLoopback':
    'only false is possible: a page in a browser also comes from loopback',
  'gateway.http.endpoints.responses.enabled':
    'only false is possible: the Responses API is not there yet; use chat completions',
  'agents.any.sandbox.backend':
    'only bubblewrap, podman and docker are possible; remote executors come later',
  'agents.defaults.sandbox.backend':
    'only bubblewrap, podman and docker are possible; remote executors come later',
  'agents.any.sandbox.mode': 'only all is possible: nothing that a model asks for runs outside the sandbox',
  'agents.defaults.sandbox.mode':
    'only all is possible: nothing that a model asks for runs outside the sandbox',
  'tools.elevated.enabled': 'only false is possible: nothing runs outside the sandbox',
  'tools.fs.workspaceOnly': 'only true is possible: files outside the workspace are mounted by the playbook',
  'tools.exec.security': 'full is not possible: name commands in the playbook, or let it ask',
  'tools.exec.ask': 'off is not possible: what the playbook does not allow by name asks',
  'session.dmScope': 'main and per-peer are not possible: one sender would read the conversation of another',
  'session.scope': 'only per-sender is possible: one sender would read the conversation of another',
  'logging.redactSensitive': 'only tools is possible: secrets are always removed from logs',
};
