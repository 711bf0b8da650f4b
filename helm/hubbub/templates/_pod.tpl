{{/* What every container of a role has in its environment. (dict "root" $ "role" name "is" entry) */}}
{{- define "hubbub.environment" -}}
{{- $root := .root -}}{{- $v := $root.Values -}}{{- $role := .role -}}{{- $is := .is -}}
{{ include "hubbub.env" (dict "name" "HUBBUB_ADMIN__LISTEN" "value" (printf "0.0.0.0:%s" (include "hubbub.adminPort" $root))) }}
{{ include "hubbub.env" (dict "name" "HUBBUB_TELEMETRY__LOG_FORMAT" "value" $v.logFormat) }}
{{ include "hubbub.env" (dict "name" "RUST_LOG" "value" $v.logFilter) }}
{{- with $v.otlpEndpoint }}
{{ include "hubbub.env" (dict "name" "HUBBUB_TELEMETRY__OTLP_ENDPOINT" "value" .) }}
{{- end }}
{{- with $is.grpc }}
{{ include "hubbub.env" (dict "name" .setting "value" (printf "0.0.0.0:%d" (int .port))) }}
{{- end }}
{{- $roles := include "hubbub.roles" $root | fromYaml }}
{{- range $callee, $setting := $is.calls }}
{{- $port := (get (get $roles $callee) "grpc").port }}
{{ include "hubbub.env" (dict "name" $setting "value" (printf "%s-%s:%d" (include "hubbub.name" $root) $callee (int $port))) }}
{{- end }}
{{ include "hubbub.envSecret" (dict "name" "HUBBUB_GRPC__TOKEN" "from" (include "hubbub.tokenSecret" $root)) }}
{{- if has "postgres" $is.stores }}
{{ include "hubbub.envSecret" (dict "name" "DATABASE_URL" "from" (include "hubbub.databaseSecret" $root)) }}
{{ include "hubbub.env" (dict "name" "HUBBUB_DATABASE__MIGRATE_ON_START" "value" "false") }}
{{- end }}
{{- if has "redis" $is.stores }}
{{ include "hubbub.envSecret" (dict "name" "REDIS_URL" "from" (include "hubbub.redisSecret" $root)) }}
{{- if $v.redis.ca.existingSecret }}
{{ include "hubbub.env" (dict "name" "HUBBUB_BUS__CA_FILE" "value" "/etc/hubbub/redis/ca.crt") }}
{{- end }}
{{- end }}
{{- if $v.mtls.enabled }}
{{ include "hubbub.env" (dict "name" "HUBBUB_GRPC__TLS__ENABLED" "value" "true") }}
{{ include "hubbub.env" (dict "name" "HUBBUB_GRPC__TLS__NAME" "value" $v.mtls.name) }}
{{ include "hubbub.env" (dict "name" "HUBBUB_GRPC__TLS__CA_FILE" "value" "/etc/hubbub/mtls/ca.crt") }}
{{ include "hubbub.env" (dict "name" "HUBBUB_GRPC__TLS__CERT_FILE" "value" "/etc/hubbub/mtls/tls.crt") }}
{{ include "hubbub.env" (dict "name" "HUBBUB_GRPC__TLS__KEY_FILE" "value" "/etc/hubbub/mtls/tls.key") }}
{{- end }}
{{- if $is.siblings }}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
{{ include "hubbub.env" (dict "name" "HUBBUB_GATEWAY__INTERNAL__ADVERTISE" "value" (printf "$(POD_IP):%d" (int $is.grpc.port))) }}
{{- end }}
{{- if eq $role "identity" }}
{{ include "hubbub.env" (dict "name" "HUBBUB_AUTH__ISSUER" "value" $v.auth.issuer) }}
{{ include "hubbub.env" (dict "name" "HUBBUB_AUTH__AUDIENCE" "value" $v.auth.audience) }}
{{ include "hubbub.env" (dict "name" "HUBBUB_IDENTITY__ACCOUNTS" "value" $v.identity.accounts) }}
{{- end }}
{{- if $is.tokens }}
{{- include "hubbub.environmentOfTokens" $root | nindent 0 }}
{{- end }}
{{- if eq $role "gateway" }}
{{- include "hubbub.environmentOfGateway" (dict "root" $root "is" $is) | nindent 0 }}
{{- end }}
{{- include "hubbub.settings" (merge (dict) (get $v $role).settings $v.settings) }}
{{- end }}

{{/* The same with what the values add. */}}
{{- define "hubbub.wholeEnvironment" -}}
{{ include "hubbub.environment" . }}
{{- include "hubbub.extra" (dict "root" .root "role" .role "key" "extraEnv") }}
{{- end }}

