{{/* Names and labels. */}}
{{- define "hubbub.name" -}}
{{- $name := include "hubbub.chartName" . -}}
{{- if .Values.fullnameOverride -}}{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}{{- end -}}
{{- end }}

{{- define "hubbub.chartName" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "hubbub.selector" -}}
app.kubernetes.io/name: {{ include "hubbub.chartName" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "hubbub.labels" -}}
{{ include "hubbub.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "hubbub.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}
{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end }}

{{/* Who runs, in the order of the chain. A role is one entry here: what it listens on, which stores it
     uses, and whom it calls (by the setting that names them). */}}
{{- define "hubbub.roles" -}}
{{- $identity := .Values.identity.enabled -}}
gateway:
  clients: 8080
  grpc: {port: 7101, setting: HUBBUB_GATEWAY__INTERNAL__LISTEN}
  # Among themselves, and for networkPolicy.grpcClients: a Socket.IO client that polls may come to any of them.
  siblings: true
  calls:
    room: HUBBUB_GRPC__ROOM
    history: HUBBUB_GRPC__HISTORY
    {{- if $identity }}
    identity: HUBBUB_GRPC__IDENTITY
    {{- end }}
  stores: [redis]
  tokens: true
{{- if $identity }}
identity:
  grpc: {port: 7104, setting: HUBBUB_IDENTITY__LISTEN}
  calls: {room: HUBBUB_GRPC__ROOM}
  stores: [postgres, redis]
{{- end }}
room:
  grpc: {port: 7102, setting: HUBBUB_ROOM__LISTEN}
  calls:
    history: HUBBUB_GRPC__HISTORY
    {{- if $identity }}
    identity: HUBBUB_GRPC__IDENTITY
    {{- end }}
  stores: [postgres, redis]
history:
  grpc: {port: 7103, setting: HUBBUB_HISTORY__LISTEN}
  calls: {}
  stores: [postgres, redis]
{{- end }}

{{/* The ServiceAccount of a role. (dict "root" $ "role" name) */}}
{{- define "hubbub.serviceAccount" -}}
{{- $account := (get .root.Values .role).serviceAccount -}}
{{- if $account.name -}}{{ $account.name }}
{{- else if $account.create -}}{{ include "hubbub.name" .root }}-{{ .role }}
{{- else -}}default{{- end -}}
{{- end }}

{{/* Where operators' tools ask every role. */}}
{{- define "hubbub.adminPort" -}}7100{{- end }}

{{/* Seconds that a drain of a gateway takes at the most, from SIGTERM on. */}}
{{- define "hubbub.drainSeconds" -}}
{{- with .Values.gateway.drain -}}
{{ add (int .noticeSeconds) (int .windowSeconds) (int .patienceSeconds) 5 }}
{{- end -}}
{{- end }}

{{/* … and from the decision to end the pod on, with what ending a process takes. */}}
{{- define "hubbub.graceSeconds" -}}
{{ add (int .Values.gateway.drain.preStopSeconds) (include "hubbub.drainSeconds" . | int) 10 }}
{{- end }}

{{- define "hubbub.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .user | int64 }}
runAsGroup: {{ .user | int64 }}
fsGroup: {{ .user | int64 }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "hubbub.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where each secret is: `name` and `key`. */}}
{{- define "hubbub.secretName" -}}{{ include "hubbub.name" . }}-secrets{{- end }}

{{- define "hubbub.databaseSecret" -}}
{{- $db := .Values.database -}}
{{- if $db.existingSecret.name -}}{name: {{ $db.existingSecret.name }}, key: {{ $db.existingSecret.key }}}
{{- else if $db.cloudnativePG.enabled -}}{name: {{ include "hubbub.name" . }}-postgres-app, key: uri}
{{- else -}}{name: {{ include "hubbub.secretName" . }}, key: database-url}{{- end -}}
{{- end }}

{{- define "hubbub.redisSecret" -}}
{{- $redis := .Values.redis -}}
{{- if $redis.existingSecret.name -}}{name: {{ $redis.existingSecret.name }}, key: {{ $redis.existingSecret.key }}}
{{- else -}}{name: {{ include "hubbub.secretName" . }}, key: redis-url}{{- end -}}
{{- end }}

{{- define "hubbub.authSecret" -}}
{{- $auth := .Values.auth -}}
{{- if $auth.existingSecret.name -}}{name: {{ $auth.existingSecret.name }}, key: {{ $auth.existingSecret.key }}}
{{- else -}}{name: {{ include "hubbub.secretName" . }}, key: auth-secret}{{- end -}}
{{- end }}

{{- define "hubbub.tokenSecret" -}}
{{- $grpc := .Values.grpc -}}
{{- if $grpc.existingSecret.name -}}{name: {{ $grpc.existingSecret.name }}, key: {{ $grpc.existingSecret.key }}}
{{- else -}}{name: {{ include "hubbub.secretName" . }}, key: grpc-token}{{- end -}}
{{- end }}

{{/* Whether tokens of users are signed with a shared secret; else the issuer's keys are public. */}}
{{- define "hubbub.sharedSecret" -}}
{{- if or .Values.auth.secret .Values.auth.existingSecret.name (not (or .Values.auth.jwksUrl .Values.auth.publicKeys.files)) -}}yes{{- end -}}
{{- end }}

{{- define "hubbub.mtlsSecret" -}}
{{ .Values.mtls.existingSecret | default (printf "%s-mtls" (include "hubbub.name" .)) }}
{{- end }}

{{/* `name: value` as the environment of a container. */}}
{{- define "hubbub.env" -}}
- name: {{ .name }}
  value: {{ .value | toString | quote }}
{{- end }}

{{- define "hubbub.envSecret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef: {{ .from }}
{{- end }}

{{/* `gateway.hub.gap_hold` as HUBBUB_GATEWAY__HUB__GAP_HOLD. */}}
{{- define "hubbub.settings" -}}
{{- range $name, $value := . }}
{{- $text := kindIs "slice" $value | ternary (join "," (kindIs "slice" $value | ternary $value list)) (toString $value) }}
{{- if kindIs "float64" $value }}{{ $text = printf "%v" (eq (floor $value) $value | ternary (int64 $value) $value) }}{{ end }}
{{ include "hubbub.env" (dict "name" (printf "HUBBUB_%s" ($name | replace "." "__" | upper)) "value" $text) }}
{{- end }}
{{- end }}
