"""Keys of units that a service may have, by section, and the words that some of them take.

`systemd.unit(5)`, `systemd.service(5)`, `systemd.exec(5)`, `systemd.kill(5)` and
`systemd.resource-control(5)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_UNIT = """
After AllowIsolate Before BindsTo CollectMode ConditionPathExists ConditionPathIsDirectory
ConditionFileNotEmpty ConditionUser Conflicts DefaultDependencies Description Documentation
FailureAction FailureActionExitStatus IgnoreOnIsolate JobTimeoutAction JobTimeoutSec
JoinsNamespaceOf OnFailure OnFailureJobMode OnSuccess PartOf PropagatesReloadTo
PropagatesStopTo RefuseManualStart RefuseManualStop Requires RequiresMountsFor Requisite
RebootArgument SourcePath StartLimitAction StartLimitBurst StartLimitIntervalSec StopWhenUnneeded
SuccessAction SurviveFinalKillSignal Upholds WantsMountsFor Wants AssertPathExists
"""
_SERVICE = """
BusName ExecCondition ExecReload ExecStart ExecStartPost ExecStartPre ExecStop ExecStopPost
ExitType FileDescriptorStoreMax GuessMainPID NonBlocking NotifyAccess OOMPolicy OpenFile PIDFile
ReloadSignal RemainAfterExit Restart RestartForceExitStatus RestartMaxDelaySec RestartMode
RestartPreventExitStatus RestartSec RestartSteps RootDirectoryStartOnly RuntimeMaxSec
RuntimeRandomizedExtraSec Sockets SuccessExitStatus TimeoutAbortSec TimeoutSec
TimeoutStartFailureMode TimeoutStartSec TimeoutStopFailureMode TimeoutStopSec Type
USBFunctionDescriptors USBFunctionStrings WatchdogSec
AmbientCapabilities AppArmorProfile BindPaths BindReadOnlyPaths CacheDirectory
CacheDirectoryMode CapabilityBoundingSet ConfigurationDirectory ConfigurationDirectoryMode
CoredumpFilter CPUAffinity CPUSchedulingPolicy CPUSchedulingPriority DynamicUser Environment
EnvironmentFile ExecPaths ExecSearchPath Group IOSchedulingClass IOSchedulingPriority
IgnoreSIGPIPE ImportCredential InaccessiblePaths IPCNamespacePath KeyringMode LimitAS LimitCORE
LimitCPU LimitDATA LimitFSIZE LimitLOCKS LimitMEMLOCK LimitMSGQUEUE LimitNICE LimitNOFILE
LimitNPROC LimitRSS LimitRTPRIO LimitRTTIME LimitSIGPENDING LimitSTACK LoadCredential
LoadCredentialEncrypted LockPersonality LogExtraFields LogLevelMax LogNamespace
LogRateLimitBurst LogRateLimitIntervalSec LogsDirectory LogsDirectoryMode
MemoryDenyWriteExecute MountFlags MountImages NetworkNamespacePath Nice NoExecPaths
NoNewPrivileges NUMAMask NUMAPolicy OOMScoreAdjust PAMName PassEnvironment Personality
PrivateDevices PrivateIPC PrivateMounts PrivateNetwork PrivatePIDs PrivateTmp PrivateUsers
ProcSubset ProtectClock ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs
ProtectKernelModules ProtectKernelTunables ProtectProc ProtectSystem ReadOnlyPaths
ReadWritePaths RemoveIPC RestrictAddressFamilies RestrictFileSystems RestrictNamespaces
RestrictRealtime RestrictSUIDSGID RootDirectory RootImage RuntimeDirectory
RuntimeDirectoryMode RuntimeDirectoryPreserve SecureBits SELinuxContext SetCredential
SmackProcessLabel StandardError StandardInput StandardOutput StateDirectory StateDirectoryMode
SupplementaryGroups SyslogFacility SyslogIdentifier SyslogLevel SystemCallArchitectures
SystemCallErrorNumber SystemCallFilter SystemCallLog TemporaryFileSystem TimerSlackNSec TTYPath
UMask UnsetEnvironment User UtmpIdentifier UtmpMode WorkingDirectory
FinalKillSignal KillMode KillSignal RestartKillSignal SendSIGHUP SendSIGKILL WatchdogSignal
AllowedCPUs AllowedMemoryNodes CPUAccounting CPUQuota CPUQuotaPeriodSec CPUWeight Delegate
DeviceAllow DevicePolicy IOAccounting IODeviceWeight IOReadBandwidthMax IOWeight
IOWriteBandwidthMax IPAccounting IPAddressAllow IPAddressDeny IPEgressFilterPath
IPIngressFilterPath ManagedOOMMemoryPressure ManagedOOMPreference ManagedOOMSwap
MemoryAccounting MemoryHigh MemoryLow MemoryMax MemoryMin MemorySwapMax MemoryZSwapMax Slice
SocketBindAllow SocketBindDeny StartupAllowedCPUs StartupCPUWeight StartupIOWeight
StartupMemoryHigh StartupMemoryLow StartupMemoryMax TasksAccounting TasksMax
RestrictNetworkInterfaces
"""
KEYS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "Unit": frozenset(_UNIT.split()),
        "Service": frozenset(_SERVICE.split()),
        "Install": frozenset(("Alias", "Also", "DefaultInstance", "RequiredBy", "UpheldBy",
                              "WantedBy")),
    }
)  # fmt: skip
_FLAG = ("yes", "no", "true", "false", "on", "off", "1", "0")
WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "KillMode": ("control-group", "mixed", "process", "none"),
        "OOMPolicy": ("continue", "stop", "kill"),
        "ProtectHome": (*_FLAG, "read-only", "tmpfs"),
        "ProtectProc": ("noaccess", "invisible", "ptraceable", "default"),
        "ProtectSystem": (*_FLAG, "full", "strict"),
        "Restart": (
            "no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always",
        ),
        "Type": ("simple", "exec", "forking", "oneshot", "dbus", "notify", "notify-reload", "idle"),
        **dict.fromkeys(
            (
                "LockPersonality", "NoNewPrivileges", "PrivateDevices", "ProtectClock",
                "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables",
                "RemainAfterExit", "RemoveIPC", "RestrictRealtime", "RestrictSUIDSGID",
            ),
            _FLAG,
        ),
    }
)  # fmt: skip
"""What each of these takes; words of others are many."""
