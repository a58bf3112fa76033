import { agentRun } from './agent/run.ts';
import { agentsList } from './agents/list.ts';
import { alertsAck } from './alerts/ack.ts';
import { alertsDestinations } from './alerts/destinations.ts';
import { alertsList } from './alerts/list.ts';
import { alertsShow } from './alerts/show.ts';
import { alertsSilence } from './alerts/silence.ts';
import { alertsSilences } from './alerts/silences.ts';
import { alertsTest } from './alerts/test.ts';
import { alertsUnsilence } from './alerts/unsilence.ts';
import { anchorKeep } from './anchor/keep.ts';
import { anchorList } from './anchor/list.ts';
import { approvalsApprove } from './approvals/approve.ts';
import { approvalsBatch } from './approvals/batch.ts';
import { approvalsDeny } from './approvals/deny.ts';
import { approvalsList } from './approvals/list.ts';
import { approvalsResolve } from './approvals/resolve.ts';
import { approvalsShow } from './approvals/show.ts';
import { approvalsSuggest } from './approvals/suggest.ts';
import { attestCreate } from './attest/create.ts';
import { backupCreate } from './backup/create.ts';
import { backupList } from './backup/list.ts';
import { budgetShow } from './budget/show.ts';
import { channelsStatus } from './channels/status.ts';
import { chatAbort } from './chat/abort.ts';
import { chatHistory } from './chat/history.ts';
import { chatSend } from './chat/send.ts';
import { configApply } from './config/apply.ts';
import { configDiff } from './config/diff.ts';
import { configGet } from './config/get.ts';
import { configHistory } from './config/history.ts';
import { configSchema } from './config/print-schema.ts';
import { configReload } from './config/reload.ts';
import { configRollback } from './config/rollback.ts';
import { configSet } from './config/set.ts';
import { configValidate } from './config/validate.ts';
import type { Operation } from './define.ts';
import { deviceApprove } from './device/approve.ts';
import { deviceList } from './device/list.ts';
import { deviceReject } from './device/reject.ts';
import { deviceRemove } from './device/remove.ts';
import { doctorFix } from './doctor/fix.ts';
import { doctorHistory } from './doctor/history.ts';
import { doctorRun } from './doctor/run.ts';
import { doctorUndo } from './doctor/undo.ts';
import { driftBaseline } from './drift/baseline.ts';
import { driftCheck } from './drift/check.ts';
import { driftWatch } from './drift/watch.ts';
import { drillHistoryOf } from './drill/history.ts';
import { drillList } from './drill/list.ts';
import { drillRun } from './drill/run.ts';
import { egressAllow } from './egress/allow.ts';
import { egressCheck } from './egress/check.ts';
import { egressDiff } from './egress/diff.ts';
import { egressExplain } from './egress/explain.ts';
import { egressLog } from './egress/log.ts';
import { egressReload } from './egress/reload.ts';
import { egressReplay } from './egress/replay.ts';
import { egressTop } from './egress/top.ts';
import { frontNginx } from './front/nginx.ts';
import { frontTailscale } from './front/tailscale.ts';
import { frontWireguard } from './front/wireguard.ts';
import { gatewayRestart } from './gateway/restart.ts';
import { gatewayStatus } from './gateway/status.ts';
import { gatewayStop } from './gateway/stop.ts';
import { grantAdd } from './grant/add.ts';
import { grantApprove } from './grant/approve.ts';
import { grantBreakglass } from './grant/breakglass.ts';
import { grantList } from './grant/list.ts';
import { grantRevoke } from './grant/revoke.ts';
import { grantShow } from './grant/show.ts';
import { healthGet } from './health/get.ts';
import { honeytokenCheck } from './honeytoken/check.ts';
import { honeytokenList } from './honeytoken/list.ts';
import { honeytokenPlant } from './honeytoken/plant.ts';
import { honeytokenRemove } from './honeytoken/remove.ts';
import { instancesAdd } from './instances/add.ts';
import { instancesList } from './instances/list.ts';
import { instancesRemove } from './instances/remove.ts';
import { inventoryAll } from './inventory/all.ts';
import { inventoryListeners } from './inventory/listeners.ts';
import { inventoryModels } from './inventory/models.ts';
import { inventoryPrincipals } from './inventory/principals.ts';
import { inventorySkills } from './inventory/skills.ts';
import { inventoryTools } from './inventory/tools.ts';
import { ledgerActivity } from './ledger/activity.ts';
import { ledgerAnchor } from './ledger/anchor.ts';
import { ledgerDelivery } from './ledger/delivery.ts';
import { ledgerEvidence } from './ledger/evidence.ts';
import { ledgerRetire } from './ledger/retire.ts';
import { ledgerSearch } from './ledger/search.ts';
import { ledgerShow } from './ledger/show.ts';
import { ledgerTail } from './ledger/tail.ts';
import { ledgerVerify } from './ledger/verify.ts';
import { ledgerWho } from './ledger/who.ts';
import { loginEnd } from './login/end.ts';
import { loginLink } from './login/link.ts';
import { loginList } from './login/list.ts';
import { logsTail } from './logs/tail.ts';
import { metricsShow } from './metrics/show.ts';
import { modelsList } from './models/list.ts';
import { pairingApprove } from './pairing/approve.ts';
import { pairingDeny } from './pairing/deny.ts';
import { pairingList } from './pairing/list.ts';
import { principalAdd } from './principal/add.ts';
import { principalBind } from './principal/bind.ts';
import { principalDisable } from './principal/disable.ts';
import { principalEnable } from './principal/enable.ts';
import { principalList } from './principal/list.ts';
import { principalShow } from './principal/show.ts';
import { principalUnbind } from './principal/unbind.ts';
import { reportCreate } from './report/create.ts';
import { runWait } from './run/wait.ts';
import { sandboxExec } from './sandbox/exec.ts';
import { sandboxExplain } from './sandbox/explain.ts';
import { sandboxList } from './sandbox/list.ts';
import { sandboxSetup } from './sandbox/setup.ts';
import { secretsCheck } from './secrets/check.ts';
import { secretsExplain } from './secrets/explain.ts';
import { secretsList } from './secrets/list.ts';
import { securityAudit } from './security/audit.ts';
import { sendersAllow } from './senders/allow.ts';
import { sendersBlock } from './senders/block.ts';
import { sendersList } from './senders/list.ts';
import { sessionsAbort } from './sessions/abort.ts';
import { sessionsCreate } from './sessions/create.ts';
import { sessionsDelete } from './sessions/delete.ts';
import { sessionsList } from './sessions/list.ts';
import { sessionsPatch } from './sessions/patch.ts';
import { sessionsReset } from './sessions/reset.ts';
import { sessionsShow } from './sessions/show.ts';
import { sessionsUntaint } from './sessions/untaint.ts';
import { standingAdd } from './standing/add.ts';
import { standingList } from './standing/list.ts';
import { standingRevoke } from './standing/revoke.ts';
import { standingShow } from './standing/show.ts';
import { tokenIdentify } from './token/identify.ts';
import { tokenIssue } from './token/issue.ts';
import { tokenList } from './token/list.ts';
import { tokenRevoke } from './token/revoke.ts';
import { tokenRotate } from './token/rotate.ts';
import { tokenStatus } from './token/status.ts';
import { toolsInvoke } from './tools/invoke.ts';
import { toolsList } from './tools/list.ts';
import { tunnelPrint } from './tunnel/print.ts';