{{/* What the values add for a role, behind what they add for all: `extraEnv`, `extraVolumes` and
     `extraVolumeMounts`, as YAML, or nothing. (dict "root" $ "role" name "key" "extraEnv") */}}
{{- define "hubbub.extra" -}}
{{- with concat (get .root.Values .key) (get (get .root.Values .role) .key) }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* How tokens of users are judged. */}}
{{- define "hubbub.environmentOfTokens" -}}
{{- $auth := .Values.auth -}}
{{ include "hubbub.env" (dict "name" "HUBBUB_AUTH__ISSUER" "value" $auth.issuer) }}
{{ include "hubbub.env" (dict "name" "HUBBUB_AUTH__AUDIENCE" "value" $auth.audience) }}
{{- if include "hubbub.sharedSecret" . }}
{{ include "hubbub.envSecret" (dict "name" "HUBBUB_AUTH__SECRET" "from" (include "hubbub.authSecret" .)) }}
{{- end }}
{{- with $auth.jwksUrl }}
{{ include "hubbub.env" (dict "name" "HUBBUB_AUTH__JWKS_URL" "value" .) }}
{{- end }}
{{- with $auth.publicKeys.files }}
{{- $files := list }}{{ range . }}{{ $files = append $files (printf "/etc/hubbub/keys/%s" .) }}{{ end }}
{{ include "hubbub.env" (dict "name" "HUBBUB_AUTH__PUBLIC_KEY_FILES" "value" (join "," $files)) }}
{{- end }}
{{- end }}

{{- define "hubbub.environmentOfGateway" -}}
{{- $gateway := .root.Values.gateway -}}
{{ include "hubbub.env" (dict "name" "HUBBUB_GATEWAY__EDGE__LISTEN" "value" (printf "0.0.0.0:%d" (int .is.clients))) }}
{{ include "hubbub.env" (dict "name" "HUBBUB_GATEWAY__EDGE__CONNECTIONS_MAX" "value" (int $gateway.connectionsMax)) }}
{{ include "hubbub.env" (dict "name" "HUBBUB_GATEWAY__EDGE__ALLOWED_ORIGINS" "value" (join "," $gateway.allowedOrigins)) }}
{{- with $gateway.trustedProxies }}
{{ include "hubbub.env" (dict "name" "HUBBUB_GATEWAY__EDGE__TRUSTED_PROXIES" "value" (join "," .)) }}
{{- end }}
{{- with $gateway.drain }}
{{ include "hubbub.env" (dict "name" "HUBBUB_GATEWAY__DRAIN__NOTICE" "value" (printf "%ds" (int .noticeSeconds))) }}
{{ include "hubbub.env" (dict "name" "HUBBUB_GATEWAY__DRAIN__WINDOW" "value" (printf "%ds" (int .windowSeconds))) }}
{{ include "hubbub.env" (dict "name" "HUBBUB_GATEWAY__DRAIN__PATIENCE" "value" (printf "%ds" (int .patienceSeconds))) }}
{{- end }}
{{ include "hubbub.env" (dict "name" "HUBBUB_GATEWAY__REBALANCE__ENABLED" "value" $gateway.rebalance) }}
{{ include "hubbub.env" (dict "name" "HUBBUB_GATEWAY__REBALANCE__HOLD" "value" (printf "%ss" (include "hubbub.graceSeconds" .root))) }}
{{ include "hubbub.env" (dict "name" "HUBBUB_SHUTDOWN__DRAIN_TIMEOUT" "value" (printf "%ss" (include "hubbub.drainSeconds" .root))) }}
{{- end }}

{{/* Files that a role reads: mounts, and what is mounted. */}}
{{- define "hubbub.mounts" -}}
{{- $v := .root.Values -}}
{{- if $v.mtls.enabled }}
- {name: mtls, mountPath: /etc/hubbub/mtls, readOnly: true}
{{- end }}
{{- if and (has "redis" .is.stores) $v.redis.ca.existingSecret }}
- {name: redis-ca, mountPath: /etc/hubbub/redis, readOnly: true}
{{- end }}
{{- if and .is.tokens $v.auth.publicKeys.files }}
- {name: keys, mountPath: /etc/hubbub/keys, readOnly: true}
{{- end }}
{{- include "hubbub.extra" (dict "root" .root "role" .role "key" "extraVolumeMounts") }}
{{- end }}

{{- define "hubbub.volumes" -}}
{{- $v := .root.Values -}}
{{- if $v.mtls.enabled }}
- name: mtls
  secret: {secretName: {{ include "hubbub.mtlsSecret" .root }}, defaultMode: 0440}
{{- end }}
{{- if and (has "redis" .is.stores) $v.redis.ca.existingSecret }}
- name: redis-ca
  secret:
    secretName: {{ $v.redis.ca.existingSecret }}
    items: [{key: {{ $v.redis.ca.key }}, path: ca.crt}]
{{- end }}
{{- if and .is.tokens $v.auth.publicKeys.files }}
- name: keys
  secret: {secretName: {{ $v.auth.publicKeys.existingSecret }}}
{{- end }}
{{- include "hubbub.extra" (dict "root" .root "role" .role "key" "extraVolumes") }}
{{- end }}
