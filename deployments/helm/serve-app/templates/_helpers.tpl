{{- /* Written by `serve-app export helm`; change serve_app/platforms/kubernetes instead. */ -}}
{{- define "serve-app.fullname" -}}
{{- $name := .Values.nameOverride | default .Release.Name | trunc 47 -}}
{{- $name = $name | trimSuffix "-" -}}
{{- if not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" $name) -}}
{{- fail (printf "%s cannot name a RayService: a letter first, then letters, digits, hyphens; set nameOverride" $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}
{{- define "serve-app.labels" }}
app.kubernetes.io/name: serve-app
app.kubernetes.io/instance: {{ .Release.Name | toJson }}
app.kubernetes.io/version: "0.1.0"
app.kubernetes.io/managed-by: {{ .Release.Service | toJson }}
helm.sh/chart: serve-app-0.1.0
{{- end }}

{{- define "serve-app.securityContext" }}
runAsNonRoot: true
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{- define "serve-app.podSecurityContext" }}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "serve-app.environment" }}
- name: FORWARDED_ALLOW_IPS
  value: ""
- name: HOME
  value: /var/lib/serve-app
- name: MKL_NUM_THREADS
  value: "1"
- name: OMP_NUM_THREADS
  value: "1"
- name: OPENBLAS_NUM_THREADS
  value: "1"
- name: PYTHONUNBUFFERED
  value: "1"
- name: RAY_SERVE_CONTROLLER_CALLBACK_IMPORT_PATH
  value: "serve_app.serving.edge:plain_messages"
- name: RAY_SERVE_ENABLE_HA_PROXY
  value: "1"
- name: RAY_SERVE_FALLBACK_PROXY_GRPC_PORT
  value: "9500"
- name: RAY_SERVE_FALLBACK_PROXY_HTTP_PORT
  value: "8500"
- name: RAY_SERVE_HAPROXY_BINARY_PATH
  value: /opt/serve-app/app/haproxy.sh
- name: RAY_SERVE_HAPROXY_CONFIG_FILE_LOC
  value: /tmp/serve-app/p/haproxy.cfg
- name: RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER
  value: "3s"
- name: RAY_SERVE_HAPROXY_LOG_TARGET
  value: "127.0.0.1:514 sample 1:1000"
- name: RAY_SERVE_HAPROXY_METRICS_ENABLED
  value: "0"
- name: RAY_SERVE_HAPROXY_METRICS_PORT
  value: "9102"
- name: RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH
  value: /tmp/serve-app/p/metrics.sock
- name: RAY_SERVE_HAPROXY_SERVER_STATE_BASE
  value: /tmp/serve-app/p
- name: RAY_SERVE_HAPROXY_SERVER_STATE_FILE
  value: /tmp/serve-app/p/server-state
- name: RAY_SERVE_HAPROXY_SOCKET_PATH
  value: /tmp/serve-app/p/admin.sock
- name: RAY_SERVE_HAPROXY_STARTUP_TIMEOUT_S
  value: "90"
- name: RAY_SERVE_HAPROXY_STATS_PORT
  value: "8404"
- name: RAY_SERVE_HAPROXY_TIMEOUT_SERVER_S
  value: "120"
- name: RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH
  value: "serve_app.serving.edge:middlewares"
- name: RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S
  value: "30"
- name: RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S
  value: "30"
- name: RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH
  value: "134217728"
- name: RAY_SERVE_REQUEST_LATENCY_BUCKETS_MS
  value: "0.5,1,2.5,5,10,25,50,100,250,500,1000,2500,10000"
- name: RAY_SERVE_THROUGHPUT_OPTIMIZED
  value: "1"
- name: RAY_SERVE_WORKER_PROXY_HTTP_PORT
  value: "8000"
- name: RAY_USAGE_STATS_ENABLED
  value: "0"
- name: RAY_max_direct_call_object_size
  value: "1048576"
- name: RAY_worker_niceness
  value: "0"
- name: SERVE_APP_ADMIN_PORT
  value: "8091"
- name: SERVE_APP_HOME
  value: /var/lib/serve-app
- name: SPT_NOENV
  value: "1"
- name: RAY_PROMETHEUS_HOST
  value: {{ .Values.prometheusUrl | toString | toJson }}
- name: RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S
  value: {{ .Values.drainSeconds | toString | toJson }}
{{- if .Values.database.enabled }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.existingSecret | toString | toJson }}
      key: {{ .Values.database.passwordKey | toString | toJson }}
{{- end }}
{{- end }}