/**
 * Everything anyone can ask Gatehouse to do. CLI commands, HTTP routes, WebSocket methods, OpenAPI and the
 * reference pages are made from this array and from nothing else.
 */
export const OPERATIONS: readonly Operation[] = Object.freeze([
  agentRun,
  chatSend,
  chatHistory,
  chatAbort,
  runWait,
  sessionsList,
  sessionsShow,
  sessionsUntaint,
  sessionsCreate,
  sessionsPatch,
  sessionsReset,
  sessionsDelete,
  sessionsAbort,
  agentsList,
  modelsList,
  toolsList,
  toolsInvoke,
  approvalsList,
  approvalsShow,
  approvalsResolve,
  approvalsApprove,
  approvalsDeny,
  tokenIdentify,
  approvalsBatch,
  approvalsSuggest,
  standingList,
  standingShow,
  standingAdd,
  standingRevoke,
  tokenIssue,
  tokenList,
  tokenRevoke,
  tokenRotate,
  tokenStatus,
  principalAdd,
  principalList,
  principalShow,
  principalBind,
  principalUnbind,
  principalDisable,
  principalEnable,
  loginLink,
  loginList,
  loginEnd,
  deviceList,
  deviceApprove,
  deviceReject,
  deviceRemove,
  channelsStatus,
  pairingList,
  pairingApprove,
  pairingDeny,
  secretsList,
  secretsCheck,
  secretsExplain,
  sendersList,
  sendersAllow,
  sendersBlock,
  configValidate,
  configGet,
  configSet,
  configApply,
  configSchema,
  configHistory,
  configDiff,
  configRollback,
  configReload,
  alertsList,
  alertsShow,
  alertsAck,
  alertsTest,
  alertsDestinations,
  alertsSilence,
  alertsSilences,
  alertsUnsilence,
  budgetShow,
  instancesList,
  instancesAdd,
  instancesRemove,
  metricsShow,
  reportCreate,
  ledgerTail,
  ledgerAnchor,
  anchorKeep,
  anchorList,
  ledgerSearch,
  ledgerEvidence,
  ledgerRetire,
  ledgerActivity,
  ledgerDelivery,
  ledgerShow,
  ledgerVerify,
  ledgerWho,
  sandboxExplain,
  sandboxList,
  sandboxSetup,
  sandboxExec,
  egressCheck,
  egressExplain,
  egressLog,
  egressTop,
  egressDiff,
  egressReplay,
  egressReload,
  egressAllow,
  grantAdd,
  grantApprove,
  grantList,
  grantShow,
  grantRevoke,
  grantBreakglass,
  doctorRun,
  doctorFix,
  doctorUndo,
  doctorHistory,
  securityAudit,
  drillRun,
  drillList,
  drillHistoryOf,
  attestCreate,
  driftBaseline,
  driftCheck,
  driftWatch,
  backupCreate,
  backupList,
  inventoryListeners,
  inventoryPrincipals,
  inventoryModels,
  inventorySkills,
  inventoryTools,
  inventoryAll,
  tunnelPrint,
  frontNginx,
  frontTailscale,
  frontWireguard,
  gatewayStatus,
  gatewayStop,
  gatewayRestart,
  healthGet,
  honeytokenPlant,
  honeytokenList,
  honeytokenCheck,
  honeytokenRemove,
  logsTail,
]);
